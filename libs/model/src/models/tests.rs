//! Compares the estimated costs with the real modules.

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::Module;

use super::dynamics::{
    ActionMode, DynamicsConfig, DynamicsDescription, PreviousFrame, Vocabulary, estimate_dynamics,
};
use super::inverse_dynamics::{InverseDynamicsConfig, InverseDynamicsDescription};
use super::lam::{
    LamConfig, LamDescription, LamHistory, LamReads, LamSees, LamTarget, estimate_lam,
};
use super::lifecycle::Description;
use super::quality::{QualityConfig, QualityDescription, QualityInput, ScoreScale};
use super::tokenizer::{TokenizerConfig, TokenizerDescription, estimate_tokenizer};
use crate::data::{FrameSize, FramesSeen, RGB};
use crate::layers::{QuantizerConfig, QuantizerKind, StackConfig};
use crate::train::{OptimizerKind, TrainConfig};

fn stack(temporal: bool) -> StackConfig {
    StackConfig {
        layers: 2,
        d: 24,
        heads: 2,
        head_dim: 8,
        ffn_mult: 3,
        qk_norm: temporal,
        temporal,
    }
}

fn quantizers() -> [QuantizerConfig; 2] {
    let vq = QuantizerConfig { codes: 10, latent: 5, ..Default::default() };
    let fsq = QuantizerConfig {
        kind: QuantizerKind::Fsq,
        levels: vec![2, 3],
        centre: true,
        ..Default::default()
    };
    [vq, fsq]
}

/// Catches: a layer is counted twice or not at all, so that a dry run promises a model that does
/// not fit (the frame sizes are odd, so padding counts).
#[test]
fn parameters_are_those_of_the_modules() {
    let size = (9, 14);
    let pixels = |patch| FrameSize { height: size.0, width: size.1, patch, channels: RGB };
    for quantizer in quantizers() {
        for temporal in [false, true] {
            let (encoder, decoder) =
                (stack(temporal), StackConfig { layers: 1, ..stack(!temporal) });
            let config = TokenizerConfig {
                encoder,
                decoder,
                quantizer: quantizer.clone(),
                ..Default::default()
            };
            let description =
                TokenizerDescription { config: config.clone(), size: pixels(config.patch) };
            let net = description.net::<Flex>(&FlexDevice);
            assert_eq!(
                estimate_tokenizer(&config, size).unwrap().parameters,
                net.num_params() as u64,
                "{config:?}"
            );
        }
        let works = LamConfig {
            encoder: stack(false),
            decoder: StackConfig { d: 32, head_dim: 0, ..stack(false) },
            quantizer: quantizer.clone(),
            ..Default::default()
        };
        let paper = LamConfig {
            sees: LamSees::Frames,
            history: LamHistory::History,
            target: LamTarget::Frame,
            encoder: stack(true),
            decoder: stack(true),
            ..works.clone()
        };
        let convolution = LamConfig { reads: LamReads::Convolution, ..works.clone() };
        for config in [works, paper, convolution] {
            let description =
                LamDescription { config: config.clone(), size: pixels(config.patch), crop: None };
            let net = description.net::<Flex>(&FlexDevice);
            assert_eq!(
                estimate_lam(&config, size, RGB).unwrap().parameters,
                net.num_params() as u64,
                "{config:?}"
            );
        }
    }
    let config = InverseDynamicsConfig::new(FramesSeen { before: 2, after: 1 }, 7, 100);
    let description = InverseDynamicsDescription { config, size: pixels(1) };
    let net = description.net::<Flex>(&FlexDevice);
    assert_eq!(description.cost().unwrap().parameters, net.num_params() as u64);
    let clip = QualityInput::new(&[0; 12], (1, 2, 2), vec![0.5; 14]).unwrap();
    let scale = ScoreScale::of(&[clip]);
    let description = QualityDescription { config: QualityConfig::default(), scale };
    let net = description.net::<Flex>(&FlexDevice);
    assert_eq!(description.cost().unwrap().parameters, net.num_params() as u64);
    for (action_mode, previous_frame, action_parts) in [
        (ActionMode::Prepend, PreviousFrame::Neighbourhood, vec![]),
        (ActionMode::Prepend, PreviousFrame::Position, vec![]),
        (ActionMode::Add, PreviousFrame::None, vec![2, 3]),
    ] {
        let config = DynamicsConfig {
            action_mode,
            action_parts,
            previous_frame,
            stack: stack(true),
            ..Default::default()
        };
        let vocabulary = Vocabulary { frames: 5, positions: 12, columns: 4, codes: 10, actions: 6 };
        let description = DynamicsDescription { config: config.clone(), vocabulary };
        let net = description.net::<Flex>(&FlexDevice);
        let estimate = estimate_dynamics(&config, (5, 12), 10, 6).unwrap();
        assert_eq!(estimate.parameters, net.num_params() as u64, "{config:?}");
    }
}

/// Catches: an estimate of operations lacks rows, layers or attention, or counts only the forward
/// pass.
#[test]
fn operations_follow_the_rule_of_thumb() {
    let config = |layers| DynamicsConfig {
        action_mode: ActionMode::Add,
        previous_frame: PreviousFrame::None,
        stack: StackConfig {
            layers,
            d: 2048,
            heads: 16,
            head_dim: 0,
            ffn_mult: 4,
            qk_norm: true,
            temporal: true,
        },
        ..Default::default()
    };
    let step = |layers, frames, positions| {
        let estimate = estimate_dynamics(&config(layers), (frames, positions), 2, 2).unwrap();
        (estimate.flops_per_step, estimate.parameters as f64, estimate.rows as f64)
    };
    // If a model is much wider than its windows are long, a step takes 6 operations per parameter
    // and row [Kaplan et al. 2020, §2.1].
    let (flops, parameters, rows) = step(8, 4, 4);
    let ratio = flops / (6.0 * parameters * rows);
    assert!((0.98..1.02).contains(&ratio), "{ratio}");
    let attention = |positions| {
        let (flops, _, rows) = step(1, 4, positions);
        let (more, _, _) = step(2, 4, positions);
        (more - flops) / rows
    };
    // Each position more that attention sees adds 12 · rows · inner operations per layer.
    let added = attention(1004) - attention(4);
    assert!((added / (12.0 * 1000.0 * 2048.0) - 1.0).abs() < 1e-9, "{added}");
}

/// Catches: an optimizer's moments are not counted or counted twice; hours are shown as days.
#[test]
fn memory_and_time_of_a_known_model() {
    let mut config = DynamicsConfig { stack: stack(true), ..Default::default() };
    config.train.steps = 1000;
    let adamw = estimate_dynamics(&config, (4, 4), 10, 6).unwrap();
    assert_eq!(adamw.model_bytes, 16 * adamw.parameters);
    config.train.optimizer = OptimizerKind::Muon;
    let muon = estimate_dynamics(&config, (4, 4), 10, 6).unwrap();
    // Two blocks of two attention layers and a feed-forward layer: d 24, inner 16, hidden 72.
    let matrices = 2 * (2 * 4 * 24 * 16 + 2 * 24 * 72);
    assert_eq!(adamw.model_bytes - muon.model_bytes, 4 * matrices);
    // Weights are on all devices, gradients and moments on one of them each.
    assert_eq!(adamw.bytes() - adamw.bytes_on(4), 9 * adamw.parameters);
    config.train = TrainConfig { recompute: true, shard_weights: true, ..config.train };
    config.train.optimizer = OptimizerKind::AdamW;
    let shards = estimate_dynamics(&config, (4, 4), 10, 6).unwrap();
    // Each device also has a quarter of the blocks' matrices, and a copy of those of one block.
    let fewer = shards.bytes() - shards.bytes_on(4);
    assert_eq!(fewer, 9 * shards.parameters + 3 * matrices - 4 * matrices / 2);
    // All weights but these matrices go to three devices, three quarters of them to their owners
    // and back. The one micro-batch of each device takes three quarters of the matrices twice, and
    // sends three quarters of the gradients. As many are taken from the first device and sent to
    // it.
    config.train = TrainConfig { batch: 8, accumulate: 4, ..config.train };
    let shards = estimate_dynamics(&config, (4, 4), 10, 6).unwrap();
    let rest = 4 * (shards.parameters - matrices);
    let quarters = 2 * (rest + 2 * 4 * matrices + 4 * shards.parameters);
    assert_eq!(shards.moved_on(4), 3 * rest + 3 * quarters / 4);
    assert_eq!(adamw.moved_on(1), 0);
    let seconds = adamw.seconds(1e12, 0.5);
    assert!((seconds - adamw.flops_per_step * 1000.0 / 0.5e12).abs() < 1e-9 * seconds);
}
