//! Measurement and report of the toy world.
//!
//! Each test plants one flaw and checks that the number for it shows the flaw.

use std::collections::HashSet;

use genie_training::DoubtSignal;

use crate::measure::Settings;
use crate::page::ReportPictures;
use crate::report::schema::{Point, Report};
use crate::report::{AgreementWindows, Provenance, summarise};
use crate::statistics::pixels::PSNR_CAP_DB;
use crate::testing::{
    CODES, FRAMES, Flaw, MeanDifference, SETTINGS, SilentObserver, ToyWorld, long_rollouts,
    lpips_weights, measured, measured_by, names, provenance, recordings, report, report_of,
    report_with,
};
use crate::world::WorldModel as _;

/// Catches: actions are not aligned with frames, or true actions with latent ones, so that the
/// perfect model gets a worse value.
#[test]
fn a_perfect_model_is_measured_as_perfect() {
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

/// Catches: frame numbers are off by one, which moves the paper's t = 4. With one prompt frame, t =
/// 1 is the first generated frame.
#[test]
fn generated_frames_are_numbered_by_the_actions_that_led_to_them() {
    let of = |report: &Report| report.delta_psnr_db.iter().map(|p| p.t).collect::<Vec<_>>();
    assert_eq!(of(&report(Flaw::None)), (1..FRAMES).collect::<Vec<_>>());
    let longer = report_with(Flaw::None, &Settings { prompt_frames: 3, ..SETTINGS });
    assert_eq!(of(&longer), (3..FRAMES).collect::<Vec<_>>());
    assert_eq!(longer.headline.t, 4);
    assert!(
        longer.rollout.psnr_db.iter().all(|p| (p.mean - PSNR_CAP_DB).abs() < 1e-9),
        "actions of the prompt must stay as inferred"
    );
}

/// Catches: the report says that actions were held for four frames, but the window ends before.
#[test]
fn held_frames_end_with_the_window() {
    let late = report_with(Flaw::None, &Settings { prompt_frames: FRAMES - 2, ..SETTINGS });
    assert_eq!(late.effects.unwrap().hold_frames, 2);
}

/// Catches: the two arms use different noise, which gives a random difference around zero.
#[test]
fn a_model_that_ignores_actions_has_a_difference_of_exactly_zero() {
    let report = report(Flaw::ActionBlind);
    assert!(
        report
            .delta_psnr_db
            .iter()
            .chain(&report.delta_psnr_time_shuffled_db)
            .all(|p| p.mean == 0.0)
    );
}

/// Catches: actions are used one frame late. ΔPSNR stays positive, so the rollout must be worse
/// than that of the perfect model.
#[test]
fn actions_applied_a_frame_late_cost_rollout_quality() {
    let (late, right) = (report(Flaw::Late), report(Flaw::None));
    assert!(late.headline.delta_psnr_db < right.headline.delta_psnr_db - 5.0);
    assert!(late.rollout.psnr_db[3].mean < PSNR_CAP_DB - 10.0);
}

/// Catches: labels are one frame late and still agree.
#[test]
fn labels_a_frame_late_cost_agreement() {
    let agreement = report(Flaw::LateLabels).action_agreement.unwrap();
    assert!(agreement.nmi < 0.7, "{}", agreement.nmi);
    assert!(agreement.accuracy < 0.9, "{}", agreement.accuracy);
}

/// Catches: ΔPSNR is high without control (the weakness of the paper's metric), and the other two
/// numbers do not show it.
#[test]
fn a_latent_that_encodes_only_the_theme_is_exposed() {
    let report = report(Flaw::ThemeOnly);
    assert!(
        report.headline.delta_psnr_db > 3.0,
        "ΔPSNR must be high for this flaw: {}",
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

/// Catches: a report fails, or has an agreement, if no true actions are known.
#[test]
fn without_truth_agreement_is_absent_and_the_report_still_stands() {
    let (mut windows, videos) = recordings(3, 4);
    for window in &mut windows {
        (window.truth, window.effects) = (None, None);
    }
    let found = measured(&ToyWorld(Flaw::None), &windows, &videos, &SETTINGS, &SilentObserver)
        .unwrap()
        .unwrap();
    let json = report_of(&found, &windows, &SETTINGS).to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(value["action_agreement"].is_null());
    assert!(value["delta_psnr_db"][0]["ci95"][1].is_f64());
    assert!(value["warnings"].to_string().contains("Only 3 recordings"));
}

/// Catches: a window's random numbers depend on its place in its batch, so that a report depends on
/// `[evaluate] batch`.
#[test]
fn the_batch_size_changes_no_number() {
    // Frames are encoded again in the first 48 windows.
    let (windows, videos) = recordings(13, 4);
    for flaw in [Flaw::Imperfect, Flaw::FalseStripe] {
        let of = |batch| {
            let settings = Settings { batch, ..SETTINGS };
            let found = measured(&ToyWorld(flaw), &windows, &videos, &settings, &SilentObserver);
            let found = found.unwrap().unwrap();
            let report = report_of(&found, &windows, &settings);
            (report.to_json().unwrap(), found.scores)
        };
        let five = of(5);
        assert!(of(1) == five && of(52) == five, "{flaw:?}");
    }
}

/// Catches: `serde_json` writes NaN as null, which readers understand as "not measured".
#[test]
fn a_number_that_is_not_finite_is_an_error_that_names_its_key() {
    let mut report = report(Flaw::None);
    report.rollout.psnr_db[2].mean = f64::NAN;
    let message = report.to_json().unwrap_err().to_string();
    assert!(message.starts_with("rollout.psnr_db[2].mean"), "{message}");
}

/// Catches: an older report cannot be read, because a new key has no default.
#[test]
fn reports_of_schema_1_are_still_read() {
    let mut old: serde_json::Value =
        serde_json::from_str(&report(Flaw::None).to_json().unwrap()).unwrap();
    old["schema_version"] = 1.into();
    for key in ["ceiling", "distances", "effects", "speed", "lpips_weights", "trust", "long"] {
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

/// Catches: effects belong to another action or have a wrong sign; a perfect model has no
/// consistency, or a model that ignores its actions has some.
#[test]
fn effects_are_measured_in_recordings_and_when_held() {
    let effects = report(Flaw::None).effects.unwrap();
    assert_eq!((effects.starts, effects.hold_frames, effects.actions.len()), (12, 4, CODES));
    // Latent actions are true actions in another order: 2 stands, 3 goes left, 0 right, 1 jumps.
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
        "up is negative, and one jump in four frames is a quarter of its height per frame: {jump}"
    );
    let unused = &effects.actions[5];
    assert!(unused.share == 0.0 && unused.recorded.is_none() && unused.name.is_none());
    assert!(unused.held.is_none(), "an action that never occurs is not held");
    let consistency = effects.consistency.unwrap();
    assert!(consistency.explained_ci95.unwrap()[0] > consistency.shuffled_p95, "{consistency:?}");
    assert!(consistency.explained > 0.7, "{consistency:?}");
    let blind = report(Flaw::ActionBlind).effects.unwrap().consistency.unwrap();
    assert_eq!((blind.explained, blind.shuffled_p95), (0.0, 0.0));
}

/// Catches: if some actions are not held, the others get the effects of their neighbours.
#[test]
fn effects_belong_to_the_held_actions() {
    let (windows, videos) = recordings(12, 4);
    let mut found = measured(&ToyWorld(Flaw::None), &windows, &videos, &SETTINGS, &SilentObserver)
        .unwrap()
        .unwrap();
    let all = report_of(&found, &windows, &SETTINGS).effects.unwrap();
    found.held_actions.remove(1);
    for list in
        found.scores[..SETTINGS.starts].iter_mut().flat_map(|scores| scores.held.parts_mut())
    {
        list.remove(1);
    }
    let fewer = report_of(&found, &windows, &SETTINGS).effects.unwrap();
    assert!(fewer.actions[1].held.is_none() && fewer.actions[1].recorded.is_some());
    for action in [0, 2, 3] {
        let figure = |effects: &crate::report::schema::Effects| {
            effects.actions[action].held.as_ref().unwrap().figure_x
        };
        assert_eq!(figure(&fewer).to_bits(), figure(&all).to_bits(), "action {action}");
    }
}

/// Catches: agreement is that of the few windows with rollouts, or the report does not say on how
/// many windows it rests; a window's true actions are compared with another window's latent ones.
#[test]
fn agreement_rests_on_all_windows_with_true_actions() {
    let (windows, videos) = recordings(12, 4);
    let world = ToyWorld(Flaw::None);
    let found = measured(&world, &windows[..5], &videos[..5], &SETTINGS, &SilentObserver);
    let found = found.unwrap().unwrap();
    let latent: Vec<Vec<u8>> =
        videos.iter().map(|video| world.infer_actions(video).unwrap().data).collect();
    let names = names();
    let labelled = AgreementWindows {
        windows: &windows,
        latent: latent.iter().map(Vec::as_slice).collect(),
        available: 400,
        names: &names,
    };
    let report = summarise(&found, &windows[..5], &labelled, &SETTINGS, provenance());
    let counts = &report.counts;
    assert_eq!((counts.windows, counts.agreement_windows), (5, 48));
    assert_eq!((counts.agreement_windows_available, counts.action_pairs), (400, 48 * 15));
    let agreement = report.action_agreement.as_ref().unwrap();
    assert!((agreement.nmi - 1.0).abs() < 1e-9, "{}", agreement.nmi);
    let page = crate::page::render(&report, &ReportPictures::default()).unwrap();
    let text = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("measured on 48 windows, of 400 held-out windows with true actions"));
}

/// Catches: a baseline or a similarity has the wrong name.
#[test]
fn rollouts_have_their_baselines() {
    let rollout = report(Flaw::Imperfect).rollout;
    let at = |points: &[Point]| points[3].mean;
    assert!(
        at(&rollout.psnr_mean_frame_db) < at(&rollout.psnr_copy_last_db),
        "a grey frame is far from every frame"
    );
    assert!(at(&rollout.psnr_db) < at(&rollout.psnr_reconstruction_db));
    assert!(at(&rollout.ssim) < 1.0 && at(&rollout.ssim) < at(&rollout.ssim_reconstruction));
    assert!(at(&rollout.ssim_copy_last) < at(&report(Flaw::None).rollout.ssim));
}

/// Catches: the report has LPIPS without weights, or lacks it with weights; a curve has the wrong
/// name or starts at the wrong frame; means of the tokenizer include frame 0, which the baseline
/// copies.
#[test]
fn lpips_is_there_with_weights_and_not_without() {
    let without: serde_json::Value =
        serde_json::from_str(&report(Flaw::Late).to_json().unwrap()).unwrap();
    assert!(without["lpips_weights"].is_null() && without["tokenizer"]["lpips"].is_null());
    assert_eq!(without["rollout"]["lpips"], serde_json::json!([]));

    let (windows, videos) = recordings(6, 2);
    let settings = Settings { prompt_frames: 3, ..SETTINGS };
    let model = ToyWorld(Flaw::Late);
    let found =
        measured_by(Some(&MeanDifference), &model, &windows, &videos, &settings, &SilentObserver)
            .unwrap()
            .unwrap();
    let provenance = Provenance { lpips_weights: Some(lpips_weights()), ..provenance() };
    let names = names();
    let labelled = AgreementWindows::measured(&found, &windows, &names);
    let report = summarise(&found, &windows, &labelled, &settings, provenance);
    let (rollout, tokenizer) = (&report.rollout, &report.tokenizer);
    for curve in [&rollout.lpips, &rollout.lpips_copy_last, &rollout.lpips_reconstruction] {
        assert_eq!(curve.iter().map(|p| p.t).collect::<Vec<_>>(), (3..FRAMES).collect::<Vec<_>>());
    }
    assert!(
        rollout.lpips_reconstruction.iter().all(|p| p.mean == 0.0),
        "the tokenizer of the toy world is exact"
    );
    assert!(rollout.lpips[5].mean > 0.0 && rollout.lpips_copy_last[5].mean > rollout.lpips[5].mean);
    assert!(rollout.lpips[5].ci95.is_some());
    let mean = |list: &[f64]| list[1..].iter().sum::<f64>() / (FRAMES - 1) as f64;
    let copy: f64 = found.scores.iter().map(|scores| mean(&scores.copy_first_lpips)).sum();
    assert!((tokenizer.lpips_baseline.unwrap() - copy / 12.0).abs() < 1e-12);
    assert_eq!((tokenizer.lpips, tokenizer.lpips_ci95), (Some(0.0), Some([0.0, 0.0])));

    let page = crate::page::render(&report, &ReportPictures::default()).unwrap();
    assert!(page.contains("LPIPS (alex) of generated frames") && page.contains("0123456789abcdef"));
    assert!(page.contains("is not verified"));
}

/// Catches: a NaN in a distance is written as `null`, as if it were a missing value.
#[test]
fn only_what_may_be_absent_is_null() {
    let mut report = report(Flaw::None);
    assert!(report.to_json().unwrap().contains("\"frechet_infinity\": null"));
    report.distances[0].half_floor = f64::NAN;
    assert!(report.to_json().unwrap_err().to_string().starts_with("distances[0].half_floor"));
}

/// Catches: a signal of doubt is of another frame, window or arm than the error; a model that makes
/// things up gives no warning; a signal without information gives one.
#[test]
fn doubt_that_follows_the_error_is_usable_and_other_doubt_is_not() {
    let trust = report(Flaw::FalseStripe).trust.unwrap();
    assert_eq!(trust.signals.len(), 3);
    for found in &trust.signals {
        assert!(found.usable && found.correlation > 0.6, "{found:?}");
    }
    // What is left of a frame that is encoded again is the right frame, in this world.
    let best = trust.warning().unwrap();
    assert_eq!(best.signal, DoubtSignal::ReencodingRms);
    assert!((best.correlation - 1.0).abs() < 1e-9 && best.warn_above == 0.0, "{best:?}");

    // The entropy of this model is noise, and its frames can be encoded again.
    let trust = report(Flaw::Imperfect).trust.unwrap();
    assert_eq!(trust.best, None, "{trust:?}");
    let entropy = &trust.signals[0];
    assert!(entropy.signal == DoubtSignal::Entropy && entropy.correlation != 0.0, "{entropy:?}");
    assert!((0.8..1.0).contains(&entropy.warn_above), "{entropy:?}");
}

/// Catches: the threshold of a warning is of generated frames, so that a bad model never warns.
#[test]
fn warnings_begin_where_recordings_end() {
    let (windows, videos) = recordings(12, 4);
    let model = ToyWorld(Flaw::FalseStripe);
    let mut found =
        measured(&model, &windows, &videos, &SETTINGS, &SilentObserver).unwrap().unwrap();
    for (number, scores) in found.scores.iter_mut().enumerate() {
        // Frame 0 is a prompt frame and must not count.
        scores.reconstruction_reencoding_rms = vec![number as f64 / 47.0; FRAMES];
        scores.reconstruction_reencoding_rms[0] = 1e6;
    }
    let trust = report_of(&found, &windows, &SETTINGS).trust.unwrap();
    let warn_above = trust.warning().unwrap().warn_above;
    assert!((0.93..=0.97).contains(&warn_above), "{warn_above}");
}

/// Catches: docs/report.md does not explain a new key.
#[test]
fn the_page_explains_every_key() {
    fn check(value: &serde_json::Value, words: &HashSet<&str>, path: &str) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    // An interval, and the agreement with true displacements, have no own entry.
                    let word = key.trim_start_matches("effect_").trim_end_matches("_ci95");
                    assert!(words.contains(word), "docs/report.md has no {path}.{key}");
                    check(value, words, &format!("{path}.{key}"));
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    check(item, words, path);
                }
            }
            _ => {}
        }
    }
    let page = include_str!("../../../docs/report.md");
    let words = page.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let report = Report { long: Some(long_rollouts()), ..report(Flaw::None) };
    check(&serde_json::to_value(report).unwrap(), &words, "report");
}

/// Catches: a report on one recording has no intervals, or does not warn that its intervals are
/// over clips.
#[test]
fn one_recording_alone_gives_intervals_over_its_clips_and_says_so() {
    let (windows, videos) = recordings(1, 12);
    let found = measured(&ToyWorld(Flaw::None), &windows, &videos, &SETTINGS, &SilentObserver)
        .unwrap()
        .unwrap();
    let report = report_of(&found, &windows, &SETTINGS);
    assert_eq!(
        (report.counts.bootstrap_unit.as_str(), report.counts.bootstrap_groups),
        ("clip", 3)
    );
    assert!(report.warnings.iter().any(|w| w.contains("one recording")));
}
