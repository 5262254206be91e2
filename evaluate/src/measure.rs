//! The measurement: runs the models over the chosen windows and keeps scores, not frames.
//!
//! For every window, four continuations start from the same prompt frames and, by the same sampler seed, from the same
//! noise: with the latent actions inferred from the clip itself, with uniformly random ones (several draws), and with
//! the clip's own shuffled in time (as many draws). What differs between the arms is the actions alone: a model that
//! ignores them scores a difference of exactly zero. All are compared with the clip's real frames, as the paper does.
//!
//! From the first few windows, the starts, each latent action is also held for a few frames: what moves then, and whether
//! it is the same from every start, says what the action does.
//!
//! Numbering: `t` counts frames of a window from 0, so with one prompt frame, frame `t` is the `t`-th generated one and
//! was reached by `t` actions. Actions that lead to frames of the prompt are part of what is given: every arm keeps
//! them as inferred.
//!
//! Memory holds one batch of video and, of the first few windows, the frames for the pictures; it does not grow with
//! the number of windows but for their scores.

mod batch;
mod frame_distance;
mod inputs;
mod measurement;
mod observer;
mod settings;
mod speed;
#[cfg(test)]
mod tests;

pub use frame_distance::{FrameDistance, Pair};
pub use inputs::{MeasurementInputs, load_batch};
pub use measurement::{Measurement, Scene};
pub use observer::MeasurementObserver;
pub use settings::{HOLD, Settings};
pub use speed::{WORK as SPEED_RUNS, speed};

use std::ops::Range;

use anyhow::{Result, ensure};

use crate::measure::batch::WindowBatch;
use crate::world::{Checked, WorldModel};

/// Runs the models over all windows, of which there is at least one. `None` when stopped on the way.
///
/// # Errors
/// When a window cannot be read, the windows differ in size, or the models do not fit them (see [`Checked`]).
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
        "[evaluate] prompt_frames = {} leaves nothing to generate in windows of {} frames: make it smaller",
        settings.prompt_frames,
        first.frames,
    );
    let mut found = Measurement {
        frames: first.frames,
        height: first.height,
        width: first.width,
        token_counts: vec![0; model.0.codebook_size()],
        action_counts: vec![0; model.0.num_actions()],
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
        let windows = &windows[start..end];
        let batch = WindowBatch {
            model: &model,
            settings,
            observer,
            start,
            windows,
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
