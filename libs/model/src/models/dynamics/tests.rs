//! Causality, alignment and learning of the dynamics model, and its rollouts.

mod batches;
mod history;
mod parity;
mod parts;
mod rollouts;
mod sessions;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::AutodiffModule;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::history::Predictions;
use super::task::MaskedBatch;
use super::*;
use crate::data::TokenWindows;
use crate::layers::{Grid, StackConfig, indices};
use crate::testing::{
    Ad, assert_differs_from, assert_recompute_changes_nothing, assert_same_before, by_frame,
    dead_parameters, fit, measure, noise, rng, seeded,
};
use crate::train::Task;

/// The action mode, and what the input has of the previous frame.
type Mode = (ActionMode, PreviousFrame);
const MODES: [Mode; 4] = [
    (ActionMode::Prepend, PreviousFrame::Neighbourhood),
    (ActionMode::Prepend, PreviousFrame::None),
    (ActionMode::Add, PreviousFrame::Neighbourhood),
    (ActionMode::Add, PreviousFrame::Position),
];
const V: Vocabulary = Vocabulary { frames: 5, positions: 4, columns: 2, codes: 32, actions: 3 };

fn config((action_mode, previous_frame): Mode) -> DynamicsConfig {
    DynamicsConfig {
        action_mode,
        previous_frame,
        stack: StackConfig {
            layers: 2,
            d: 32,
            heads: 2,
            head_dim: 0,
            ffn_mult: 2,
            qk_norm: true,
            temporal: true,
        },
        min_mask_rate: 0.5,
        masked_frames: 1.0,
        changed_token_weight: 1.0,
        train: TrainConfig { batch: 2, steps: 3, ..Default::default() },
        ..Default::default()
    }
}

fn describe(config: &DynamicsConfig, vocabulary: Vocabulary) -> DynamicsDescription {
    DynamicsDescription { config: config.clone(), vocabulary }
}

fn below(bound: usize, len: usize, seed: u64) -> Vec<i64> {
    noise(len, seed).into_iter().map(|byte| i64::from(byte) % bound as i64).collect()
}

/// Windows of random tokens and actions.
fn windows(n: usize, v: Vocabulary, seed: u64) -> TokenWindows {
    TokenWindows {
        frames: v.frames,
        positions: v.positions,
        columns: v.columns,
        tokens: below(v.codes, n * v.frames * v.positions, seed)
            .into_iter()
            .map(|token| token as u16)
            .collect(),
        actions: below(v.actions, n * (v.frames - 1), seed + 1)
            .into_iter()
            .map(|action| action as u8)
            .collect(),
    }
}

/// The windows as training data.
fn shared(data: &TokenWindows) -> Arc<dyn TokenGroups> {
    Arc::new(data.clone())
}

impl DynamicsTask<'_> {
    /// The micro-batch `index`.
    fn draw(&self, index: usize, rng: &mut ChaCha8Rng) -> MaskedBatch {
        self.mask(&self.windows(index).unwrap(), index, rng)
    }
}

fn net(mode: Mode) -> DynamicsNet<Flex> {
    seeded(1, || DynamicsNet::new(&config(mode), V, &FlexDevice))
}

/// Logits of two windows whose frames get the previous frames' tokens from `clean`.
fn logits_beside(
    net: &DynamicsNet<Flex>,
    tokens: &[i64],
    clean: &[i64],
    actions: &[i64],
) -> Tensor<Flex, 2> {
    let row = |values: &[i64]| indices::<Flex>(values.iter().copied(), &FlexDevice);
    net.logits.forward(net.forward(
        row(tokens),
        row(clean),
        row(actions),
        Grid { b: 2, t: V.frames, s: V.positions },
    ))
}

/// Logits of two windows without masked tokens.
fn logits(net: &DynamicsNet<Flex>, tokens: &[i64], actions: &[i64]) -> Tensor<Flex, 2> {
    logits_beside(net, tokens, tokens, actions)
}

/// Two windows of random tokens, the actions that lead to their frames, and a changed copy.
///
/// In the copy, the tokens of frame `changed` are different.
fn two_windows(changed: usize) -> (Vec<i64>, Vec<i64>, Vec<i64>) {
    let (tokens, actions) =
        (below(V.codes, 2 * V.frames * V.positions, 1), below(V.actions, 2 * V.frames, 2));
    let mut other = tokens.clone();
    for window in other.chunks_exact_mut(V.frames * V.positions) {
        for token in &mut window[changed * V.positions..(changed + 1) * V.positions] {
            *token = (*token + 1) % V.codes as i64;
        }
    }
    (tokens, actions, other)
}

/// Catches: attention looks ahead in time, which is perfect in training and worthless in a rollout.
#[test]
fn a_changed_frame_leaves_earlier_logits_bit_identical() {
    for (mode, changed) in
        MODES.into_iter().flat_map(|mode| (0..V.frames).map(move |frame| (mode, frame)))
    {
        let net = net(mode);
        let (tokens, actions, other) = two_windows(changed);
        let before = by_frame(logits(&net, &tokens, &actions), 2, V.frames);
        let after = by_frame(logits(&net, &other, &actions), 2, V.frames);
        assert_differs_from(changed, &before, &after, &format!("{mode:?}"));
    }
}

/// Catches: a description or a config of version 0.1 is rejected, or read as another model; a wrong
/// value has a message that does not name the right ones.
#[test]
fn previous_frame_may_be_true_or_false_as_in_version_0_1() {
    let read = |value: serde_json::Value| {
        serde_json::from_value::<DynamicsConfig>(serde_json::json!({ "previous_frame": value }))
            .map(|config| config.previous_frame)
    };
    assert_eq!(read(true.into()).unwrap(), PreviousFrame::Position);
    assert_eq!(read(false.into()).unwrap(), PreviousFrame::None);
    assert_eq!(read("neighbourhood".into()).unwrap(), PreviousFrame::Neighbourhood);
    let error = read("all".into()).unwrap_err().to_string();
    assert!(error.contains("neighbourhood"), "{error}");
}

/// Catches: a frame sees its own true tokens in addition to its masks, so that the cross-entropy
/// falls to 0 and nothing is learned (the true tokens of frame t may be seen from frame t+1 on).
#[test]
fn true_tokens_are_seen_from_the_next_frame_on() {
    for (mode, changed) in
        MODES.into_iter().flat_map(|mode| (0..V.frames).map(move |frame| (mode, frame)))
    {
        let net = net(mode);
        let (tokens, actions, other) = two_windows(changed);
        let before = by_frame(logits_beside(&net, &tokens, &tokens, &actions), 2, V.frames);
        let after = by_frame(logits_beside(&net, &tokens, &other, &actions), 2, V.frames);
        let seen = mode.1 != PreviousFrame::None && changed + 1 < V.frames;
        assert_same_before(
            if seen { changed + 1 } else { V.frames },
            &before,
            &after,
            &format!("{mode:?}"),
        );
        assert!(
            !seen || before[changed + 1] != after[changed + 1],
            "{mode:?}: frame {changed} is not seen at all"
        );
    }
}

/// Catches: actions are off by one frame (the action between frames t and t+1 must change the
/// prediction of frame t+1, and not that of frame t).
#[test]
fn the_action_from_t_on_changes_frame_t_plus_1_first() {
    for mode in MODES {
        let net = net(mode);
        let mut config = config(mode);
        config.train.batch = 1;
        let before = windows(1, V, 3);
        let run = |data: &TokenWindows| {
            let description = describe(&config, V);
            let batch = DynamicsTask::new(&description, shared(data)).unwrap().draw(0, &mut rng(0));
            // The batch's actions, and tokens without masks.
            let tokens: Vec<i64> = data.tokens.iter().map(|token| i64::from(*token)).collect();
            by_frame(logits(&net, &tokens.repeat(2), &batch.actions.repeat(2)), 2, V.frames)
        };
        for t in 0..V.frames - 1 {
            let mut after = before.clone();
            after.actions[t] = (after.actions[t] + 1) % V.actions as u8;
            assert_differs_from(
                t + 1,
                &run(&before),
                &run(&after),
                &format!("{mode:?}, action {t}"),
            );
        }
    }
}

/// Catches: the loss includes tokens that are not masked, which the model can copy; rows have
/// another order than their targets; weights change the loss's scale or belong to tokens that did
/// not change.
#[test]
fn the_loss_is_the_weighted_mean_over_masked_tokens() {
    for mode in MODES {
        let mut config = config(mode);
        config.changed_token_weight = 4.0;
        let mut data = windows(2, V, 8);
        // Half of the tokens do not change from frame to frame, so that the weights differ.
        for row in V.positions..data.tokens.len() {
            if row % 2 == 0 && row % (V.frames * V.positions) >= V.positions {
                data.tokens[row] = data.tokens[row - V.positions];
            }
        }
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = seeded(2, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        // After some training the logits differ enough to tell the rows apart.
        let (model, _) = fit(&task, model, 30, 3e-3, || task.draw(0, &mut rng(9)));
        let batch = task.draw(0, &mut rng(9));
        let said = logits_beside(&model.valid(), &batch.inputs, &batch.clean, &batch.actions);
        let said: Vec<f32> = log_softmax(said, 1).into_data().to_vec().unwrap();
        let mask = V.codes as i64;
        let (mut sum, mut weights, mut plain) = (0.0, 0.0, 0.0);
        for (row, target) in batch.masked.iter().zip(&batch.targets) {
            let (row, target) = (*row as usize, *target as usize);
            assert_eq!(batch.inputs[row], mask);
            let weight = if batch.clean[row - V.positions] == batch.clean[row] { 1.0 } else { 4.0 };
            let surprise = -said[row * V.codes + target];
            (sum, weights, plain) = (sum + weight * surprise, weights + weight, plain + surprise);
        }
        let values = measure(&task, &model, batch);
        assert!(
            (values["loss"] - sum / weights).abs() < 1e-4,
            "{mode:?}: {values:?}, by hand {}",
            sum / weights
        );
        let mean = plain / task.draw(0, &mut rng(9)).masked.len() as f32;
        assert!(
            (values["cross_entropy"] - mean).abs() < 1e-4,
            "{mode:?}: {values:?}, by hand {mean}"
        );
    }
}

/// Catches: the logits of an untrained model are too large; the cross-entropy is computed wrongly.
#[test]
fn an_untrained_model_knows_nothing() {
    for mode in MODES {
        let (config, data) = (config(mode), windows(4, V, 10));
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = seeded(3, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let values = measure(&task, &model, task.draw(0, &mut rng(0)));
        let ratio = values["cross_entropy"] / (V.codes as f32).ln();
        assert!((ratio - 1.0).abs() < 0.05, "{mode:?}: {ratio} of ln k");
    }
}

/// Catches: a model cannot learn: targets do not belong to the inputs, a gradient is cut off, or
/// masked rows are not read.
#[test]
fn one_batch_is_learned_by_heart() {
    for mode in MODES {
        let (config, data) = (config(mode), windows(2, V, 11));
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = seeded(4, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let (_, values) = fit(&task, model, 200, 5e-3, || task.draw(0, &mut rng(5)));
        assert!(values["cross_entropy"] < 0.1, "{mode:?}: {values:?}");
    }
}

/// Catches: training never changes a parameter, for example because an action's embedding has no
/// gradient or the mask token is not used.
#[test]
fn gradients_reach_every_parameter() {
    for mode in MODES {
        let (config, data) = (config(mode), windows(4, V, 12));
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&data)).unwrap();
        let model = seeded(5, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let (model, _) = fit(&task, model, 5, 3e-3, || task.draw(0, &mut rng(6)));
        let mut dead = dead_parameters(&task, &model, task.draw(0, &mut rng(7)));
        // The softmax does not change when all keys share a constant.
        dead.retain(|name| !name.ends_with("key_norm.bias"));
        assert_eq!(dead, [""; 0], "{mode:?}");

        // Every action's own row has a gradient, and so have the rows of "no action" and of the
        // mask token.
        let loss = <DynamicsTask as Task<Ad>>::loss(
            &task,
            &model,
            task.draw(0, &mut rng(7)),
            &mut rng(0),
            &FlexDevice,
        )
        .value;
        let grads = crate::train::with_autodiff_lock(|| loss.backward());
        let rows =
            |grad: Tensor<Flex, 2>| grad.abs().sum_dim(1).into_data().to_vec::<f32>().unwrap();
        let actions = rows(model.actions.val().grad(&grads).unwrap());
        assert!(actions.iter().all(|sum| *sum > 0.0), "{mode:?}: {actions:?}");
        assert!(
            rows(model.tokens.val().grad(&grads).unwrap())[V.codes] > 0.0,
            "{mode:?}: the mask token"
        );
    }
}

/// Catches: recompute loses the gradient of the embeddings or of a block, or computes another one;
/// it records the forward pass of the model's own predictions, which has no gradient.
#[test]
fn recompute_changes_no_gradient() {
    for mode in MODES {
        let mut config = config(mode);
        (config.history_noise, config.predicted_history) = (1.0, 0.5);
        config.stack.layers = 3;
        config.train = TrainConfig { batch: 4, steps: 1, ..config.train };
        let description = describe(&config, V);
        let task = DynamicsTask::new(&description, shared(&windows(4, V, 3))).unwrap();
        let model = seeded(2, || <DynamicsTask as Task<Ad>>::init(&task, &FlexDevice));
        let batch = || <DynamicsTask as Task<Ad>>::batch(&task, 0, &mut rng(1)).unwrap();
        assert!(!batch().predictions.is_empty(), "{mode:?}: no window has predictions");
        assert_recompute_changes_nothing(&format!("{mode:?}"), &task, &model, batch);
    }
}
