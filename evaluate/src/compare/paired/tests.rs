//! Differences between two models, from their reports and their windows.
//!
//! The models play the toy world of the tests (`testing/toy_world.rs`), where all values are known.

use serde_json::Value;

use super::*;
use crate::compare::name::names;
use crate::evaluation::RowHeader;
use crate::held_out::LabelNames;
use crate::measure::{MeasurementInputs, Settings, measure};
use crate::report::schema::ReportLineage;
use crate::report::{AgreementWindows, Provenance, summarise};
use crate::testing::{ACTION_NAMES, Flaw, SilentObserver, ToyWorld, recordings};

type Windows = BTreeMap<(String, u32), MeasuredWindow>;

/// Returns the report of a toy model, and its rows of `windows.parquet`.
fn measured(flaw: Flaw, sources: usize, prompt_frames: usize) -> (Value, Windows) {
    let settings = Settings {
        prompt_frames,
        samples: 1,
        batch: 8,
        seed: 0,
        scenes: 0,
        held: 0,
        starts: 8,
        true_actions: false,
    };
    let (windows, videos) = recordings(sources, 4);
    let load = |index: usize| Ok(videos[index].clone());
    let inputs = MeasurementInputs {
        windows: &windows,
        load: &load,
        mean_frame: None,
        frame_distance: None,
    };
    let found = measure(&ToyWorld(flaw), &inputs, &settings, &SilentObserver).unwrap().unwrap();
    let header =
        RowHeader { report: "r".into(), dynamics: "d".into(), prompt_frames, seed: settings.seed };
    let rows = windows
        .iter()
        .zip(&found.scores)
        .enumerate()
        .map(|(index, (window, scores))| header.row(index, window, scores, Vec::new()));
    let rows = rows.map(|row| ((row.clip_id.clone(), row.first_frame), row)).collect();
    let actions = ACTION_NAMES.map(str::to_owned).to_vec();
    let provenance = Provenance {
        created: String::new(),
        lineage: ReportLineage::default(),
        windows_asked: windows.len(),
        bootstrap_draws: 100,
        ceiling: None,
        distances: Vec::new(),
        speed: None,
        lpips_weights: None,
        warnings: Vec::new(),
    };
    let names = LabelNames { effects: actions.clone(), actions };
    let labelled = AgreementWindows::measured(&found, &windows, &names);
    let report = summarise(&found, &windows, &labelled, &settings, provenance);
    (serde_json::from_str(&report.to_json().unwrap()).unwrap(), rows)
}

fn difference(name: MetricName, a: &Value, b: &Value) -> f64 {
    name.value(b).unwrap().0 - name.value(a).unwrap().0
}

/// Catches: the value of a metric computed from windows differs from the report (`interval` returns
/// an error then); an interval does not contain the difference; a difference has the wrong sign.
#[test]
fn windows_and_reports_give_the_same_differences() {
    let ((good, good_rows), (bad, bad_rows)) =
        (measured(Flaw::None, 10, 1), measured(Flaw::Imperfect, 10, 1));
    let paired = Paired::new(&good_rows, &bad_rows, 200).unwrap();
    let mut compared = 0;
    for name in names(&[&good, &bad]) {
        let difference = difference(name, &good, &bad);
        match (name.metric.per_window, paired.interval(name, difference)) {
            (PerWindow::No, found) => assert!(found.is_err()),
            (_, found) => {
                let [low, high] = found.unwrap_or_else(|why| panic!("{name}: {why}"));
                assert!(
                    low <= difference && difference <= high,
                    "{name}: {difference} in [{low}, {high}]"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 4 * 15, "{compared}");
    let [_, high] = paired
        .interval(
            MetricName::parse("psnr_4").unwrap(),
            difference(MetricName::parse("psnr_4").unwrap(), &good, &bad),
        )
        .unwrap();
    assert!(high < -5.0, "the flawed model is clearly worse: at best {high}");
}

/// Catches: windows are paired by their position in the list; the two reports are resampled
/// independently, so a constant difference gets a wide interval.
#[test]
fn a_constant_difference_has_a_narrow_interval() {
    let (report, rows) = measured(Flaw::Imperfect, 6, 1);
    let name = MetricName::parse("psnr_3").unwrap();
    let shifted: Windows = rows
        .iter()
        .map(|(place, row)| {
            let mut row = row.clone();
            row.scores.inferred_psnr.iter_mut().for_each(|psnr| *psnr += 0.5);
            (place.clone(), row)
        })
        .collect();
    let [low, high] = Paired::new(&rows, &shifted, 200).unwrap().interval(name, 0.5).unwrap();
    assert!((low - 0.5).abs() < 1e-9 && (high - 0.5).abs() < 1e-9, "[{low}, {high}]");
    let alone = name.value(&report).unwrap().1.unwrap();
    assert!(alone[1] - alone[0] > 0.5, "{alone:?}");
}

/// Catches: frames are counted from the first generated frame, so that t = 4 means different frames
/// for different prompts.
#[test]
fn frames_are_counted_from_the_window_s_first() {
    let ((short, short_rows), (long, long_rows)) =
        (measured(Flaw::Late, 4, 1), measured(Flaw::Late, 4, 3));
    let paired = Paired::new(&short_rows, &long_rows, 50).unwrap();
    let name = MetricName::parse("psnr_5").unwrap();
    assert!(paired.interval(name, difference(name, &short, &long)).is_ok());
    assert!(
        paired.interval(MetricName::parse("psnr_2").unwrap(), 0.0).is_err(),
        "frame 2 is in the prompt of one report"
    );
}

/// Catches: an interval is computed for reports with different windows, or from windows that do not
/// belong to the report.
#[test]
fn without_pairs_there_is_no_interval() {
    let ((report, rows), (fewer, fewer_rows)) =
        (measured(Flaw::Late, 4, 1), measured(Flaw::Late, 3, 1));
    let why = Paired::new(&rows, &fewer_rows, 50).err().unwrap();
    assert!(why.contains("16 and 12 windows, 12 of them in both"), "{why}");
    let paired = Paired::new(&rows, &rows, 50).unwrap();
    let name = MetricName::parse("delta_psnr_4").unwrap();
    assert_eq!(paired.interval(name, 0.0), Ok([0.0, 0.0]));
    assert!(
        paired
            .interval(name, difference(name, &fewer, &report) + 0.1)
            .unwrap_err()
            .contains("differs from that in report.json")
    );
    let one = measured(Flaw::Late, 1, 1).1;
    assert!(
        Paired::new(&one, &one, 50).unwrap().interval(name, 0.0).unwrap_err().contains("one clip")
    );
}
