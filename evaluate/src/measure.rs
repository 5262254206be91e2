//! Rollouts on the chosen windows, as scores.
//!
//! For every window, several rollouts start from the same prompt frames with the same sampler
//! noise:
//!
//! - *inferred*: with the latent actions that are inferred from the clip;
//! - *random*: with uniformly random actions, in several draws;
//! - *shuffled*: with the inferred actions in another order, in as many draws.
//!
//! These arms differ in their actions only. So a model that ignores its actions has a difference of
//! exactly zero. Every arm is compared with the real frames of the clip, as in the paper.
//!
//! From the first few windows (the *starts*), the most frequent latent actions are also held for a
//! few frames. The motion that follows shows what an action does, and whether it does the same from
//! every start.
//!
//! In the first windows, the frames of the first arm and the reconstructed frames of the clip are
//! encoded and decoded again. The changes of tokens and pixels are signals of doubt, which need no
//! recording.
//!
//! `t` counts the frames of a window from 0. With one prompt frame, frame `t` is the `t`-th
//! generated frame, and `t` actions lead to it. Actions that lead to frames of the prompt belong to
//! the prompt: every arm keeps them as inferred.
//!
//! Memory holds one batch of frames, the frames of the first few windows for the pictures, and the
//! scores of all windows.

mod actions;
mod batch;
mod frame_distance;
mod inputs;
mod measurement;
mod observer;
mod reencoded;
mod settings;
mod speed;
#[cfg(test)]
mod tests;
mod truth;

pub use actions::infer_actions;
pub use frame_distance::{FrameDistance, Pair};
pub use inputs::{MeasurementInputs, load_batch};
pub use measurement::{Measurement, Scene};
pub use observer::MeasurementObserver;
pub use settings::{HOLD, Settings};
pub use speed::{WORK as SPEED_RUNS, speed};
pub use truth::true_actions;

use std::ops::Range;

use anyhow::{Result, ensure};

use crate::held_out::HeldOutWindow;
use crate::measure::actions::{action_counts, held_actions};
use crate::measure::batch::WindowBatch;
use crate::world::{ActionBatch, Checked, WorldModel};

/// Runs the models over all windows; `None` if the observer stops it.
///
/// There must be at least one window. The latent actions of all windows are inferred first, because
/// the most frequent ones are held.
///
/// # Errors
/// Fails if a window cannot be read, if windows differ in size, or if the models do not fit them
/// (see [`Checked`]).
pub fn measure(
    model: &dyn WorldModel,
    inputs: &MeasurementInputs<'_>,
    settings: &Settings,
    observer: &dyn MeasurementObserver,
) -> Result<Option<Measurement>> {
    let &MeasurementInputs { windows, load, mean_frame, frame_distance } = inputs;
    let model = Checked(model);
    let first = load(0)?;
    ensure!(
        settings.prompt_frames < first.frames,
        "[evaluate] prompt_frames = {} leaves no frame to generate in windows of {} frames: set it \
         to a smaller number",
        settings.prompt_frames,
        first.frames,
    );
    let (codes, steps) = (model.0.num_actions(), first.frames - 1);
    let latent = if settings.true_actions {
        let all: Vec<&HeldOutWindow> = windows.iter().collect();
        let truth = true_actions(&all, steps, codes)?;
        Some((0..windows.len()).map(|index| truth.window(index).to_vec()).collect())
    } else {
        let load = |range| load_batch(windows, range, load);
        let proceed = &mut |_| !observer.stopped();
        infer_actions(&model, windows.len(), settings.batch, &load, proceed)?
    };
    let Some(latent): Option<Vec<Vec<u8>>> = latent else { return Ok(None) };
    let action_counts = action_counts(&latent, codes);
    let mut found = Measurement {
        frames: first.frames,
        height: first.height,
        width: first.width,
        token_counts: vec![0; model.0.codebook_size()],
        held_actions: held_actions(&action_counts),
        action_counts,
        scores: Vec::with_capacity(windows.len()),
        scenes: Vec::new(),
    };
    for range in settings.batches(windows.len()) {
        let keeps = settings.keeps(&range);
        if let Some(kept) = keeps.then(|| observer.kept(range.clone())).flatten() {
            for scores in kept {
                found.add(scores);
            }
            continue;
        }
        let Range { start, end } = range;
        let real = load_batch(windows, start..end, load)?;
        let data = latent[start..end].concat();
        let batch = WindowBatch {
            model: &model,
            settings,
            observer,
            start,
            latent: ActionBatch { batch: end - start, steps, data },
            mean_frame,
            frame_distance,
            real,
        };
        if batch.run(&mut found)?.is_none() {
            return Ok(None);
        }
        if keeps {
            observer.measured(start, &found.scores[start..])?;
        }
    }
    Ok(Some(found))
}
