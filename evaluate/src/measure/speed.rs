//! The speed of generation, for one player and for a batch of worlds.
//!
//! The measured work is what playing needs: the tokens of the next frame, and its pixels. A whole
//! window is generated from its prompt, so attention has its average length. The result for one
//! world is the median of three runs, after one run that compiles kernels and allocates memory.

use std::time::Instant;

use anyhow::Result;

use crate::measure::inputs::{MeasurementInputs, load_batch};
use crate::measure::observer::MeasurementObserver;
use crate::measure::settings::Settings;
use crate::random::sampler_seed;
use crate::report::schema::GenerationSpeed;
use crate::world::{ActionBatch, Checked, VideoBatch, WorldModel};

const RUNS: usize = 3;

/// Units of progress that [`speed`] reports.
pub const WORK: usize = RUNS + 2;

/// Measures frames per second on the first windows; `None` if the observer stops it.
///
/// `device` is the name of the device in the report.
///
/// # Errors
/// Fails as [`crate::measure::measure`] does.
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

/// Returns the seconds for generating the frames after the prompt; `None` on a stop request.
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
    // The actions have no influence on the time.
    let actions = ActionBatch { batch: real.batch, steps, data: vec![0; real.batch * steps] };
    let seeds: Vec<u64> = (0..real.batch).map(|b| sampler_seed(settings.seed, b)).collect();
    let begin = Instant::now();
    let tokens = model.rollout(&prompt, &actions, &seeds)?.tokens;
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

    /// Catches: prompt frames count as generated; frames of a batch are counted once; the warm-up
    /// run is counted.
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
        // Each frame of each row takes 4 ms, and the first run 200 ms more.
        let warm = Cell::new(false);
        let slow = WithRollout(
            ToyWorld(Flaw::None),
            |world: &ToyWorld, prompt: &TokenBatch, actions: &ActionBatch, seeds: &[u64]| {
                let warm_up = if warm.replace(true) { 0 } else { 200 };
                let frames = actions.steps + 1 - prompt.frames;
                sleep(Duration::from_millis(4 * (frames * prompt.batch) as u64 + warm_up));
                world.rollout(prompt, actions, seeds)
            },
        );
        let found = speed(&slow, &inputs, &settings, "cpu", &SilentObserver).unwrap().unwrap();
        assert_eq!((found.device.as_str(), found.batch), ("cpu", settings.batch));
        // The limit is 250 frames per second. Other work on the machine only lowers the result.
        assert!((60.0..=250.0).contains(&found.frames_per_second), "{found:?}");
        assert!((60.0..=250.0).contains(&found.batch_frames_per_second), "{found:?}");
    }
}
