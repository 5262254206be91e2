//! Supervised networks that predict true actions, trained once for each dataset.
//!
//! `<root>/ceilings/<key>/` has the checkpoints of one network, and `step.json` when it is trained.
//! The key contains the config, the clips and their labels. So a network is never out of date, and
//! every later report of the dataset uses it. A stopped or killed training resumes. A damaged
//! network is trained again. All directories may be deleted.

use std::ops::Range;

use anyhow::{Context, Result};
use camino::Utf8Path;
use genie_model::{
    Device, FramesSeen, InverseDynamics, InverseDynamicsConfig, LAGS, LabelledVideo, MODEL_FORMAT,
    ModelError, TRAINING_FORMAT, train_inverse_dynamics,
};
use genie_shards::ClipStore;
use genie_stage::config::Resolved;
use genie_stage::key::Key;
use genie_stage::status::StepState;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use genie_training::{Fitted, fit_until, without_memory_options};

/// Version of the networks; a higher version trains them again.
const FORMAT: u32 = 1;
const STEP: &str = "ceiling";

/// Where networks are trained and stored.
#[derive(Clone, Copy)]
pub struct NetworkPlace<'a> {
    /// Root of the dataset.
    pub root: &'a Utf8Path,
    /// The resolved config, which is stored beside a network.
    pub resolved: &'a Resolved,
    pub device: Device,
    pub stop: &'a Stop,
}

/// A trained network.
pub struct KeyNetwork(InverseDynamics);

impl KeyNetwork {
    /// Loads the network, or trains it first; `None` if the user stops the training.
    ///
    /// `labels` is a hash of the clips and their labels.
    ///
    /// # Errors
    /// Fails if clips cannot be read, or if the network cannot be trained, stored or loaded.
    pub fn trained(
        place: NetworkPlace<'_>,
        config: &InverseDynamicsConfig,
        (data, labels): (LabelledVideo<'_>, &str),
        name: &str,
    ) -> Result<Option<KeyNetwork>> {
        let key = Key::builder(STEP, FORMAT)
            .config(&without_memory_options(config))
            .input("clips", labels)
            .input("formats", format!("{MODEL_FORMAT} {TRAINING_FORMAT}"))
            .finish();
        let dir = place.root.join("ceilings").join(key.as_str());
        let step = || StepDir::open(dir.clone(), &key, STEP);
        let attempt = || -> Result<Option<KeyNetwork>> {
            let step = step();
            let train = |run: &Utf8Path, observer: &mut dyn genie_model::TrainingObserver| {
                Ok(train_inverse_dynamics(config, data, run, &place.device, observer)?)
            };
            let steps = config.train.steps;
            match fit_until(place.stop, &step, place.resolved, name, steps, train)? {
                Fitted::Stopped(_) => Ok(None),
                Fitted::UpToDate | Fitted::Done => {
                    Ok(Some(KeyNetwork(InverseDynamics::load(step.fetched()?, &place.device)?)))
                }
            }
        };
        let begun = step().state()? != StepState::Missing;
        let found = match attempt() {
            Err(error) if begun && error.is::<ModelError>() => {
                tracing::warn!("{name}: {error:#}; the network is trained again");
                genie_store::remove_dir(&dir).with_context(|| format!("cannot remove {dir}"))?;
                attempt()
            }
            found => found,
        };
        found.with_context(|| format!("cannot train the network of the {name} in {dir}"))
    }

    /// Frames that the network sees for a step.
    pub fn seen(&self) -> FramesSeen {
        self.0.seen()
    }

    /// Predicts the keys of some steps of a clip: log-probabilities `[step, lag, class]`.
    ///
    /// # Errors
    /// Fails if the frames cannot be read, or do not fit the network.
    pub fn read(&self, store: &ClipStore, clip: usize, steps: &Range<usize>) -> Result<Vec<f64>> {
        let seen = self.0.seen();
        let first = steps.start - seen.before;
        let all = store.window(clip, first, steps.len() - 1 + seen.count())?;
        let frame = all.height * all.width * 3;
        let windows =
            (0..steps.len()).flat_map(|step| &all.data[step * frame..][..seen.count() * frame]);
        let frames: Vec<u8> = windows.copied().collect();
        let found = self.0.log_probabilities(&frames)?;
        debug_assert_eq!(found.len(), steps.len() * LAGS * self.0.classes());
        Ok(found.into_iter().map(f64::from).collect())
    }
}
