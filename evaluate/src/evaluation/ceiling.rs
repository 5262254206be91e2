//! The ceiling of agreement: what supervised networks predict about the true actions.
//!
//! Latent actions cannot say more about the true actions than the frames do. So three networks
//! learn the true actions from training clips. The *narrow* one sees the frames that the latent
//! action model sees. The *ahead* one also sees the frame after them, and the *wide* one sees the
//! two frames before them, too. Networks and latent actions are measured at the same steps of the
//! held-out windows. All four are called *readers*.
//!
//! The lag of an effect depends on the game. In `CoinRun`, a key changes the figure's pose in the
//! next frame, and its motion one frame later. So what a reader says about the step from t to t+1
//! is compared with the keys at t, t − 1 and t − 2. Each reader's lag is chosen on training clips.
//!
//! Guarantee: networks, lags and the names of latent actions are learnt on training clips only.

mod classes;
mod labelled;
mod readings;
mod share;
mod steps;
#[cfg(test)]
mod tests;

use anyhow::Result;
use genie_model::{FramesSeen, InverseDynamicsConfig, LAGS, Video as _};
use genie_shards::ClipStore;
use genie_stage::progress::Progress;
use genie_training::EvaluateConfig;

use crate::evaluation::ceiling::classes::{Division, divide, divide_actions, unknown_names};
use crate::evaluation::ceiling::labelled::LabelledClips;
use crate::evaluation::ceiling::readings::{
    KeyProbabilities, Measured, Reader, latent_reader, readings,
};
use crate::evaluation::ceiling::steps::{WindowSteps, held_out_steps, training_steps};
use crate::evaluation::inferred::Inference;
use crate::held_out::{HeldOutSet, LabelledWindows, spread};
use crate::networks::{KeyNetwork, NetworkPlace};
use crate::report::schema::{Ceiling, KeyReadings};
use crate::world::WorldModel;

/// Largest number of training windows on which latent actions are named.
///
/// Rare actions need many windows. The cost is the time in which the latent action model infers the
/// actions of these windows.
const NAMING_WINDOWS: usize = 4096;
/// Largest number of these windows on which lags are chosen.
///
/// It is smaller, because the networks must read these windows, too.
const LAG_WINDOWS: usize = 256;
/// Frames that the network *ahead* sees, at least.
const AHEAD: FramesSeen = FramesSeen { before: 0, after: 2 };
/// Frames that the network *wide* sees, at least.
const WIDE: FramesSeen = FramesSeen { before: LAGS - 1, after: 2 };
/// Number of labelled training frames below which there is a warning.
const FEW_LABELS: usize = 5000;

/// Inputs of the measurement of a ceiling.
pub struct CeilingInputs<'a> {
    pub config: &'a EvaluateConfig,
    pub place: NetworkPlace<'a>,
    pub model: &'a dyn WorldModel,
    /// Frames that the latent action model sees for an action.
    pub seen: FramesSeen,
    pub held_out: &'a HeldOutSet,
    /// The windows to measure.
    pub labelled: &'a LabelledWindows,
    /// Latent actions of each of these windows, one fewer than frames.
    ///
    /// `None` if the dynamics model takes true actions: then there is nothing to compare.
    pub latent: Option<&'a [Vec<u8>]>,
    /// Frames per window.
    pub frames: usize,
}

/// How the measurement of a ceiling ended.
pub enum CeilingResult {
    /// It is measured.
    Measured(Box<Ceiling>),
    /// There are no true actions, or the ceiling is turned off.
    NotMeasured,
    /// The user stopped it; the next run resumes the training of a network.
    Stopped,
}

/// Trains the networks that are not trained yet, and measures all readers.
///
/// Adds warnings to `notes`.
///
/// # Errors
/// Fails if clips cannot be read, or if a network cannot be trained or stored.
pub fn measure_ceiling(
    inputs: &CeilingInputs<'_>,
    notes: &mut Vec<String>,
) -> Result<CeilingResult> {
    let &CeilingInputs { config, place, model, held_out, seen, frames, .. } = inputs;
    let has_truth = inputs.labelled.windows.iter().any(|window| window.truth.is_some());
    let Some(latent) = inputs.latent.filter(|_| has_truth && config.ceiling_steps > 0) else {
        return Ok(CeilingResult::NotMeasured);
    };
    let (wide_view, mut names) = (seen.and(WIDE), held_out.names.actions.clone());
    let (size, shortest) = (held_out.size(), wide_view.count());
    let Some(clips) = LabelledClips::open(place.root, size, shortest, &mut names)? else {
        notes.push(NO_LABELS.to_owned());
        return Ok(CeilingResult::NotMeasured);
    };
    let highest = held_out.highest_action.max(clips.highest());
    let count = names.len().max(usize::from(highest) + 1);
    let keys = divide_actions(&names, count, &config.same_keys);
    notes.extend(unknown_names("same_keys", &config.same_keys, &keys));
    notes.extend(unknown_names("directions", &config.directions, &keys));
    if keys.len() < 2 {
        notes.push(ONE_KEY.to_owned());
        return Ok(CeilingResult::NotMeasured);
    }
    let clips = clips.with_classes(&keys);

    let held = held_out_steps(inputs.labelled, latent, frames, wide_view, &keys);
    if held.is_empty() {
        notes.push(TOO_SHORT.to_owned());
        return Ok(CeilingResult::NotMeasured);
    }
    let (hash, mut networks) = (clips.hash(), Vec::new());
    let views =
        [("narrow ceiling", seen), ("ceiling ahead", seen.and(AHEAD)), ("wide ceiling", wide_view)];
    for (name, seen) in views {
        let mut network = InverseDynamicsConfig::new(seen, keys.len(), config.ceiling_steps);
        network.middle = config.ceiling_middle;
        match KeyNetwork::trained(place, &network, (clips.data(), &hash), name)? {
            Some(network) => networks.push(network),
            None => return Ok(CeilingResult::Stopped),
        }
    }
    let places = spread(clips.store(), clips.size(), frames, NAMING_WINDOWS, config.seed);
    let inference = Inference { model, frames, batch: config.batch, stop: place.stop };
    let Some(codes) = inference.actions("names of actions", clips.store(), &places)? else {
        return Ok(CeilingResult::Stopped);
    };
    let naming = training_steps(&clips, &places, &codes, frames, wide_view);
    let measured = Measured {
        held_out: &held,
        naming: &naming,
        lags: &naming[..naming.len().min(LAG_WINDOWS)],
        draws: config.bootstrap,
        seed: config.seed,
    };
    let mut readers = vec![latent_reader(&measured, seen, model.num_actions(), keys.len())];
    let stores = (held_out.store(), clips.store());
    for network in &networks {
        match network_reader(network, &measured, stores, place)? {
            Some(reader) => readers.push(reader),
            None => return Ok(CeilingResult::Stopped),
        }
    }
    let [latent, narrow, ahead, wide] = &readers[..] else { unreachable!("four readers") };
    let readers = [latent, narrow, ahead, wide];
    let all = Division::trivial(&keys);
    let directions =
        (!config.directions.is_empty()).then(|| divide(&keys.members, &config.directions));
    let pairs = |windows: &[WindowSteps]| windows.iter().map(|w| w.codes.len() as u64).sum();
    let ceiling = Ceiling {
        windows: held.len(),
        pairs: pairs(&held),
        training_pairs: pairs(&naming),
        labelled_frames: clips.labelled_frames() as u64,
        training_steps: config.ceiling_steps,
        keys: readings(&measured, readers, &all),
        directions: directions.map(|directions| readings(&measured, readers, &directions)),
    };
    notes.extend(warn(&ceiling));
    Ok(CeilingResult::Measured(Box::new(ceiling)))
}

const NO_LABELS: &str = "No training clip has true actions with the names that the held-out clips \
                         have, so there is no ceiling of agreement.";
const ONE_KEY: &str = "All true actions count as one, so there is no ceiling of agreement. Remove \
                       names from [evaluate] same_keys, or check the sidecars.";
const TOO_SHORT: &str = "The held-out clips are too short to measure the ceiling of agreement.";

/// Lets a network predict the keys of all measured steps; `None` if the user stops it.
fn network_reader(
    network: &KeyNetwork,
    measured: &Measured<'_>,
    (held_out, training): (&ClipStore, &ClipStore),
    place: NetworkPlace<'_>,
) -> Result<Option<Reader>> {
    let total = measured.held_out.len() + measured.lags.len();
    let progress = Progress::new("ceiling", total as u64);
    let read = |store: &ClipStore, windows: &[WindowSteps]| -> Result<Option<KeyProbabilities>> {
        let mut rows = Vec::with_capacity(windows.len());
        for window in windows {
            if place.stop.requested() {
                return Ok(None);
            }
            rows.push(network.read(store, window.clip, &window.steps)?);
            progress.inc(1);
        }
        Ok(Some(rows))
    };
    let Some(held_out) = read(held_out, measured.held_out)? else { return Ok(None) };
    let Some(lags) = read(training, measured.lags)? else { return Ok(None) };
    progress.finish();
    Ok(Some(Reader { seen: network.seen(), held_out, lags, codes: None }))
}

/// Returns warnings about a ceiling that cannot be trusted.
fn warn(ceiling: &Ceiling) -> Vec<String> {
    let mut warnings = Vec::new();
    let KeyReadings { latent, narrow, wide, .. } = &ceiling.keys;
    if (ceiling.labelled_frames as usize) < FEW_LABELS {
        warnings.push(format!(
            "Only {} frames of training clips have true actions. The ceiling of agreement may be \
             much higher than measured.",
            ceiling.labelled_frames
        ));
    }
    if wide.chosen.information_nats <= 0.0 {
        warnings.push(
            "The supervised networks read nothing about the true actions, so the ceiling of \
             agreement is not known. Raise [evaluate] ceiling_steps, or check the sidecars."
                .to_owned(),
        );
    } else if latent.chosen.information_nats > narrow.chosen.information_nats {
        warnings.push(
            "The latent actions say more about the true actions than the supervised network that \
             sees the same frames. Its ceiling is only a lower bound: raise [evaluate] \
             ceiling_steps."
                .to_owned(),
        );
    }
    warnings
}
