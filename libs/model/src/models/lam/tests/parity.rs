//! Compares the LAM with PyTorch's (`tests/reference`): codes, predictions, loss, all gradients.

use burn::optim::GradientsParams;
use rand::RngExt;

use super::*;
use crate::data::RGB;
use crate::testing::Fixture;

const SIZE: FrameSize = FrameSize { height: 4, width: 6, patch: 2, channels: RGB };

/// The paper's model, and in smaller sizes the default model and those with other encoders.
///
/// Each has the name of its fixture, and the parameters whose gradients are zero by the equations.
fn models() -> [(&'static str, LamConfig, &'static [&'static str]); 4] {
    let encoder = StackConfig {
        layers: 1,
        d: 8,
        heads: 2,
        head_dim: 0,
        ffn_mult: 2,
        qk_norm: false,
        temporal: false,
    };
    let default = LamConfig {
        patch: SIZE.patch,
        decoder: StackConfig { d: 12, heads: 3, ..encoder.clone() },
        encoder,
        quantizer: QuantizerConfig { usage: 0.3, ..LamConfig::default().quantizer },
        train: TrainConfig { batch: 3, ..Default::default() },
        ..Default::default()
    };
    let temporal = |stack: &StackConfig| StackConfig { temporal: true, ..stack.clone() };
    let paper = LamConfig {
        sees: LamSees::Frames,
        pool: LamPool::Mean,
        history: LamHistory::History,
        target: LamTarget::Frame,
        changed_pixel_weight: 1.0,
        encoder: temporal(&default.encoder),
        decoder: temporal(&default.decoder),
        quantizer: QuantizerConfig { codes: 6, latent: 4, ..Default::default() },
        ..default.clone()
    };
    let convolution = LamConfig {
        reads: LamReads::Convolution,
        convolutions: ConvolutionsConfig { channels: vec![5, 7], strides: vec![1, 2] },
        ..default.clone()
    };
    let components = LamConfig {
        reads: LamReads::Components,
        quantizer: QuantizerConfig {
            levels: vec![3, 3],
            usage: 0.0,
            centre: false,
            ..default.quantizer.clone()
        },
        ..default.clone()
    };
    // Centring removes what all vectors share, so these parameters have no gradient.
    [
        ("lam_paper", paper, &[]),
        ("lam_default", default, &["encoder.norm.bias", "quantizer.project.bias"]),
        (
            "lam_convolution",
            convolution,
            &["motion.convolutions.layers.1.bias", "quantizer.project.bias"],
        ),
        ("lam_components", components, &[]),
    ]
}

/// A clip with two independent changes of rare pixels, from which components can be computed.
///
/// The fixture's weights replace these components.
fn two_acts() -> Vec<u8> {
    let (mut rng, mut levels, mut bytes) = (rng(1), [[100.0; 6]; 4], vec![]);
    for _ in 0..500 {
        for (row, side) in [(0, 0), (2, 3)] {
            if rng.random_range(0..6) == 0 {
                levels[row][side] = 220.0 - levels[row][side];
            }
        }
        for level in levels.as_flattened() {
            bytes.extend([(level + rng.random_range(-2.0..2.0)) as u8; 3]);
        }
    }
    bytes
}

/// Catches: actions are off by one frame; a decoder sees the frame that it predicts, or its two
/// frames in the wrong order; a change is added to another frame than the last; weights are those
/// of another frame's change; the mean is used instead of the maximum; a gradient does not reach
/// the encoder through the action; a convolution takes its neighbours in another order or has
/// other values outside of the image; components see the change of another frame, are not limited,
/// or are trained.
#[test]
fn the_latent_action_model_is_pytorchs() {
    for (name, config, zero) in models() {
        config.check().unwrap();
        let fixture = Fixture::read(name);
        let frames = fixture.bytes("frames");
        let video = Clips { size: (SIZE.height, SIZE.width), clips: vec![two_acts()] };
        let description = LamDescription { config: config.clone(), size: SIZE, crop: None };
        let task = LamTask::new(&description, &video).unwrap();
        let model = fixture.load(<LamTask as Task<Ad>>::init(&task, &FlexDevice));

        let (grid, first) = (SIZE.grid(3, 4), config.given() - 1);
        let patches = SIZE.to_patches::<Ad>(&frames, 3, 4, &FlexDevice);
        let seen = Grid { t: 4 - first, ..grid };
        let coded =
            model.encode(&config, frames_of(patches.clone(), grid, first, seen.t), seen, true);
        let codes: Vec<i64> = coded.codes.into_data().iter::<i64>().collect();
        assert_eq!(codes, fixture.integers("codes"), "{name}");
        let known = frames_of(patches, grid, 0, 3);
        let predicted = model.decode(&config, &known, coded.embedded, Grid { t: 3, ..grid });
        fixture.agrees("predicted", predicted.inner());

        let loss =
            <LamTask as Task<Ad>>::loss(&task, &model, frames, &mut rng(0), &FlexDevice).value;
        fixture.agrees("loss", loss.clone().inner());
        fixture.gradients_agree(
            &model,
            GradientsParams::from_grads(
                crate::train::with_autodiff_lock(|| loss.backward()),
                &model,
            ),
            zero,
        );
    }
}
