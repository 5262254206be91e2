//! An evaluation that is stopped, or whose stored batches are damaged, against a full run.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use camino::Utf8PathBuf;
use genie_shards::rollout_hash;

use super::*;
use crate::distance::Groups;
use crate::held_out::LabelNames;
use crate::report::schema::ReportLineage;
use crate::report::{AgreementWindows, Provenance, summarise};
use crate::testing::{CountingEncoder, FRAMES, Flaw, ToyWorld, WithRollout, recordings};
use crate::world::{ActionBatch, TokenBatch};

const SETTINGS: Settings = Settings {
    prompt_frames: 1,
    samples: 1,
    batch: 5,
    seed: 0,
    scenes: 2,
    held: 1,
    starts: 7,
    true_actions: false,
};
/// Rollouts of each batch: three arms, and one rollout for each of the seven starts.
const BATCHES: [usize; 5] = [3 + 5, 3 + 2, 3, 3, 3];
/// Rollouts of all batches, and those that measure speed.
const ALL: usize = 22 + SPEED_RUNS;

/// A dataset with one report.
struct Dataset {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    windows: Vec<HeldOutWindow>,
    videos: Vec<VideoBatch>,
}

impl Dataset {
    fn new() -> Dataset {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let (windows, videos) = recordings(6, 4);
        Dataset { _dir: dir, root, windows, videos }
    }

    fn report(&self) -> Utf8PathBuf {
        self.root.join("reports/k")
    }

    /// Runs until rollout `at`, or to the end if `at` is 0.
    ///
    /// Returns the report and the rows, or `None` if it is stopped, and the number of rollouts.
    fn work(
        &self,
        settings: &Settings,
        at: usize,
    ) -> (Option<(String, Vec<MeasuredWindow>)>, usize) {
        let stop = Stop::manual();
        let rollouts = Cell::new(0);
        let counted =
            |world: &ToyWorld, prompt: &TokenBatch, actions: &ActionBatch, seeds: &[u64]| {
                rollouts.set(rollouts.get() + 1);
                if rollouts.get() == at {
                    stop.request();
                }
                world.rollout(prompt, actions, seeds)
            };
        let model = WithRollout(ToyWorld(Flaw::Imperfect), counted);
        let header = RowHeader {
            report: "k".into(),
            dynamics: "d".into(),
            prompt_frames: settings.prompt_frames,
            seed: settings.seed,
        };
        let evaluation = Evaluation {
            model: &model,
            windows: &self.windows,
            frames: FRAMES,
            load: &|index| Ok(self.videos[index].clone()),
            mean_frame: None,
            frame_distance: None,
            device: "cpu",
            settings,
            bootstrap: 50,
            root: &self.root,
            report: &self.report(),
            header,
            stop: &stop,
        };
        // With two encoders, a mix-up of their features shows in the report.
        let encoders: Encoders =
            vec![Rc::new(CountingEncoder::new("one")), Rc::new(CountingEncoder::new("two"))];
        let done = evaluation.run(Some((Groups::of(&self.windows).unwrap(), encoders))).unwrap();
        let finished = done.map(|EvaluationResult { found, distances, rows, .. }| {
            let scenes = format!("{:?}", found.scenes);
            let provenance = Provenance {
                created: String::new(),
                lineage: ReportLineage::default(),
                windows_asked: self.windows.len(),
                bootstrap_draws: 50,
                ceiling: None,
                distances,
                speed: None,
                lpips_weights: None,
                warnings: Vec::new(),
            };
            let names = LabelNames::default();
            let labelled = AgreementWindows::measured(&found, &self.windows, &names);
            let report = summarise(&found, &self.windows, &labelled, settings, provenance)
                .to_json()
                .unwrap();
            (report + &scenes, rows)
        });
        (finished, rollouts.get())
    }
}

/// Catches: a batch is lost or counted twice after a stop; features, token counts or scores are
/// read back in another order or rounded; pictures are missing because their batch was stored;
/// stored batches are measured again.
#[test]
fn stopped_anywhere_it_ends_as_if_never_stopped() {
    let (whole, rollouts) = Dataset::new().work(&SETTINGS, 0);
    assert_eq!(rollouts, ALL);
    for at in [1, 9, 13, 20, 24] {
        let dataset = Dataset::new();
        let (stopped, before) = dataset.work(&SETTINGS, at);
        assert!(stopped.is_none() && before == at, "{before} rollouts instead of {at}");
        let (resumed, after) = dataset.work(&SETTINGS, 0);
        assert!(resumed == whole, "another report after a stop at rollout {at}");
        let done = (0..BATCHES.len())
            .take_while(|&batch| BATCHES[..=batch].iter().sum::<usize>() <= at)
            .count();
        // The first batch is not stored, because it has the pictures.
        let kept: usize = BATCHES[..done].iter().skip(1).sum();
        assert_eq!(after, ALL - kept, "after a stop at rollout {at}");
    }
}

/// Catches: a report without pictures reads no frame and so does not know the frame size.
#[test]
fn all_of_it_may_have_been_kept() {
    let settings = Settings { scenes: 0, held: 0, starts: 0, ..SETTINGS };
    let dataset = Dataset::new();
    let first = dataset.work(&settings, 0);
    let (again, rollouts) = dataset.work(&settings, 0);
    assert!(again == first.0);
    assert_eq!(rollouts, SPEED_RUNS);
}

/// Catches: another program cannot generate a window again, because its row has the seed or the
/// hash of another window, or the hash of another arm.
#[test]
fn a_row_is_enough_to_generate_its_window_again() {
    let dataset = Dataset::new();
    let rows = dataset.work(&SETTINGS, 0).0.unwrap().1;
    let world = ToyWorld(Flaw::Imperfect);
    for (row, video) in rows.iter().zip(&dataset.videos) {
        let prompt = world.encode(video).unwrap().prefix(SETTINGS.prompt_frames);
        let data = row.scores.latent.clone();
        let actions = ActionBatch { batch: 1, steps: data.len(), data };
        let tokens = world.rollout(&prompt, &actions, &[row.sampler_seed]).unwrap().tokens;
        assert_eq!(rollout_hash(&tokens.data), row.scores.rollout);
    }
}

/// Name of a damage, number of rollouts that are repeated after it, and how to do it.
type Damage = (&'static str, usize, fn(&[Utf8PathBuf]));

/// Catches: a damaged batch file ends the run, or its scores are used.
#[test]
fn damaged_batch_files_are_measured_again() {
    let dataset = Dataset::new();
    let whole = dataset.work(&SETTINGS, 0).0;
    let kept: usize = BATCHES[1..].iter().sum();
    let damages: [Damage; 3] = [
        ("cut", 3, |parts| fs::write(&parts[1], &fs::read(&parts[1]).unwrap()[..100]).unwrap()),
        ("flipped", 3, |parts| {
            let mut bytes = fs::read(&parts[2]).unwrap();
            bytes[300] ^= 1;
            fs::write(&parts[2], bytes).unwrap();
        }),
        ("not named", kept, |parts| {
            for file in parts[0].with_file_name("manifest").read_dir_utf8().unwrap() {
                fs::write(file.unwrap().path(), "{\"form").unwrap();
            }
        }),
    ];
    for (what, lost, damage) in damages {
        let files = dataset
            .report()
            .join("parts")
            .read_dir_utf8()
            .unwrap()
            .map(|file| file.unwrap().into_path());
        let mut parts: Vec<_> = files.filter(|file| file.extension() == Some("parquet")).collect();
        parts.sort();
        assert_eq!(parts.len(), 4);
        damage(&parts);
        let (again, after) = dataset.work(&SETTINGS, 0);
        assert!(again == whole, "another report with a batch file that is {what}");
        assert_eq!(after, ALL - kept + lost, "{what}");
    }
    discard(&dataset.report()).unwrap();
    discard(&dataset.report()).unwrap();
    assert!(!dataset.report().join("parts").exists());
}

/// Catches: stored batches of other windows, or of another report, are used.
#[test]
fn batch_files_of_other_windows_are_ignored() {
    let mut dataset = Dataset::new();
    let whole = dataset.work(&SETTINGS, 0).0;
    dataset.windows.swap(12, 23);
    dataset.videos.swap(12, 23);
    let (other, after) = dataset.work(&SETTINGS, 0);
    assert!(other != whole);
    assert_eq!(
        after,
        ALL - BATCHES[1] - BATCHES[3],
        "two of the four stored batches have other windows"
    );
    dataset.windows[7].truth = None;
    assert_eq!(dataset.work(&SETTINGS, 0).1, ALL - 3 * 3);
}
