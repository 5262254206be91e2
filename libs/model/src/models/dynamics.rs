//! The dynamics model [Genie §2.3]: MaskGIT over frames of tokens.
//!
//! It predicts the masked tokens of a frame from the frame's other tokens, the earlier frames and
//! the actions that lead to each of these frames. The target of a position is its own token.
//!
//! The action between frame t and frame t+1 conditions frame t+1. No action leads to frame 0, which
//! gets a learned embedding instead and is never masked. Actions are data here: no gradient reaches
//! the LAM.

mod config;
mod cost;
mod network;
mod rollout;
mod sampler;
mod task;

use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;

pub use config::{ActionMode, ActionSource, DynamicsConfig, DynamicsDescription, Vocabulary};
pub use cost::estimate_dynamics;
use network::DynamicsNet;
use rollout::Roller;
pub use sampler::{SamplerConfig, UnmaskOrder};
use task::DynamicsTask;

use crate::data::TokenWindows;
use crate::device::Device;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::kernels::Kernels;
use crate::models::lifecycle::{self, Description, Loaded};
use crate::train::{Outcome, TrainConfig, TrainingObserver};

/// Trains a dynamics model in the directory `run`, or resumes its training there.
///
/// `codes` is the size of the tokenizer's codebook and `actions` the number of actions. An error
/// leaves the checkpoints that are already in `run` as they are.
pub fn train_dynamics(
    config: &DynamicsConfig,
    data: &TokenWindows,
    codes: usize,
    actions: usize,
    run: &Utf8Path,
    device: &Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let TokenWindows { frames, positions, columns, .. } = *data;
    let vocabulary = Vocabulary { frames, positions, columns, codes, actions };
    let description = DynamicsDescription { config: config.clone(), vocabulary };
    lifecycle::train(&description, data, run, *device, observer)
}

impl Description for DynamicsDescription {
    type Net<B: Kernels> = DynamicsNet<B>;
    type Data<'a> = &'a TokenWindows;
    type Task<'a, B>
        = DynamicsTask<'a>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    type Operations = dyn Roller;

    fn check(&self) -> Result<(), ModelError> {
        self.config.check()
    }

    fn train_config(&self) -> &TrainConfig {
        &self.config.train
    }

    fn cost(&self) -> Result<Estimate, ModelError> {
        let Vocabulary { frames, positions, codes, actions, .. } = self.vocabulary;
        estimate_dynamics(&self.config, (frames, positions), codes, actions)
    }

    fn net<B: Kernels>(&self, device: &B::Device) -> DynamicsNet<B> {
        DynamicsNet::new(&self.config, self.vocabulary, device)
    }

    fn task<'a, B>(&'a self, data: &'a TokenWindows) -> Result<DynamicsTask<'a>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels,
    {
        DynamicsTask::new(self, data)
    }

    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<dyn Roller> {
        Box::new(loaded)
    }
}

/// A trained dynamics model.
pub struct Dynamics {
    description: DynamicsDescription,
    roller: Box<dyn Roller>,
}

impl Dynamics {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// Fails if there is no complete checkpoint or if it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        let (description, roller) = lifecycle::load(run, *device)?;
        Ok(Self { description, roller })
    }

    /// Continues prompts of p frames to t frames.
    ///
    /// The prompt is tokens `[b, p, space]`. The actions are `[b, t-1]`: entry t leads from frame t
    /// to frame t+1. The result is tokens `[b, t, space]`, and its first p frames are the prompt.
    /// The same seed gives the same rollout.
    ///
    /// If t exceeds [`Dynamics::frames`], the model sees between half a window and a whole window
    /// of the last frames. Fails if the shapes do not fit each other or the model, or if a logit is
    /// not finite.
    pub fn rollout(
        &self,
        prompt: &[u16],
        actions: &[u8],
        b: usize,
        config: &SamplerConfig,
        seed: u64,
    ) -> Result<Vec<u16>, ModelError> {
        config.check()?;
        let wrong = |what: String| Err(ModelError::Data(what));
        let Vocabulary { positions: s, codes, actions: known, .. } = self.description.vocabulary;
        if b == 0
            || !prompt.len().is_multiple_of(b * s)
            || !actions.len().is_multiple_of(b)
            || prompt.is_empty()
        {
            return wrong(format!(
                "{} prompt tokens and {} actions are not {b} rollouts of {s}-token frames",
                prompt.len(),
                actions.len()
            ));
        }
        let (given, frames) = (prompt.len() / (b * s), actions.len() / b + 1);
        if given > frames {
            return wrong(format!(
                "a prompt of {given} frames is longer than its rollout of {frames} frames: give \
                 one action for each frame after the first"
            ));
        }
        if let Some(action) = actions.iter().find(|action| usize::from(**action) >= known) {
            return wrong(format!("action {action} is not one of the model's {known} actions"));
        }
        if let Some(token) = prompt.iter().find(|token| usize::from(**token) >= codes) {
            return wrong(format!(
                "token {token} is outside the codebook of {codes} codes: the tokens are of another \
                 tokenizer"
            ));
        }
        self.roller.rollout(prompt, actions, b, config, seed)
    }

    /// Frames per window: the longest sequence that the model reads.
    pub fn frames(&self) -> usize {
        self.description.vocabulary.frames
    }

    /// Tokens per frame.
    pub fn positions(&self) -> usize {
        self.description.vocabulary.positions
    }

    /// The number of codes that a token can be.
    pub fn codebook_size(&self) -> usize {
        self.description.vocabulary.codes
    }

    /// Which actions the model was trained with.
    pub fn actions(&self) -> ActionSource {
        self.description.config.actions
    }

    /// The number of actions.
    pub fn num_actions(&self) -> usize {
        self.description.vocabulary.actions
    }
}

#[cfg(test)]
mod tests;
