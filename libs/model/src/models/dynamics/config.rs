//! The `[dynamics]` section of the config, and the description that a checkpoint stores.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::ModelError;
use crate::layers::{ConvolutionsConfig, StackConfig};
use crate::train::TrainConfig;

/// How an action conditions the frame that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionMode {
    /// As one more position before the frame's tokens.
    Prepend,
    /// Added to the embedding of every token (the paper).
    Add,
}

/// What the input at each position has of the previous frame, beside the position's own token.
///
/// In training these are the true tokens, even if they are masked in the previous frame. A rollout
/// has them too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PreviousFrame {
    /// Nothing: positions see earlier frames only through temporal attention (the paper).
    None,
    /// The token at the same position.
    ///
    /// The model then need not learn to keep what stays, and one layer can see where something
    /// moves.
    Position,
    /// That token and the eight around it, by a 3×3 convolution.
    ///
    /// What moves into a position comes from the positions around it. A convolution sees this in
    /// the same way everywhere. Attention must learn it for each position.
    Neighbourhood,
}

/// Reads `previous_frame`, which was `true` or `false` in version 0.1.
fn previous_frame<'de, D: Deserializer<'de>>(value: D) -> Result<PreviousFrame, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "\"none\", \"position\" or \"neighbourhood\"")]
    enum Written {
        Name(PreviousFrame),
        Same(bool),
    }
    Ok(match Written::deserialize(value)? {
        Written::Name(name) => name,
        Written::Same(true) => PreviousFrame::Position,
        Written::Same(false) => PreviousFrame::None,
    })
}

/// Which tokens of a window share a random mask rate in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaskRates {
    /// All tokens of the window (the paper).
    Window,
    /// The tokens of each frame.
    ///
    /// A rollout generates a frame after frames without masks. With a rate for each frame, the
    /// model also sees few masks in the history and many in the frame that it predicts.
    Frame,
}

/// Which actions lead from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionSource {
    /// The actions that the latent action model labels.
    Latent,
    /// The actions that were played, from the recordings' sidecars.
    ///
    /// They show whether poor control comes from the dynamics model or from the latent actions.
    True,
}

/// The `[dynamics]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DynamicsConfig {
    /// Where to train and run: `cpu`, `cuda`, or `cuda:0,1` with the numbers of the GPUs.
    pub device: String,
    /// Which actions the model is trained with.
    pub actions: ActionSource,
    /// How an action conditions the frame that it leads to.
    pub action_mode: ActionMode,
    /// Numbers of values of the parts that an action consists of; an empty list means no parts.
    ///
    /// Without parts, each action has an embedding of its own. With parts, each value of a part has
    /// one, and an action's embedding is their sum. So a rare action is learnt from all actions
    /// that share a value with it. The first part changes fastest from action to action: the levels
    /// of `lam.quantizer`, then 5 with `lam.scroll`. The product is the number of actions.
    pub action_parts: Vec<usize>,
    /// The transformer that predicts masked tokens.
    pub stack: StackConfig,
    /// What the input at each position has of the previous frame, beside the position's own token.
    #[serde(deserialize_with = "previous_frame")]
    pub previous_frame: PreviousFrame,
    /// Smallest share of a frame's tokens that training masks, from 0 to 1 (the paper: 0.5).
    ///
    /// The largest is 1. The share is random between the two.
    pub min_mask_rate: f64,
    /// Which tokens of a window share a random mask rate.
    pub mask_rates: MaskRates,
    /// Share of the frames after the first that training masks, above 0, at most 1 (the paper: 1).
    ///
    /// The others serve as clean history, as in a rollout.
    pub masked_frames: f64,
    /// Largest share of a window's frames that training corrupts, from 0 (none) to 1.
    ///
    /// In a rollout the earlier frames are the model's own, with their errors. A corrupted frame
    /// shows such errors to the later frames. Targets stay true, so the model learns to restore
    /// what it lost. Each window has one run of corrupted frames, whose length is a random share of
    /// the window up to this one. The share grows from 0 over the training, because early on the
    /// errors only slow the training down.
    pub history_noise: f64,
    /// Share of the corrupted windows whose errors are the model's own predictions, from 0 to 1.
    ///
    /// These predictions cost one more forward pass of their windows. In the other windows, a
    /// random share of the positions shows the token of another frame, so that objects vanish or
    /// leave copies.
    pub predicted_history: f64,
    /// Share of the actions that training replaces by random ones, from 0 (none) to 1.
    ///
    /// The latent actions of a recording describe what happened, so training never shows an action
    /// that is impossible: a step into a wall. A player and a rollout that has drifted give such
    /// actions. With random ones, the model learns that the history decides, too.
    pub action_noise: f64,
    /// Weight in the loss of tokens that differ from the same position's token one frame earlier.
    ///
    /// All other tokens have weight 1.
    pub changed_token_weight: f64,
    /// How the model is trained: length, batches, optimizer, logs and checkpoints.
    pub train: TrainConfig,
}

impl Default for DynamicsConfig {
    fn default() -> Self {
        Self {
            device: "cpu".into(),
            actions: ActionSource::Latent,
            action_mode: ActionMode::Prepend,
            action_parts: Vec::new(),
            stack: StackConfig {
                layers: 4,
                d: 128,
                heads: 4,
                head_dim: 0,
                ffn_mult: 4,
                qk_norm: true,
                temporal: true,
            },
            previous_frame: PreviousFrame::Neighbourhood,
            min_mask_rate: 0.5,
            mask_rates: MaskRates::Frame,
            masked_frames: 1.0,
            history_noise: 0.0,
            predicted_history: 0.0,
            action_noise: 0.0,
            changed_token_weight: 5.0,
            train: TrainConfig::default(),
        }
    }
}

impl DynamicsConfig {
    /// Fails if no model can be built from the config.
    pub fn check(&self) -> Result<(), ModelError> {
        self.stack.check("dynamics.stack")?;
        self.train.check("dynamics")?;
        let shares = [self.min_mask_rate, self.masked_frames];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) || self.masked_frames == 0.0 {
            return Err(ModelError::Config(
                "[dynamics] min_mask_rate must be from 0 to 1, masked_frames above 0 and at most 1"
                    .into(),
            ));
        }
        let shares = [self.history_noise, self.predicted_history, self.action_noise];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err(ModelError::Config(format!(
                "[dynamics] history_noise ({}), predicted_history ({}) and action_noise ({}) must \
                 be from 0 to 1",
                self.history_noise, self.predicted_history, self.action_noise
            )));
        }
        if self.action_parts.contains(&0) {
            return Err(ModelError::Config(format!(
                "[dynamics] action_parts must be numbers above 0, not {:?}",
                self.action_parts
            )));
        }
        if !self.stack.temporal {
            return Err(ModelError::Config(
                "[dynamics] stack.temporal must be true: the model predicts from earlier frames"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Fails if the parts of an action do not make `actions` actions.
    pub fn check_parts(&self, actions: usize) -> Result<(), ModelError> {
        let parts = &self.action_parts;
        let product = parts.iter().try_fold(1_usize, |all, &part| all.checked_mul(part));
        if parts.is_empty() || product == Some(actions) {
            return Ok(());
        }
        let made = product.map_or("too many".to_owned(), |product| product.to_string());
        Err(ModelError::Config(format!(
            "[dynamics] action_parts = {parts:?} makes {made} actions, but there are {actions}: \
             give the levels of lam.quantizer, then 5 if lam.scroll is true; or [] for no parts"
        )))
    }

    /// Number of rows of the table of actions, without the one of "no action".
    pub(crate) fn action_rows(&self, actions: usize) -> usize {
        if self.action_parts.is_empty() {
            return actions;
        }
        self.action_parts.iter().fold(0, |sum, &part| sum.saturating_add(part))
    }

    /// The convolution over the previous frame, if there is one.
    pub(super) fn neighbours(&self) -> Option<ConvolutionsConfig> {
        let one = ConvolutionsConfig { channels: vec![self.stack.d], strides: vec![1] };
        (self.previous_frame == PreviousFrame::Neighbourhood).then_some(one)
    }

    /// Mean share of the tokens after the first frame that training masks.
    pub fn masked_share(&self) -> f64 {
        f64::midpoint(1.0, self.min_mask_rate) * self.masked_frames
    }

    /// Positions per frame that are not tokens: 1 for the action with [`ActionMode::Prepend`].
    pub(crate) fn lead(&self) -> usize {
        usize::from(self.action_mode == ActionMode::Prepend)
    }
}

/// The numbers of frames, positions, codes and actions that a model was built for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Frames per window.
    pub frames: usize,
    /// Tokens per frame.
    pub positions: usize,
    /// Tokens per row of a frame.
    pub columns: usize,
    pub codes: usize,
    pub actions: usize,
}

/// The description of the model in a dynamics model's checkpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "model", rename = "dynamics")]
pub struct DynamicsDescription {
    pub config: DynamicsConfig,
    pub vocabulary: Vocabulary,
}
