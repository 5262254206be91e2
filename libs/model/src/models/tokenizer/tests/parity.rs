//! Compares the tokenizer with PyTorch's (`tests/reference`): codes, pixels, loss, all gradients.
//!
//! It also imports PyTorch's weights.

use burn::optim::GradientsParams;

use super::*;
use crate::data::RGB;
use crate::testing::Fixture;

const SIZE: FrameSize = FrameSize { height: 4, width: 6, patch: 2, channels: RGB };

/// The fixtures' models, in the sizes of `tests/reference/fixtures.py`.
fn models() -> [(&'static str, TokenizerConfig); 2] {
    let encoder = StackConfig {
        layers: 1,
        d: 8,
        heads: 2,
        head_dim: 0,
        ffn_mult: 2,
        qk_norm: false,
        temporal: true,
    };
    let vq = TokenizerConfig {
        frames: 3,
        patch: SIZE.patch,
        decoder: StackConfig { d: 12, heads: 3, ..encoder.clone() },
        encoder,
        quantizer: QuantizerConfig { codes: 16, latent: 4, ..Default::default() },
        train: TrainConfig { batch: 2, ..Default::default() },
        ..Default::default()
    };
    let quantizer = QuantizerConfig {
        kind: QuantizerKind::Fsq,
        levels: vec![4, 3, 2],
        usage: 0.3,
        ..Default::default()
    };
    let fsq = TokenizerConfig { quantizer, changed_pixel_weight: 4.0, ..vq.clone() };
    [("tokenizer_vq", vq), ("tokenizer_fsq", fsq)]
}

/// Catches: patches have rows, columns or colours in another order; positions of space or time
/// belong to other rows; the encoder uses the decoder's positions; pixels are weighted by another
/// frame's change, or the mean of the weights is not 1; the loss lacks the quantizer's term; a
/// gradient stops at the codes.
#[test]
fn the_tokenizer_is_pytorchs() {
    for (name, config) in models() {
        let fixture = Fixture::read(name);
        let frames = fixture.bytes("frames");
        let video = Clips { size: (SIZE.height, SIZE.width), clips: vec![frames.clone()] };
        let description = TokenizerDescription { config: config.clone(), size: SIZE };
        let task = TokenizerTask::new(&description, &video).unwrap();
        let model = fixture.load(<TokenizerTask as Task<Ad>>::init(&task, &FlexDevice));
        let patches = SIZE.to_patches::<Ad>(&frames, 2, 3, &FlexDevice);
        let coded = model.encode(patches, SIZE.grid(2, 3), true);
        let codes: Vec<i64> = coded.codes.into_data().iter::<i64>().collect();
        assert_eq!(codes, fixture.integers("codes"), "{name}");
        fixture.agrees("pixels", model.decode(coded.embedded, SIZE.grid(2, 3)).inner());
        let loss =
            <TokenizerTask as Task<Ad>>::loss(&task, &model, frames, &mut rng(0), &FlexDevice)
                .value;
        fixture.agrees("loss", loss.clone().inner());
        fixture.gradients_agree(
            &model,
            GradientsParams::from_grads(
                crate::train::with_autodiff_lock(|| loss.backward()),
                &model,
            ),
            &[],
        );
    }
}

/// Catches: names or layouts differ from the documented table, so that a file of PyTorch's cannot
/// be imported or gets another meaning; training changes an import although `steps` is 0.
#[test]
fn weights_of_pytorch_are_imported_as_they_are() {
    for (name, mut config) in models() {
        let (fixture, runs) = (Fixture::read(name), Runs::new());
        (config.train.import, config.train.steps) = (fixture.weights(), 0);
        let frames = fixture.bytes("frames");
        let video = Clips { size: (SIZE.height, SIZE.width), clips: vec![frames.clone()] };
        let run = runs.run(name);
        train_tokenizer(&config, &video, &run, &Device::Cpu, &mut Quiet::default()).unwrap();
        let tokenizer = Tokenizer::load(&run, &Device::Cpu).unwrap();
        let tokens = tokenizer.encode(&frames).unwrap();
        let theirs = fixture.integers("codes");
        assert_eq!(
            tokens.iter().map(|token| i64::from(*token)).collect::<Vec<_>>(),
            theirs,
            "{name}"
        );
    }
}
