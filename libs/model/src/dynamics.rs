//! The dynamics model [Genie §2.3]: MaskGIT over token frames. From earlier frames, the actions that led on from them and a partly masked
//! frame it predicts the frame's own masked tokens (same-position targets).
//!
//! Alignment: the action between frame t and frame t+1 conditions frame t+1. Frame 0 is led to by no action (a learned start embedding) and is never
//! masked. Actions are data here: no gradient reaches the LAM.

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor};
use camino::Utf8Path;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::data::TokenWindows;
use crate::device::{Device, on_device, on_devices};
use crate::estimate::estimate_dynamics;
use crate::host;
use crate::kernels::Kernels;
use crate::layers::{Grid, Past, Positions, Stack, StackConfig, apply, fan_in, indices, linear};
use crate::sampler::{self, Predictor, SamplerConfig};
use crate::shuffle::Shuffle;
use crate::train::{self, Loss, Outcome, Task, TrainConfig, Watch};

/// How a frame is told its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionMode {
    /// As one more position before the frame's tokens.
    Prepend,
    /// Added to every token's embedding (the paper).
    Add,
}

/// Which actions lead from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionSource {
    /// The latent action model's.
    Latent,
    /// Those that were played, from the recordings' sidecars: to tell whether poor control is the dynamics model's fault or that of the latent
    /// actions.
    True,
}

/// The `[dynamics]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DynamicsConfig {
    /// Where to train and run: `cpu` or `cuda[:n,…]`.
    pub device: String,
    /// Which actions: `latent` or `true`.
    pub actions: ActionSource,
    /// How a frame is told its action.
    pub action_mode: ActionMode,
    /// The transformer.
    pub stack: StackConfig,
    /// Whether every position also sees the token that it held in the frame before, at the input (the paper: only through temporal
    /// attention). It is the true one in training too, whatever is masked, as when generating. What stays then need not be learnt, and
    /// one layer can already see where something moves.
    pub previous_frame: bool,
    /// Smallest share of a frame's tokens that is masked in training; the largest is 1 (the paper: 0.5).
    pub min_mask_rate: f64,
    /// Share of frames (after the first) that are masked at all; the rest serve as clean history, as when generating. The paper: 1.
    pub masked_frames: f64,
    /// Weight of tokens that differ from the same position's token in the frame before, relative to the others' 1.
    pub changed_token_weight: f64,
    /// Training.
    pub train: TrainConfig,
}

impl Default for DynamicsConfig {
    fn default() -> Self {
        Self {
            device: "cpu".into(),
            actions: ActionSource::Latent,
            action_mode: ActionMode::Prepend,
            stack: StackConfig {
                layers: 4,
                d: 128,
                heads: 4,
                head_dim: 0,
                ffn_mult: 4,
                qk_norm: true,
                temporal: true,
            },
            previous_frame: true,
            min_mask_rate: 0.5,
            masked_frames: 1.0,
            changed_token_weight: 5.0,
            train: TrainConfig::default(),
        }
    }
}

/// What the tokens and actions are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Vocabulary {
    pub frames: usize,
    pub positions: usize,
    pub columns: usize,
    pub codes: usize,
    pub actions: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "model", rename = "dynamics")]
struct Description {
    config: DynamicsConfig,
    vocabulary: Vocabulary,
}

impl DynamicsConfig {
    /// # Errors
    /// If no model can be built from it.
    pub fn check(&self) -> Result<(), ModelError> {
        self.stack.check("dynamics.stack")?;
        self.train.check("dynamics")?;
        let shares = [self.min_mask_rate, self.masked_frames];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) || self.masked_frames == 0.0 {
            return Err(ModelError::Config(
                "[dynamics] min_mask_rate and masked_frames are shares from 0 to 1".into(),
            ));
        }
        if !self.stack.temporal {
            return Err(ModelError::Config(
                "[dynamics] stack.temporal must be true: it predicts from earlier frames".into(),
            ));
        }
        Ok(())
    }

    /// Share of the tokens after the first frame that are masked in training, on average.
    pub fn masked_share(&self) -> f64 {
        f64::midpoint(1.0, self.min_mask_rate) * self.masked_frames
    }

    pub(crate) fn init<B: Kernels>(&self, vocabulary: Vocabulary, device: &B::Device) -> Net<B> {
        let d = self.stack.d;
        // Of the size of the positions, so that neither drowns the other.
        let table = Initializer::Normal { mean: 0.0, std: 0.5 };
        let lead = usize::from(self.action_mode == ActionMode::Prepend);
        let picture = (vocabulary.positions / vocabulary.columns, vocabulary.columns);
        Net {
            // One more row each: the mask token, and the start that no action leads to.
            tokens: table.init([vocabulary.codes + 1, d], device),
            previous: self.previous_frame.then(|| table.init([vocabulary.codes + 1, d], device)),
            actions: table.init([vocabulary.actions + 1, d], device),
            positions: self.stack.positions(vocabulary.frames, lead, picture, device),
            stack: self.stack.init(device),
            logits: linear(d, vocabulary.codes, 0.02 * fan_in(d), device),
            prepend: self.action_mode == ActionMode::Prepend,
        }
    }
}

#[derive(Module, Debug)]
pub(crate) struct Net<B: Backend> {
    tokens: Param<Tensor<B, 2>>,
    previous: Option<Param<Tensor<B, 2>>>,
    actions: Param<Tensor<B, 2>>,
    positions: Positions<B>,
    stack: Stack<B>,
    logits: Linear<B>,
    prepend: bool,
}

impl<B: Kernels> Net<B> {
    /// Tokens `[b*t*s]`, those of the frames before `[b*t*s]` and the actions that lead to each frame `[b*t]` as embedded rows, from
    /// frame `first` on.
    fn embed(
        &self,
        tokens: Tensor<B, 1, Int>,
        before: Tensor<B, 1, Int>,
        actions: Tensor<B, 1, Int>,
        grid: Grid,
        first: usize,
    ) -> (Tensor<B, 2>, Grid) {
        let Grid { b, t, s } = grid;
        let mut tokens = self.tokens.val().select(0, tokens);
        if let Some(previous) = &self.previous {
            tokens = tokens + previous.val().select(0, before);
        }
        let actions = self.actions.val().select(0, actions);
        let d = tokens.dims()[1];
        let (tokens, actions) = (tokens.reshape([b * t, s, d]), actions.reshape([b * t, 1, d]));
        let (rows, grid) = if self.prepend {
            let grid = Grid { b, t, s: s + 1 };
            (Tensor::cat(vec![actions, tokens], 1).reshape([grid.rows(), d]), grid)
        } else {
            ((tokens + actions).reshape([grid.rows(), d]), grid)
        };
        (self.positions.add(rows, grid, first), grid)
    }

    /// The rows of tokens among rows of tokens and actions.
    fn token_rows(&self, rows: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        if !self.prepend {
            return rows;
        }
        let d = rows.dims()[1];
        let s = grid.s - 1;
        rows.reshape([grid.b * grid.t, grid.s, d]).narrow(1, 1, s).reshape([grid.b * grid.t * s, d])
    }

    /// Hidden rows of tokens `[b*t*s, d]` for whole windows, each frame beside the one before it in `clean`: the same tokens, none masked.
    fn forward(
        &self,
        tokens: Tensor<B, 1, Int>,
        clean: Tensor<B, 1, Int>,
        actions: Tensor<B, 1, Int>,
        grid: Grid,
    ) -> Tensor<B, 2> {
        let frames = clean.reshape([grid.b, grid.t, grid.s]);
        let mask = self.tokens.dims()[0] as i64 - 1;
        let start = frames.clone().narrow(1, 0, 1).zeros_like() + mask;
        let before =
            Tensor::cat(vec![start, frames.narrow(1, 0, grid.t - 1)], 1).reshape([grid.rows()]);
        let (x, grid) = self.embed(tokens, before, actions, grid, 0);
        self.token_rows(self.stack.forward(x, grid), grid)
    }
}

/// A training batch on the host.
struct Batch {
    /// Inputs `[b*t*s]`, masked where they are.
    inputs: Vec<i64>,
    /// The same, none masked: a frame is told the one before it as it is, as when generating.
    clean: Vec<i64>,
    /// Actions leading to each frame `[b*t]`.
    actions: Vec<i64>,
    /// Rows of masked tokens, their true tokens and weights.
    masked: Vec<i64>,
    targets: Vec<i64>,
    weights: Vec<f32>,
}

struct Fit<'a> {
    config: &'a DynamicsConfig,
    vocabulary: Vocabulary,
    data: &'a TokenWindows,
}

impl Fit<'_> {
    fn grid(&self) -> Grid {
        Grid {
            b: self.config.train.part(),
            t: self.vocabulary.frames,
            s: self.vocabulary.positions,
        }
    }

    /// The windows of a part, masked by chance.
    fn draw(&self, part: usize, rng: &mut ChaCha8Rng) -> Batch {
        let Grid { b, t, s } = self.grid();
        let mut batch = Batch {
            inputs: Vec::new(),
            clean: Vec::new(),
            actions: Vec::new(),
            masked: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
        };
        for pick in Shuffle::new(self.data.len(), self.config.train.seed).part(part, b) {
            let tokens = &self.data.tokens[pick * t * s..][..t * s];
            let actions = &self.data.actions[pick * (t - 1)..][..t - 1];
            batch.actions.push(self.vocabulary.actions as i64);
            batch.actions.extend(actions.iter().map(|action| i64::from(*action)));
            batch.clean.extend(tokens.iter().map(|token| i64::from(*token)));
            let rate = rng.random_range(self.config.min_mask_rate..=1.0);
            for frame in 0..t {
                let masks = frame > 0 && rng.random_bool(self.config.masked_frames);
                for position in 0..s {
                    let at = frame * s + position;
                    let token = i64::from(tokens[at]);
                    if masks && rng.random_bool(rate) {
                        batch.masked.push(batch.inputs.len() as i64);
                        batch.targets.push(token);
                        let changed = tokens[at] != tokens[at - s];
                        batch.weights.push(if changed {
                            self.config.changed_token_weight as f32
                        } else {
                            1.0
                        });
                        batch.inputs.push(self.vocabulary.codes as i64);
                    } else {
                        batch.inputs.push(token);
                    }
                }
            }
        }
        batch
    }
}

impl<B: AutodiffBackend + Kernels> Task<B> for Fit<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = Net<B>;
    type Batch = Batch;
    type Aux = ();

    fn init(&self, device: &B::Device) -> Net<B> {
        self.config.init(self.vocabulary, device)
    }

    fn batch(&self, part: usize, rng: &mut ChaCha8Rng) -> Result<Batch, ModelError> {
        loop {
            let batch = self.draw(part, rng);
            if !batch.masked.is_empty() {
                return Ok(batch);
            }
        }
    }

    fn loss(
        &self,
        model: &Net<B>,
        batch: Batch,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, ()> {
        let inputs = indices::<B>(batch.inputs.into_iter(), device);
        let clean = indices::<B>(batch.clean.into_iter(), device);
        let actions = indices::<B>(batch.actions.into_iter(), device);
        let masked = indices::<B>(batch.masked.into_iter(), device);
        let targets = indices::<B>(batch.targets.into_iter(), device);
        let weights = Tensor::<B, 1>::from_floats(batch.weights.as_slice(), device);

        let hidden = model.forward(inputs, clean, actions, self.grid()).select(0, masked);
        let logits = log_softmax(apply(&model.logits, hidden), 1);
        let surprise: Tensor<B, 1> =
            logits.gather(1, targets.unsqueeze_dim(1)).squeeze_dim::<1>(1).neg();
        let loss = (surprise.clone() * weights.clone()).sum() / weights.clone().sum();

        let changed = weights.clone().greater_elem(1.0).float().inner();
        let plain = surprise.inner();
        let on_changed = (plain.clone() * changed.clone()).sum() / changed.sum().add_scalar(1e-9);
        Loss {
            value: loss,
            metrics: vec![("cross_entropy", plain.mean()), ("cross_entropy_changed", on_changed)],
            aux: (),
        }
    }
}

/// Trains a dynamics model (on) in directory `run`, from tokens and labels alone.
///
/// # Errors
/// See [`ModelError`]; nothing already in `run` is lost.
pub fn train_dynamics(
    config: &DynamicsConfig,
    data: &TokenWindows,
    codes: usize,
    actions: usize,
    run: &Utf8Path,
    device: &Device,
    watch: &mut dyn Watch,
) -> Result<Outcome, ModelError> {
    config.check()?;
    data.check(codes, actions)?;
    let TokenWindows { frames, positions, columns, .. } = *data;
    let vocabulary = Vocabulary { frames, positions, columns, codes, actions };
    let task = Fit { config, vocabulary, data };
    let description = Description { config: config.clone(), vocabulary };
    let cost = estimate_dynamics(config, (frames, positions), codes, actions)?;
    on_devices!(device, |B, devices| {
        train::train::<burn::backend::Autodiff<B>, _>(
            &task,
            &config.train,
            &description,
            &cost,
            run,
            &devices,
            watch,
        )
    })
}

struct Loaded<B: Backend> {
    net: Net<B>,
    vocabulary: Vocabulary,
    device: B::Device,
}

/// Frames of a rollout so far: the transformer's cache, and the last frame's tokens.
#[derive(Clone)]
struct History<B: Backend> {
    past: Past<B>,
    last: Vec<u16>,
}

impl<B: Kernels> Predictor for Loaded<B> {
    type Past = History<B>;

    fn start(&self) -> History<B> {
        History { past: Past::new(), last: Vec::new() }
    }

    fn window(&self) -> usize {
        self.vocabulary.frames
    }

    fn mask_token(&self) -> u16 {
        self.vocabulary.codes as u16
    }

    fn next(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        history: &History<B>,
    ) -> Result<(Vec<f32>, History<B>), ModelError> {
        let (hidden, longer) = self.step(tokens, actions, history);
        Ok((host::floats(apply(&self.net.logits, hidden))?, longer))
    }

    fn extend(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        history: &History<B>,
    ) -> Result<History<B>, ModelError> {
        Ok(self.step(tokens, actions, history).1)
    }
}

impl<B: Kernels> Loaded<B> {
    /// Hidden rows `[b*s, d]` of one more frame, and the history with it.
    fn step(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        history: &History<B>,
    ) -> (Tensor<B, 2>, History<B>) {
        let grid = Grid { b: actions.len(), t: 1, s: self.vocabulary.positions };
        let none = self.vocabulary.actions as i64;
        let row = |tokens: &[u16]| {
            indices::<B>(tokens.iter().map(|token| i64::from(*token)), &self.device)
        };
        let before = if history.last.is_empty() {
            row(&vec![self.mask_token(); tokens.len()])
        } else {
            row(&history.last)
        };
        let led =
            indices::<B>(actions.iter().map(|action| action.map_or(none, i64::from)), &self.device);
        let (x, grid) = self.net.embed(row(tokens), before, led, grid, history.past.frames());
        let (hidden, past) = self.net.stack.next_frame(x, grid.b, &history.past);
        (self.net.token_rows(hidden, grid), History { past, last: tokens.to_vec() })
    }
}

trait Roller: Send {
    fn rollout(
        &self,
        prompt: &[u16],
        actions: &[u8],
        b: usize,
        config: &SamplerConfig,
        seed: u64,
    ) -> Result<Vec<u16>, ModelError>;
}

impl<B: Kernels> Roller for Loaded<B>
where
    B::Device: Send,
{
    fn rollout(
        &self,
        prompt: &[u16],
        actions: &[u8],
        b: usize,
        config: &SamplerConfig,
        seed: u64,
    ) -> Result<Vec<u16>, ModelError> {
        sampler::rollout(self, self.vocabulary.positions, prompt, actions, b, config, seed)
    }
}

/// A trained dynamics model.
pub struct Dynamics {
    roller: Box<dyn Roller>,
    vocabulary: Vocabulary,
    actions: ActionSource,
}

impl Dynamics {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// # Errors
    /// If there is none or it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        on_device!(device, |B, device| {
            let (description, net) = train::load_model::<Description, B, _>(run, |description| {
                description.config.check()?;
                Ok(description.config.init::<B>(description.vocabulary, &device))
            })?;
            let vocabulary = description.vocabulary;
            let actions = description.config.actions;
            Ok(Self { roller: Box::new(Loaded { net, vocabulary, device }), vocabulary, actions })
        })
    }

    /// Goes on from prompts of p frames, tokens `[b, p, s]`, with actions `[b, t-1]` (entry t leads from frame t to frame t+1), to t
    /// frames: tokens `[b, t, s]`, of which the first p are the prompt's. The same seed gives the same rollout. t may exceed
    /// [`Dynamics::frames`]: then the model sees the last so many frames, or half as many and more.
    ///
    /// # Errors
    /// If the shapes do not fit each other or the model, or a logit is not finite.
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
        let s = self.vocabulary.positions;
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
                "a prompt of {given} frames is longer than the {frames} frames that the actions lead to"
            ));
        }
        if let Some(action) =
            actions.iter().find(|action| usize::from(**action) >= self.vocabulary.actions)
        {
            return wrong(format!("action {action} is not below {}", self.vocabulary.actions));
        }
        if let Some(token) =
            prompt.iter().find(|token| usize::from(**token) >= self.vocabulary.codes)
        {
            return wrong(format!(
                "token {token} is not below {}: the tokens are of another tokenizer",
                self.vocabulary.codes
            ));
        }
        self.roller.rollout(prompt, actions, b, config, seed)
    }

    /// Frames a window: the most that the model sees at once.
    pub fn frames(&self) -> usize {
        self.vocabulary.frames
    }

    /// Tokens a frame.
    pub fn positions(&self) -> usize {
        self.vocabulary.positions
    }

    /// The number of codes a token can be.
    pub fn codebook_size(&self) -> usize {
        self.vocabulary.codes
    }

    /// Which actions it was trained with.
    pub fn actions(&self) -> ActionSource {
        self.actions
    }

    /// The number of actions.
    pub fn num_actions(&self) -> usize {
        self.vocabulary.actions
    }
}

#[cfg(test)]
mod tests;
