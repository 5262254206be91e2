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
mod history;
mod network;
mod predictor;
mod rollout;
mod sampler;
mod session;
mod task;

use std::sync::Arc;

use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;

pub use config::{
    ActionMode, ActionSource, DynamicsConfig, DynamicsDescription, MaskRates, PreviousFrame,
    Vocabulary,
};
pub use cost::estimate_dynamics;
use network::DynamicsNet;
use predictor::Stepper;
use rollout::{RolloutInputs, generate, rollout};
pub use sampler::{SamplerConfig, UnmaskOrder};
pub use session::{GeneratedFrame, Session, SessionSnapshot, Turn};
use task::DynamicsTask;

use crate::data::{TokenGroups, TokenShape};
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
    data: Arc<dyn TokenGroups>,
    codes: usize,
    actions: usize,
    run: &Utf8Path,
    device: &Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let TokenShape { frames, positions, columns } = data.shape();
    let vocabulary = Vocabulary { frames, positions, columns, codes, actions };
    let description = DynamicsDescription { config: config.clone(), vocabulary };
    lifecycle::train(&description, data, run, *device, observer)
}

impl Description for DynamicsDescription {
    type Net<B: Kernels> = DynamicsNet<B>;
    type Data<'a> = Arc<dyn TokenGroups>;
    type Task<'a, B>
        = DynamicsTask<'a>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    type Operations = dyn Stepper;

    fn check(&self) -> Result<(), ModelError> {
        self.config.check()?;
        self.config.check_parts(self.vocabulary.actions)
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

    fn task<B>(&self, data: Arc<dyn TokenGroups>) -> Result<DynamicsTask<'_>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels,
    {
        DynamicsTask::new(self, data)
    }

    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<dyn Stepper> {
        Box::new(loaded)
    }
}

/// A trained dynamics model.
pub struct Dynamics {
    description: DynamicsDescription,
    stepper: Box<dyn Stepper>,
}

impl Dynamics {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// Fails if there is no complete checkpoint or if it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        let (description, stepper) = lifecycle::load(run, *device)?;
        Ok(Self { description, stepper })
    }

    /// Continues prompts of p frames to t frames.
    ///
    /// The prompt is tokens `[batch, p, space]`. The actions are `[batch, t-1]`: entry t leads from
    /// frame t to frame t+1. Each rollout has a seed; the batch is the number of seeds. The result
    /// is tokens `[batch, t, space]`, and its first p frames are the prompt.
    ///
    /// A rollout is a [`Session`] with known actions. It depends on its own prompt, actions and
    /// seed, and not on the others in the batch. If t exceeds [`Dynamics::frames`], the model sees
    /// between half a window and a whole window of the last frames. Fails if the shapes do not fit
    /// each other or the model, or if a logit is not finite.
    pub fn rollout(
        &self,
        prompt: &[u16],
        actions: &[u8],
        seeds: &[u64],
        sampler: &SamplerConfig,
    ) -> Result<Vec<u16>, ModelError> {
        let inputs = self.inputs(prompt, actions, seeds, sampler)?;
        rollout(&inputs, sampler, |turns| self.stepper.step(turns))
    }

    /// Like [`Dynamics::rollout`], but returns the generated frames of each rollout `[batch][t-p]`.
    pub fn generate(
        &self,
        prompt: &[u16],
        actions: &[u8],
        seeds: &[u64],
        sampler: &SamplerConfig,
    ) -> Result<Vec<Vec<GeneratedFrame>>, ModelError> {
        let inputs = self.inputs(prompt, actions, seeds, sampler)?;
        generate(&inputs, sampler, |turns| self.stepper.step(turns))
    }

    fn inputs<'a>(
        &self,
        prompt: &'a [u16],
        actions: &'a [u8],
        seeds: &'a [u64],
        sampler: &SamplerConfig,
    ) -> Result<RolloutInputs<'a>, ModelError> {
        sampler.check()?;
        let Vocabulary { positions: space, frames: window, .. } = self.description.vocabulary;
        let b = seeds.len();
        if b == 0
            || !prompt.len().is_multiple_of(b * space)
            || !actions.len().is_multiple_of(b)
            || prompt.is_empty()
        {
            return Err(ModelError::Data(format!(
                "{} prompt tokens and {} actions are not {b} rollouts of {space}-token frames",
                prompt.len(),
                actions.len()
            )));
        }
        let (given, frames) = (prompt.len() / (b * space), actions.len() / b + 1);
        if given > frames {
            return Err(ModelError::Data(format!(
                "a prompt of {given} frames is longer than its rollout of {frames} frames: give \
                 one action for each frame after the first"
            )));
        }
        self.check_tokens(prompt)?;
        self.check_actions(actions)?;
        Ok(RolloutInputs { prompt, actions, seeds, space, window })
    }

    /// Starts a session that begins with the frames `prompt`.
    ///
    /// The prompt is tokens `[p, space]`, with at least one frame. `actions` `[p-1]` lead from each
    /// of its frames to the next. Fails if the shapes do not fit each other or the model.
    pub fn start(&self, prompt: &[u16], actions: &[u8], seed: u64) -> Result<Session, ModelError> {
        let space = self.positions();
        if prompt.is_empty() || prompt.len() != (actions.len() + 1) * space {
            return Err(ModelError::Data(format!(
                "{} prompt tokens and {} actions are not a prompt: it has {space} tokens for each \
                 frame, and one action for each frame after the first",
                prompt.len(),
                actions.len()
            )));
        }
        self.check_tokens(prompt)?;
        self.check_actions(actions)?;
        Ok(Session::new(prompt, actions, space, seed, true))
    }

    /// Generates one frame of each session, in one batch.
    ///
    /// Sessions may have different ages and samplers. Fails if an action or a sampler is not valid,
    /// if a session is of a model with other tokens, or if a logit is not finite. All sessions are
    /// then as before.
    pub fn step(&self, turns: &mut [Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError> {
        for turn in &*turns {
            turn.sampler.check()?;
            self.check_actions(&[turn.action])?;
            if turn.session.last().len() != self.positions() {
                return Err(ModelError::Data(format!(
                    "a session has {} tokens per frame, but the model has {}: it was started with \
                     another model",
                    turn.session.last().len(),
                    self.positions()
                )));
            }
        }
        if turns.is_empty() { Ok(Vec::new()) } else { self.stepper.step(turns) }
    }

    fn check_tokens(&self, tokens: &[u16]) -> Result<(), ModelError> {
        let codes = self.codebook_size();
        match tokens.iter().find(|token| usize::from(**token) >= codes) {
            Some(token) => Err(ModelError::Data(format!(
                "token {token} is outside the codebook of {codes} codes: the tokens are of another \
                 tokenizer"
            ))),
            None => Ok(()),
        }
    }

    fn check_actions(&self, actions: &[u8]) -> Result<(), ModelError> {
        let known = self.num_actions();
        match actions.iter().find(|action| usize::from(**action) >= known) {
            Some(action) => Err(ModelError::Data(format!(
                "action {action} is not one of the model's {known} actions"
            ))),
            None => Ok(()),
        }
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
