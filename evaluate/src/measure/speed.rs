//! How fast the models generate: for one player, and for a batch of worlds.
//!
//! What is timed is what playing takes: tokens of the next frame, and its pixels. A whole window is generated from its
//! prompt with the actions that were inferred, so that attention looks back as far as on average. For one world the
//! median of three runs counts; a first run, which finds its kernels and memory, does not.

use std::time::Instant;

use anyhow::Result;

use crate::measure::inputs::{MeasurementInputs, load_batch};
use crate::measure::observer::MeasurementObserver;
use crate::measure::settings::Settings;
use crate::random::sampler_seed;
use crate::report::schema::GenerationSpeed;
use crate::world::{ActionBatch, Checked, VideoBatch, WorldModel};

const RUNS: usize = 3;

/// What [`MeasurementObserver::advance`] comes to.
pub const WORK: usize = RUNS + 2;

/// Measures it, on the first windows; `device` is what it says of where. `None` when stopped on the way.
///
/// # Errors
/// As [`crate::measure::measure`].
pub fn speed(
    model: &dyn WorldModel,
    inputs: &MeasurementInputs<'_>,
    settings: &Settings,
    device: &str,
    observer: &dyn MeasurementObserver,
) -> Result<Option<GenerationSpeed>> {
    let model = Checked(model);
    let batch = settings.batch.min(inputs.windows.len());
    let videos = load_batch(inputs.windows, 0..batch, inputs.load)?;
    let single = videos.single(0);
    let mut times = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let Some(time) = timed(&model, &single, settings, observer)? else { return Ok(None) };
        if run > 0 {
            times.push(time);
        }
    }
    times.sort_by(f64::total_cmp);
    let Some(together) = timed(&model, &videos, settings, observer)? else { return Ok(None) };
    let frames = (videos.frames - settings.prompt_frames) as f64;
    Ok(Some(GenerationSpeed {
        device: device.to_owned(),
        frames_per_second: frames / times[RUNS / 2],
        batch,
        batch_frames_per_second: frames * batch as f64 / together,
    }))
}

/// Seconds to generate the rest of every window.
fn timed(
    model: &Checked<'_>,
    real: &VideoBatch,
    settings: &Settings,
    observer: &dyn MeasurementObserver,
) -> Result<Option<f64>> {
    if observer.stopped() {
        return Ok(None);
    }
    let prompt = model.encode(real)?.prefix(settings.prompt_frames);
    let steps = real.frames - 1;
    // Which actions does not matter to the time.
    let actions = ActionBatch { batch: real.batch, steps, data: vec![0; real.batch * steps] };
    let begin = Instant::now();
    let tokens = model.rollout(&prompt, &actions, sampler_seed(settings.seed, 0))?;
    model.decode(&tokens, real)?;
    observer.advance(1);
    Ok(Some(begin.elapsed().as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::testing::{
        FRAMES, Flaw, SETTINGS, SilentObserver, ToyWorld, WithRollout, recordings,
    };
    use crate::world::TokenBatch;

    /// Catches: frames of the prompt counted as generated, frames of a batch counted once, the first run's warm-up counted.
    #[test]
    fn frames_a_second_are_of_generated_frames() {
        let (windows, videos) = recordings(2, 4);
        let load = |i: usize| Ok(videos[i].clone());
        let inputs = MeasurementInputs {
            windows: &windows,
            load: &load,
            mean_frame: None,
            frame_distance: None,
        };
        let settings = Settings { prompt_frames: FRAMES / 2, ..SETTINGS };
        // It takes 4 ms for each frame of each row, and 200 ms more the first time.
        let warm = Cell::new(false);
        let slow = WithRollout(
            ToyWorld(Flaw::None),
            |world: &ToyWorld, prompt: &TokenBatch, actions: &ActionBatch, seed| {
                let warm_up = if warm.replace(true) { 0 } else { 200 };
                let frames = actions.steps + 1 - prompt.frames;
                sleep(Duration::from_millis(4 * (frames * prompt.batch) as u64 + warm_up));
                world.rollout(prompt, actions, seed)
            },
        );
        let found = speed(&slow, &inputs, &settings, "cpu", &SilentObserver).unwrap().unwrap();
        assert_eq!((found.device.as_str(), found.batch), ("cpu", settings.batch));
        // 250 at most; other work on the machine only makes it less.
        assert!((60.0..=250.0).contains(&found.frames_per_second), "{found:?}");
        assert!((60.0..=250.0).contains(&found.batch_frames_per_second), "{found:?}");
    }
}
