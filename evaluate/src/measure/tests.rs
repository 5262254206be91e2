//! Measurements of the toy world.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::measure::{MeasurementObserver, Settings};
use crate::random::sampler_seed;
use crate::testing::{
    FRAMES, Flaw, SETTINGS, SilentObserver, ToyWorld, WithRollout, measured, recordings,
};
use crate::world::{ActionBatch, TokenBatch, WorldModel};

/// Number of actions that are held: two of the toy world's codes never occur.
const HELD: usize = 4;

/// Catches: rows of a batch are mixed up.
#[test]
fn the_batch_size_changes_no_score_of_a_deterministic_model() {
    let scores = |batch| {
        let (windows, videos) = recordings(3, 3);
        let settings = Settings { batch, ..SETTINGS };
        let found = measured(&ToyWorld(Flaw::Late), &windows, &videos, &settings, &SilentObserver)
            .unwrap()
            .unwrap();
        format!("{:?}", found.scores)
    };
    assert_eq!(scores(1), scores(4));
}

/// Catches: an arm of a window has other noise than the window's other arms; two windows share
/// their noise; a window's noise depends on its batch.
#[test]
fn every_rollout_of_a_window_has_the_window_s_seed() {
    let (windows, videos) = recordings(3, 4);
    let used = RefCell::new(BTreeMap::new());
    let spied = WithRollout(
        ToyWorld(Flaw::None),
        |world: &ToyWorld, prompt: &TokenBatch, actions: &ActionBatch, seeds: &[u64]| {
            for seed in seeds {
                *used.borrow_mut().entry(*seed).or_insert(0) += 1;
            }
            world.rollout(prompt, actions, seeds)
        },
    );
    measured(&spied, &windows, &videos, &SETTINGS, &SilentObserver).unwrap().unwrap();
    // One arm with inferred actions, two for each sample, and one rollout for each held action.
    let rollouts = 1 + 2 * SETTINGS.samples + HELD;
    let expected: BTreeMap<u64, usize> =
        (0..windows.len()).map(|w| (sampler_seed(SETTINGS.seed, w), rollouts)).collect();
    assert_eq!(used.into_inner(), expected);
}

/// Catches: held actions start from different frames, or all give the same clip.
#[test]
fn every_held_action_is_its_own_clip_from_the_same_start() {
    let (windows, videos) = recordings(2, 2);
    let found = measured(&ToyWorld(Flaw::None), &windows, &videos, &SETTINGS, &SilentObserver)
        .unwrap()
        .unwrap();
    assert_eq!(found.scenes.len(), 2);
    assert!(found.scenes[1].held.is_none());
    let held = found.scenes[0].held.as_ref().unwrap();
    assert_eq!((held.batch, &found.held_actions[..]), (HELD, &[0, 1, 2, 3][..]));
    assert_eq!(found.scores[0].held.scroll_x.len(), HELD);
    for code in 1..4 {
        assert_eq!(held.frame(0, 0), held.frame(code, 0), "all clips share their first frame");
        assert_ne!(
            held.frame(0, FRAMES - 1),
            held.frame(code, FRAMES - 1),
            "the clips end differently"
        );
    }
}

/// Catches: Ctrl-C during a measurement gives a report on half of the windows.
#[test]
fn a_stop_request_ends_the_measurement_without_a_result() {
    struct After(Cell<usize>);
    impl MeasurementObserver for After {
        fn advance(&self, _: usize) {
            self.0.set(self.0.get() + 1);
        }
        fn stopped(&self) -> bool {
            self.0.get() >= 8
        }
    }
    let (windows, videos) = recordings(3, 4);
    let found = measured(&ToyWorld(Flaw::None), &windows, &videos, &SETTINGS, &After(Cell::new(0)))
        .unwrap();
    assert!(found.is_none());
}

/// Catches: a progress bar ends before or after 100 %.
#[test]
fn progress_ends_at_the_announced_amount_of_work() {
    struct Count(Cell<usize>);
    impl MeasurementObserver for Count {
        fn advance(&self, count: usize) {
            self.0.set(self.0.get() + count);
        }
        fn stopped(&self) -> bool {
            false
        }
    }
    let (windows, videos) = recordings(3, 4);
    let count = Count(Cell::new(0));
    measured(&ToyWorld(Flaw::None), &windows, &videos, &SETTINGS, &count).unwrap();
    assert_eq!(count.0.get(), SETTINGS.work(0..12));
}

/// Catches: a dynamics model of another tokenizer gives a number instead of an error.
#[test]
fn a_dynamics_model_of_another_tokenizer_is_an_error_not_a_number() {
    let mismatched = WithRollout(
        ToyWorld(Flaw::None),
        |world: &ToyWorld, prompt: &TokenBatch, actions: &ActionBatch, seeds: &[u64]| {
            let mut continued = world.rollout(prompt, actions, seeds)?;
            *continued.tokens.data.last_mut().unwrap() = 64;
            Ok(continued)
        },
    );
    let (windows, videos) = recordings(1, 1);
    let failed = measured(&mismatched, &windows, &videos, &SETTINGS, &SilentObserver);
    let message = format!("{:#}", failed.unwrap_err());
    assert!(
        message.contains("token 64") && message.contains("do not belong together"),
        "{message}"
    );
}

/// Catches: a model trained with true actions gets latent ones; a window without true actions is
/// measured.
#[test]
fn a_model_of_true_actions_is_led_by_them() {
    let (mut windows, videos) = recordings(12, 4);
    let settings = Settings { true_actions: true, ..SETTINGS };
    let run = |windows: &[_]| {
        measured(&ToyWorld(Flaw::LateLabels), windows, &videos, &settings, &SilentObserver)
    };
    let found = run(&windows).unwrap().unwrap();
    for (scores, window) in found.scores.iter().zip(&windows) {
        assert_eq!(Some(&scores.latent), window.truth.as_ref());
    }
    windows[7].truth = None;
    let message = run(&windows).unwrap_err().to_string();
    assert!(message.contains(&windows[7].name) && message.contains("sidecars"), "{message}");
}
