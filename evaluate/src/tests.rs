//! Measurement and summary together, on a world whose true values are known: each test plants one flaw and asks whether
//! the number that exists for it notices.

use std::cell::Cell;

use anyhow::Result;

use crate::fake::{
    ACTION_NAMES, CODES, FRAMES, FakeWorld, Flaw, MeanDifference, Otherwise, Quiet, SETTINGS,
    distance, footage,
};
use crate::measure::{Material, Measurement, Settings, Watch, Window, measure};
use crate::perceptual::FrameDistance;
use crate::pixels::PSNR_CAP_DB;
use crate::report::{Lineage, LpipsWeights, Report, Speed};
use crate::summary::{Names, Origin, summarise};
use crate::world::{Actions, Tokens, Video, WorldModel};

fn names() -> Names {
    let names = ACTION_NAMES.map(str::to_owned).to_vec();
    Names { actions: names.clone(), effects: names }
}

fn origin() -> Origin {
    Origin {
        created: "2026-11-22T12:00:00Z".into(),
        lineage: Lineage::default(),
        windows_asked: 64,
        bootstrap_draws: 300,
        distances: vec![distance()],
        speed: Some(Speed {
            device: "cpu".into(),
            frames_per_second: 12.5,
            batch: 16,
            batch_frames_per_second: 80.0,
        }),
        lpips_weights: None,
        warnings: Vec::new(),
    }
}

fn measured(
    model: &dyn WorldModel,
    windows: &[Window],
    videos: &[Video],
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Option<Measurement>> {
    measured_by(None, model, windows, videos, settings, watch)
}

/// The same, with frames also compared by a distance.
fn measured_by(
    frame_distance: Option<&dyn FrameDistance>,
    model: &dyn WorldModel,
    windows: &[Window],
    videos: &[Video],
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Option<Measurement>> {
    let load = |i: usize| Ok(videos[i].clone());
    let mean_frame = vec![128; videos[0].frame_len()];
    let material = Material { windows, load: &load, mean_frame: Some(&mean_frame), frame_distance };
    measure(model, &material, settings, watch)
}

/// Weights that may be called LPIPS.
fn lpips_weights() -> LpipsWeights {
    LpipsWeights {
        name: "LPIPS (alex)".into(),
        hash: "0123456789abcdef".into(),
        published_layers: true,
    }
}

fn report_with(flaw: Flaw, settings: &Settings) -> Report {
    let (windows, videos) = footage(12, 4);
    let found = measured(&FakeWorld(flaw), &windows, &videos, settings, &Quiet).unwrap().unwrap();
    summarise(&found, &windows, &names(), settings, origin())
}

fn report(flaw: Flaw) -> Report {
    report_with(flaw, &SETTINGS)
}

#[test]
fn a_perfect_model_is_measured_as_perfect() {
    // Any misalignment of ours, of actions with frames or of truth with actions, would cost the perfect model
    // something.
    let report = report(Flaw::None);
    assert!(report.rollout.psnr_db.iter().all(|p| (p.mean - PSNR_CAP_DB).abs() < 1e-9));
    assert!(report.delta_psnr_db.iter().all(|p| p.mean > 5.0 && p.ci95.unwrap()[0] > 0.0));
    assert!(report.delta_psnr_time_shuffled_db.iter().skip(1).all(|p| p.mean > 0.0));
    let agreement = report.action_agreement.unwrap();
    assert!((agreement.nmi - 1.0).abs() < 1e-9 && (agreement.accuracy - 1.0).abs() < 1e-9);
    assert!(agreement.nmi_ci95.unwrap()[0] > agreement.nmi_shuffled_p95);
    assert_eq!((report.lam.codes_used, report.lam.codebook_size), (4, CODES));
    assert!(report.tokenizer.psnr_gain_db_ci95.unwrap()[0] > 3.0);
}

#[test]
fn generated_frames_are_numbered_by_the_actions_that_led_to_them() {
    // t = 1 is the first generated frame of one prompt frame; an off-by-one would move the paper's t = 4.
    let of = |report: &Report| report.delta_psnr_db.iter().map(|p| p.t).collect::<Vec<_>>();
    assert_eq!(of(&report(Flaw::None)), (1..FRAMES).collect::<Vec<_>>());
    let longer = report_with(Flaw::None, &Settings { prompt_frames: 3, ..SETTINGS });
    assert_eq!(of(&longer), (3..FRAMES).collect::<Vec<_>>());
    assert_eq!(longer.headline.t, 4);
    assert!(
        longer.rollout.psnr_db.iter().all(|p| (p.mean - PSNR_CAP_DB).abs() < 1e-9),
        "given actions must stay as inferred"
    );
}

#[test]
fn a_model_that_ignores_actions_has_a_difference_of_exactly_zero() {
    // Arms with noise of their own would make it a random number around zero.
    let report = report(Flaw::ActionBlind);
    assert!(
        report
            .delta_psnr_db
            .iter()
            .chain(&report.delta_psnr_time_shuffled_db)
            .all(|p| p.mean == 0.0)
    );
}

#[test]
fn actions_applied_a_frame_late_cost_rollout_quality() {
    // The classic bug: it leaves ΔPSNR positive, so it must show against the perfect model.
    let (late, right) = (report(Flaw::Late), report(Flaw::None));
    assert!(late.headline.delta_psnr_db < right.headline.delta_psnr_db - 5.0);
    assert!(late.rollout.psnr_db[3].mean < PSNR_CAP_DB - 10.0);
}

#[test]
fn labels_a_frame_late_cost_agreement() {
    let agreement = report(Flaw::LateLabels).action_agreement.unwrap();
    assert!(agreement.nmi < 0.7, "{}", agreement.nmi);
    assert!(agreement.accuracy < 0.9, "{}", agreement.accuracy);
}

#[test]
fn a_latent_that_encodes_only_the_theme_is_exposed() {
    // The trap of the paper's metric: high ΔPSNR without control. The two other numbers must say so.
    let report = report(Flaw::ThemeOnly);
    assert!(
        report.headline.delta_psnr_db > 3.0,
        "the trap is set: {}",
        report.headline.delta_psnr_db
    );
    assert!(report.headline.delta_psnr_time_shuffled_db.abs() < 1e-9);
    let agreement = report.action_agreement.unwrap();
    assert!(
        agreement.nmi_ci95.unwrap()[0] < agreement.nmi_shuffled_p95,
        "{} {:?}",
        agreement.nmi,
        agreement.nmi_ci95
    );
}

#[test]
fn the_batch_size_changes_no_score_of_a_deterministic_model() {
    // Mixing up rows of a batch would show here.
    let scores = |batch| {
        let (windows, videos) = footage(3, 3);
        let settings = Settings { batch, ..SETTINGS };
        let found = measured(&FakeWorld(Flaw::Late), &windows, &videos, &settings, &Quiet)
            .unwrap()
            .unwrap();
        format!("{:?}", found.scores)
    };
    assert_eq!(scores(1), scores(4));
}

#[test]
fn every_held_action_is_its_own_clip_from_the_same_start() {
    let (windows, videos) = footage(2, 2);
    let found =
        measured(&FakeWorld(Flaw::None), &windows, &videos, &SETTINGS, &Quiet).unwrap().unwrap();
    assert_eq!(found.scenes.len(), 2);
    assert!(found.scenes[1].held.is_none());
    let held = found.scenes[0].held.as_ref().unwrap();
    assert_eq!(held.batch, CODES);
    for code in 1..4 {
        assert_eq!(held.frame(0, 0), held.frame(code, 0), "the start is shared");
        assert_ne!(held.frame(0, FRAMES - 1), held.frame(code, FRAMES - 1), "the future is not");
    }
}

#[test]
fn a_stop_request_ends_the_measurement_without_a_result() {
    // Ctrl-C in the middle must not end in a report over half of the windows.
    struct After(Cell<usize>);
    impl Watch for After {
        fn advance(&self, _: usize) {
            self.0.set(self.0.get() + 1);
        }
        fn stopped(&self) -> bool {
            self.0.get() >= 8
        }
    }
    let (windows, videos) = footage(3, 4);
    let found =
        measured(&FakeWorld(Flaw::None), &windows, &videos, &SETTINGS, &After(Cell::new(0)))
            .unwrap();
    assert!(found.is_none());
}

#[test]
fn progress_ends_at_the_announced_amount_of_work() {
    struct Count(Cell<usize>);
    impl Watch for Count {
        fn advance(&self, count: usize) {
            self.0.set(self.0.get() + count);
        }
        fn stopped(&self) -> bool {
            false
        }
    }
    let (windows, videos) = footage(3, 4);
    let count = Count(Cell::new(0));
    measured(&FakeWorld(Flaw::None), &windows, &videos, &SETTINGS, &count).unwrap();
    assert_eq!(count.0.get(), SETTINGS.work(0..12));
}

#[test]
fn a_dynamics_model_of_another_tokenizer_is_an_error_not_a_number() {
    let mismatched = Otherwise(
        FakeWorld(Flaw::None),
        |world: &FakeWorld, prompt: &Tokens, actions: &Actions, seed| {
            let mut tokens = world.rollout(prompt, actions, seed)?;
            *tokens.data.last_mut().unwrap() = 64;
            Ok(tokens)
        },
    );
    let (windows, videos) = footage(1, 1);
    let failed = measured(&mismatched, &windows, &videos, &SETTINGS, &Quiet);
    let message = format!("{:#}", failed.unwrap_err());
    assert!(
        message.contains("token 64") && message.contains("do not belong together"),
        "{message}"
    );
}

#[test]
fn without_truth_agreement_is_absent_and_the_report_still_stands() {
    let (mut windows, videos) = footage(3, 4);
    for window in &mut windows {
        (window.truth, window.effects) = (None, None);
    }
    let found =
        measured(&FakeWorld(Flaw::None), &windows, &videos, &SETTINGS, &Quiet).unwrap().unwrap();
    let json =
        summarise(&found, &windows, &Names::default(), &SETTINGS, origin()).to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(value["action_agreement"].is_null());
    assert!(value["delta_psnr_db"][0]["ci95"][1].is_f64());
    assert!(value["warnings"].to_string().contains("Only 3 recordings"));
}

#[test]
fn a_number_that_is_not_finite_is_an_error_that_names_its_key() {
    // serde_json would write NaN as null, and a reader would take it for "not measured".
    let mut report = report(Flaw::None);
    report.rollout.psnr_db[2].mean = f64::NAN;
    let message = report.to_json().unwrap_err().to_string();
    assert!(message.starts_with("rollout.psnr_db[2].mean"), "{message}");
}

/// Catches: a report of an older version that cannot be read any more, because a key was added without a default.
#[test]
fn reports_of_schema_1_are_still_read() {
    let mut old: serde_json::Value =
        serde_json::from_str(&report(Flaw::None).to_json().unwrap()).unwrap();
    old["schema_version"] = 1.into();
    for key in ["distances", "effects", "speed", "lpips_weights"] {
        old.as_object_mut().unwrap().remove(key).unwrap();
    }
    for section in ["rollout", "tokenizer"] {
        old[section].as_object_mut().unwrap().retain(|key, _| !key.starts_with("lpips"));
    }
    for key in ["psnr_mean_frame_db", "ssim", "ssim_copy_last", "ssim_reconstruction"] {
        old["rollout"].as_object_mut().unwrap().remove(key).unwrap();
    }
    let read: Report = serde_json::from_value(old).unwrap();
    assert!(read.distances.is_empty() && read.effects.is_none() && read.rollout.ssim.is_empty());
    assert_eq!(read.schema_version, 1);
}

/// Catches: effects of one action reported as another's, or turned round; consistency that a perfect model lacks, or that one has
/// which does not look at its actions.
#[test]
fn what_actions_do_is_seen_in_recordings_and_when_held() {
    let effects = report(Flaw::None).effects.unwrap();
    assert_eq!((effects.starts, effects.hold_frames, effects.actions.len()), (12, 4, CODES));
    // Latent actions are true ones in another order: 2 stands, 3 goes left, 0 right, 1 jumps.
    for (code, name, x) in [(2, "stand", 0.0), (3, "left", -1.0), (0, "right", 1.0)] {
        let action = &effects.actions[code];
        assert_eq!(action.name.as_deref(), Some(name));
        for moves in [&action.recorded, &action.held] {
            let found = moves.as_ref().unwrap().figure_x;
            assert!((found - x).abs() < 0.5, "{name}: {found}");
        }
    }
    let [stand, jump] = [2, 1].map(|code| effects.actions[code].held.as_ref().unwrap().figure_y);
    assert!(
        jump < stand - 0.5,
        "up is negative, and one jump in four frames is a quarter of its height a frame: {jump}"
    );
    let unused = &effects.actions[5];
    assert!(unused.share == 0.0 && unused.recorded.is_none() && unused.name.is_none());
    let consistency = effects.consistency.unwrap();
    assert!(consistency.explained_ci95.unwrap()[0] > consistency.shuffled_p95, "{consistency:?}");
    assert!(consistency.explained > 0.7, "{consistency:?}");
    let blind = report(Flaw::ActionBlind).effects.unwrap().consistency.unwrap();
    assert_eq!((blind.explained, blind.shuffled_p95), (0.0, 0.0));
}

/// Catches: a baseline or a similarity under another's name.
#[test]
fn rollouts_have_their_baselines() {
    let rollout = report(Flaw::Imperfect).rollout;
    let at = |points: &[crate::report::Point]| points[3].mean;
    assert!(
        at(&rollout.psnr_mean_frame_db) < at(&rollout.psnr_copy_last_db),
        "grey is far from everything"
    );
    assert!(at(&rollout.psnr_db) < at(&rollout.psnr_reconstruction_db));
    assert!(at(&rollout.ssim) < 1.0 && at(&rollout.ssim) < at(&rollout.ssim_reconstruction));
    assert!(at(&rollout.ssim_copy_last) < at(&report(Flaw::None).rollout.ssim));
}

/// Catches: LPIPS in a report that nobody gave weights for, or none where they were given; a curve under another's name or from another
/// frame on; means of the tokenizer over the frame that the baseline has for free.
#[test]
fn lpips_is_there_with_weights_and_not_without() {
    let without: serde_json::Value =
        serde_json::from_str(&report(Flaw::Late).to_json().unwrap()).unwrap();
    assert!(without["lpips_weights"].is_null() && without["tokenizer"]["lpips"].is_null());
    assert_eq!(without["rollout"]["lpips"], serde_json::json!([]));

    let (windows, videos) = footage(6, 2);
    let settings = Settings { prompt_frames: 3, ..SETTINGS };
    let model = FakeWorld(Flaw::Late);
    let found = measured_by(Some(&MeanDifference), &model, &windows, &videos, &settings, &Quiet)
        .unwrap()
        .unwrap();
    let origin = Origin { lpips_weights: Some(lpips_weights()), ..origin() };
    let report = summarise(&found, &windows, &names(), &settings, origin);
    let (rollout, tokenizer) = (&report.rollout, &report.tokenizer);
    for curve in [&rollout.lpips, &rollout.lpips_copy_last, &rollout.lpips_reconstruction] {
        assert_eq!(curve.iter().map(|p| p.t).collect::<Vec<_>>(), (3..FRAMES).collect::<Vec<_>>());
    }
    assert!(rollout.lpips_reconstruction.iter().all(|p| p.mean == 0.0), "this tokenizer is exact");
    assert!(rollout.lpips[5].mean > 0.0 && rollout.lpips_copy_last[5].mean > rollout.lpips[5].mean);
    assert!(rollout.lpips[5].ci95.is_some());
    let mean = |list: &[f64]| list[1..].iter().sum::<f64>() / (FRAMES - 1) as f64;
    let copy: f64 = found.scores.iter().map(|scores| mean(&scores.copy_first_lpips)).sum();
    assert!((tokenizer.lpips_baseline.unwrap() - copy / 12.0).abs() < 1e-12);
    assert_eq!((tokenizer.lpips, tokenizer.lpips_ci95), (Some(0.0), Some([0.0, 0.0])));

    let page = crate::html::render(&report, &[]).unwrap();
    assert!(page.contains("LPIPS (alex) of generated frames") && page.contains("0123456789abcdef"));
    assert!(page.contains("is not verified"));
}

/// Catches: an unknown distance that is written as if nobody had asked for it.
#[test]
fn only_what_may_be_absent_is_null() {
    let mut report = report(Flaw::None);
    assert!(report.to_json().unwrap().contains("\"frechet_infinity\": null"));
    report.distances[0].half_floor = f64::NAN;
    assert!(report.to_json().unwrap_err().to_string().starts_with("distances[0].half_floor"));
}

#[test]
fn one_recording_alone_gives_intervals_over_its_clips_and_says_so() {
    let (windows, videos) = footage(1, 12);
    let found =
        measured(&FakeWorld(Flaw::None), &windows, &videos, &SETTINGS, &Quiet).unwrap().unwrap();
    let report = summarise(&found, &windows, &names(), &SETTINGS, origin());
    assert_eq!(
        (report.counts.bootstrap_unit.as_str(), report.counts.bootstrap_groups),
        ("clip", 3)
    );
    assert!(report.warnings.iter().any(|w| w.contains("one recording")));
}

/// The page and pictures of an imperfect model, for looking at: `GENIE_FIXTURE_REPORT=dir cargo test … -- --ignored
/// fixture`.
#[test]
#[ignore = "writes a fixture report for people to look at"]
fn fixture_report() {
    let directory = std::path::PathBuf::from(
        std::env::var("GENIE_FIXTURE_REPORT").expect("GENIE_FIXTURE_REPORT names a directory"),
    );
    let settings = Settings { scenes: 3, held: 2, ..SETTINGS };
    let (windows, videos) = footage(6, 4);
    let model = FakeWorld(Flaw::Imperfect);
    let found = measured_by(Some(&MeanDifference), &model, &windows, &videos, &settings, &Quiet)
        .unwrap()
        .unwrap();
    let mut origin = Origin { lpips_weights: Some(lpips_weights()), ..origin() };
    origin.lineage = Lineage {
        data: "0f".repeat(32),
        tokenizer: "1f0c5a90b7d1e2aa".into(),
        lam: "9ab1c0d2e3f40516".into(),
        dynamics: "77e0d1c2b3a49586".into(),
        evaluate: "c0ffee00c0ffee00".into(),
        device: "cpu".into(),
        config: serde_json::json!({ "windows": 64, "samples": 2 }),
        versions: [("genie-evaluate".to_owned(), "0.1.0".to_owned())].into(),
    };
    let report = summarise(&found, &windows, &names(), &settings, origin);
    let pictures = crate::pictures::draw(&found.scenes, &windows, 1, 10.0).unwrap();
    std::fs::write(directory.join("report.json"), report.to_json().unwrap()).unwrap();
    std::fs::write(directory.join("report.html"), crate::html::render(&report, &pictures).unwrap())
        .unwrap();
}

#[test]
fn the_page_needs_nothing_from_outside_and_holds_every_part() {
    // A report is mailed around: a single link to a script, font or picture breaks it where there is no network.
    let (windows, videos) = footage(6, 4);
    let found = measured(&FakeWorld(Flaw::Imperfect), &windows, &videos, &SETTINGS, &Quiet)
        .unwrap()
        .unwrap();
    let names = Names { actions: vec!["<left>".into(), "a & b".into()], effects: Vec::new() };
    let report = summarise(&found, &windows, &names, &SETTINGS, origin());
    let page = crate::html::render(
        &report,
        &crate::pictures::draw(&found.scenes, &windows, 1, 10.0).unwrap(),
    )
    .unwrap();
    for outside in ["http:", "https:", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
    assert_eq!(
        page.matches("src=\"data:image/png;base64,").count(),
        2 * 2 + 2,
        "two scenes, one of them with held actions"
    );
    let actions = &report.effects.as_ref().unwrap().actions;
    let arrows =
        actions.iter().flat_map(|action| [&action.recorded, &action.held]).flatten().count();
    assert_eq!(page.matches("<svg viewBox").count(), 4, "three kinds of curves, and bars");
    assert_eq!(page.matches("<svg class=\"arrows\"").count(), arrows);
    assert!(arrows > CODES);
    assert!(page.contains("12.5 frames a second on cpu; 80.0 with 16 worlds at once"));
    let without_pictures: String =
        page.split('"').filter(|part| !part.starts_with("data:")).collect();
    assert!(!without_pictures.contains("NaN"));
    assert!(page.contains("Clip distance 01234567 (not FVD)") && !page.contains(">FVD<"));
    assert!(
        page.contains("&#60;left&#62;") && !page.contains("<left>"),
        "names from sidecars must be escaped"
    );
}

/// Would catch: rollouts of a model that was trained with true actions led by latent ones, whose numbers mean other things; a window without true
/// actions led by none.
#[test]
fn a_model_of_true_actions_is_led_by_them() {
    let (mut windows, videos) = footage(12, 4);
    let settings = Settings { true_actions: true, ..SETTINGS };
    let run =
        |windows: &[_]| measured(&FakeWorld(Flaw::LateLabels), windows, &videos, &settings, &Quiet);
    let found = run(&windows).unwrap().unwrap();
    for (scores, window) in found.scores.iter().zip(&windows) {
        assert_eq!(Some(&scores.latent), window.truth.as_ref());
    }
    windows[7].truth = None;
    let message = run(&windows).unwrap_err().to_string();
    assert!(message.contains(&windows[7].name) && message.contains("sidecars"), "{message}");
}
