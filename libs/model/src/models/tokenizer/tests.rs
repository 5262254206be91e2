//! Causality, learning and loading of the tokenizer.

mod parity;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::AutodiffModule;
use burn::tensor::Tensor;

use super::task::changed_weight;
use super::*;
use crate::layers::{Grid, QuantizerConfig, QuantizerKind, StackConfig};
use crate::testing::{
    Ad, Clips, Quiet, Runs, Spy, assert_differs_from, assert_recompute_changes_nothing,
    assert_same_before, by_frame, dead_parameters, fit, frames_of, moving_square, noise, rng,
    seeded,
};
use crate::train::Task;

const T: usize = 4;
const KINDS: [QuantizerKind; 2] = [QuantizerKind::Vq, QuantizerKind::Fsq];

fn config(kind: QuantizerKind) -> TokenizerConfig {
    let stack = StackConfig {
        layers: 1,
        d: 32,
        heads: 2,
        head_dim: 0,
        ffn_mult: 2,
        qk_norm: false,
        temporal: true,
    };
    TokenizerConfig {
        frames: T,
        encoder: stack.clone(),
        decoder: stack,
        quantizer: QuantizerConfig { kind, codes: 64, latent: 8, ..Default::default() },
        train: TrainConfig { batch: 2, steps: 3, ..Default::default() },
        ..Default::default()
    }
}

fn size(side: usize) -> FrameSize {
    FrameSize { height: side, width: side, patch: 4, channels: RGB }
}

fn net(kind: QuantizerKind, size: FrameSize) -> TokenizerNet<Flex> {
    seeded(1, || TokenizerNet::new(&config(kind), size, &FlexDevice))
}

fn describe(config: &TokenizerConfig, size: FrameSize) -> TokenizerDescription {
    TokenizerDescription { config: config.clone(), size }
}

fn loaded(kind: QuantizerKind, size: FrameSize) -> Loaded<Flex, TokenizerDescription> {
    let description = describe(&config(kind), size);
    Loaded { net: net(kind, size), description, device: FlexDevice }
}

/// Two windows of noise, and a copy in which frame `changed` of both is different.
fn windows_with_a_changed_frame(size: FrameSize, changed: usize) -> (Vec<u8>, Vec<u8>) {
    let before = noise(2 * T * size.bytes(), 1);
    let mut after = before.clone();
    for window in after.chunks_exact_mut(T * size.bytes()) {
        window[changed * size.bytes()..][..size.bytes()].copy_from_slice(&noise(size.bytes(), 2));
    }
    (before, after)
}

/// Catches: an encoder or decoder looks ahead in time; a norm or a quantizer mixes frames.
#[test]
fn a_changed_frame_leaves_earlier_codes_and_pixels_bit_identical() {
    for (kind, changed) in
        KINDS.into_iter().flat_map(|kind| (0..T).map(move |changed| (kind, changed)))
    {
        let (size, net) = (size(8), net(kind, size(8)));
        let run = |frames: &[u8]| {
            let patches = size.to_patches::<Flex>(frames, 2, T, &FlexDevice);
            let coded = net.encode(patches, size.grid(2, T), false);
            let codes: Vec<i64> = coded.codes.into_data().iter::<i64>().collect();
            let pixels = net.decode(coded.embedded, size.grid(2, T));
            (frames_of(&codes, 2, T), by_frame(coded.projected, 2, T), by_frame(pixels, 2, T))
        };
        let (before, after) = windows_with_a_changed_frame(size, changed);
        let (before, after) = (run(&before), run(&after));
        assert_differs_from(changed, &before.1, &after.1, "vectors");
        // A changed vector may still have the same code.
        assert_same_before(changed, &before.0, &after.0, "codes");
        assert_same_before(changed, &before.2, &after.2, "pixels");
    }
}

/// Catches: a decoder looks ahead in time; positions in time depend on the window's length
/// (generated windows are decoded before they are full).
#[test]
fn earlier_frames_decode_alike_whatever_follows() {
    let (size, loaded) = (size(8), loaded(QuantizerKind::Vq, size(8)));
    let tokens: Vec<u16> =
        noise(T * size.positions(), 3).into_iter().map(|byte| u16::from(byte) % 64).collect();
    let whole = loaded.decode(&tokens, 1, T).unwrap();
    for t in 1..T {
        let part = loaded.decode(&tokens[..t * size.positions()], 1, t).unwrap();
        assert_eq!(part, whole[..t * size.bytes()], "the first {t} frames");
    }
}

/// Catches: frame by frame, the decoder drops, repeats or misplaces a frame; it stops at the end of
/// its window; beyond the window, a frame depends on frames that the decoder no longer sees.
#[test]
fn frame_by_frame_equals_the_window_and_goes_on_beyond_it() {
    let (size, loaded) = (size(8), loaded(QuantizerKind::Vq, size(8)));
    let (space, frame) = (size.positions(), size.bytes());
    let frames = 3 * T;
    let tokens = |seed| -> Vec<u16> {
        noise(frames * space, seed).into_iter().map(|byte| u16::from(byte) % 64).collect()
    };
    let (one, other) = (tokens(3), tokens(4));
    let near = |a: &[u8], b: &[u8], what: &str| {
        assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1), "{what}");
    };
    let (mut a, mut b) = (Decoding::new(), Decoding::new());
    for t in 0..frames {
        let [mine, others] = [&one, &other].map(|tokens| &tokens[t * space..][..space]);
        let mut restored = a.without_memory();
        let both = loaded.decode_next(&mut [&mut a, &mut b], &[mine, others].concat()).unwrap();
        let alone = loaded.decode_next(&mut [&mut restored], mine).unwrap();
        assert_eq!(both[..frame], alone, "frame {t}, alone and restored");
        // The decoder sees the frames since its window slid last.
        let kept = T - T / 2;
        let first = if t < T { 0 } else { (t - T + kept) / kept * kept };
        let window = loaded.decode(&one[first * space..(t + 1) * space], 1, t + 1 - first).unwrap();
        near(&both[..frame], &window[(t - first) * frame..], &format!("frame {t} of {first}.."));
    }
}

/// Catches: the tokens of a prompt differ from those of its whole window; bytes that are no frames
/// cause a panic.
#[test]
fn a_prompt_has_the_tokens_of_its_window() {
    let size = size(8);
    let description = describe(&config(QuantizerKind::Vq), size);
    let coder = Box::new(loaded(QuantizerKind::Vq, size));
    let tokenizer = Tokenizer { description, coder };
    let frames = noise(T * size.bytes(), 9);
    let whole = tokenizer.encode(&frames).unwrap();
    for t in 1..=T {
        let start = tokenizer.encode_start(&frames[..t * size.bytes()]).unwrap();
        assert_eq!(start, whole[..t * size.positions()], "{t} frames");
    }
    for bytes in [0, 1, size.bytes() + 1, (T + 1) * size.bytes()] {
        assert!(tokenizer.encode_start(&vec![0; bytes]).is_err(), "{bytes} bytes");
    }
    assert!(tokenizer.decode_next(&mut [&mut Decoding::new()], &[0]).is_err(), "a part of a frame");
    let strange = vec![u16::MAX; size.positions()];
    assert!(tokenizer.decode_next(&mut [&mut Decoding::new()], &strange).is_err());
    assert!(tokenizer.decode_next(&mut [], &[]).unwrap().is_empty());
}

/// Catches: tokens depend on the batch, because a norm includes the batch or rows are in the wrong
/// order.
#[test]
fn a_windows_tokens_do_not_depend_on_its_batch() {
    for kind in KINDS {
        let (size, loaded) = (size(8), loaded(kind, size(8)));
        let frames = noise(5 * T * size.bytes(), 4);
        let together = loaded.encode(&frames, 5, T).unwrap();
        let apart: Vec<u16> = frames
            .chunks_exact(T * size.bytes())
            .flat_map(|window| loaded.encode(window, 1, T).unwrap())
            .collect();
        assert_eq!(together, apart, "{kind:?}");
        assert_eq!(
            loaded.decode(&together, 5, T).unwrap(),
            apart
                .chunks_exact(T * size.positions())
                .flat_map(|window| loaded.decode(window, 1, T).unwrap())
                .collect::<Vec<_>>()
        );
    }
}

/// Catches: a quantizer has no gradient, a decoder ignores the codes, or the loss is over the wrong
/// pixels. Such a model cannot reproduce a window.
#[test]
fn one_window_is_learned_by_heart() {
    for kind in KINDS {
        let (bytes, _) = moving_square(16, T, &[(2, 0), (0, 2)], 5);
        let mut config = config(kind);
        config.train.batch = 1;
        config.train.steps = 300;
        let video = Clips { size: (16, 16), clips: vec![bytes.clone()] };
        let description = describe(&config, size(16));
        let task = TokenizerTask::new(&description, &video).unwrap();
        let model = seeded(2, || <TokenizerTask as Task<Ad>>::init(&task, &FlexDevice));
        let (_, values) = fit(&task, model, config.train.steps, 3e-3, || bytes.clone());
        assert!(values["psnr_db"] > 28.0, "{kind:?} reaches {values:?} only");
    }
}

/// Catches: training never changes a parameter, for example because a codebook has no gradient or
/// the forward pass skips a layer.
#[test]
fn gradients_reach_every_parameter() {
    for kind in KINDS {
        let config = config(kind);
        let video = Clips::noise((16, 16), &[T, T + 3]);
        let description = describe(&config, size(16));
        let task = TokenizerTask::new(&description, &video).unwrap();
        let model = seeded(3, || <TokenizerTask as Task<Ad>>::init(&task, &FlexDevice));
        let batch = <TokenizerTask as Task<Ad>>::batch(&task, 0, &mut rng(0)).unwrap();
        assert_eq!(dead_parameters(&task, &model, batch), [""; 0], "{kind:?}");
    }
}

/// Catches: a checkpoint lacks weights or a running mean; a window is encoded by another model than
/// the trained one.
#[test]
fn a_loaded_tokenizer_is_the_one_that_was_saved() {
    for (kind, centre) in [(QuantizerKind::Vq, false), (QuantizerKind::Fsq, true)] {
        let mut config = config(kind);
        config.quantizer.centre = centre;
        let video = Clips::noise((10, 6), &[T, T + 3]);
        let size = FrameSize { height: 10, width: 6, patch: 4, channels: RGB };
        let description = describe(&config, size);
        let task = TokenizerTask::new(&description, &video).unwrap();
        let (spy, runs) = (Spy::on(&task), Runs::new());
        let trained = spy.train(&config.train, &description, &runs.run("a"));

        let saved =
            Loaded { net: trained.valid(), description: description.clone(), device: FlexDevice };
        let tokenizer = Tokenizer::load(&runs.run("a"), &Device::Cpu).unwrap();
        let frames = noise(3 * T * size.bytes(), 6);
        let tokens = tokenizer.encode(&frames).unwrap();
        assert_eq!(tokens, saved.encode(&frames, 3, T).unwrap());
        assert_eq!(tokens, tokenizer.encode(&frames).unwrap(), "a second time");
        assert_eq!(tokenizer.decode(&tokens, T).unwrap(), saved.decode(&tokens, 3, T).unwrap());
        assert_eq!((tokenizer.frames(), tokenizer.size(), tokenizer.grid()), (T, (10, 6), (3, 2)));

        // Drawn codes come in the order of their tokens, and no two are alike.
        let width = tokenizer.code_width();
        let codes: Vec<u16> = (0..tokenizer.codebook_size() as u16).collect();
        let pictures = tokenizer.draw_codes(&codes).unwrap();
        let drawn: std::collections::BTreeSet<&[u8]> = pictures.chunks_exact(width).collect();
        assert_eq!(drawn.len(), codes.len(), "{kind:?}: two codes look alike");
        let few = tokenizer.draw_codes(&[5, 0, 5]).unwrap();
        assert_eq!(
            few,
            [&pictures[5 * width..6 * width], &pictures[..width], &pictures[5 * width..6 * width]]
                .concat()
        );
    }
}

/// Catches: an input that does not fit the model causes a panic or gives a result.
#[test]
fn input_that_does_not_fit_is_an_error() {
    let size = size(8);
    let loaded = loaded(QuantizerKind::Vq, size);
    let description = loaded.description.clone();
    let tokenizer = Tokenizer { description, coder: Box::new(loaded) };
    assert!(tokenizer.encode(&noise(T * size.bytes() - 1, 1)).is_err());
    assert!(tokenizer.decode(&vec![63; T * size.positions()], T).is_ok());
    assert!(
        tokenizer.decode(&vec![64; T * size.positions()], T).is_err(),
        "a token beyond the codebook"
    );
    assert!(
        tokenizer.decode(&vec![0; (T + 1) * size.positions()], T + 1).is_err(),
        "a window too long"
    );
    assert!(tokenizer.decode(&[0; 3], 1).is_err(), "an incomplete frame");
    assert!(tokenizer.draw_codes(&[64]).is_err(), "a token beyond the codebook");
}

/// Catches: a codebook is accepted although it is so large that the dynamics model's mask token,
/// the number after the last code, does not fit a token.
#[test]
fn the_mask_token_fits_a_token() {
    let mut config = config(QuantizerKind::Vq);
    config.quantizer.codes = 65_535;
    config.check().unwrap();
    config.quantizer.codes = 65_536;
    assert!(config.check().is_err());
}

/// Catches: weights change the loss's scale, favour pixels that did not change, or treat frame 0 as
/// changed (no frame precedes it).
#[test]
fn changed_pixels_weigh_more_and_all_weigh_one_on_average() {
    let frames = [0.5, 0.5, 0.5, 0.9, 0.5, 0.9];
    let rows = Tensor::<Flex, 1>::from_floats(frames, &FlexDevice).reshape([3, 2]);
    let weights: Vec<f32> =
        changed_weight(rows, Grid { b: 1, t: 3, s: 1 }, 10.0).into_data().to_vec().unwrap();
    let mean = weights.iter().sum::<f32>() / 6.0;
    assert!((mean - 1.0).abs() < 1e-6, "mean {mean}");
    for (i, weight) in weights.iter().enumerate() {
        let expected = if i == 3 { 10.0 } else { 1.0 } / 2.5;
        assert!((weight - expected).abs() < 1e-6, "value {i} weighs {weight}, not {expected}");
    }
}

/// Catches: a model without temporal attention trains on runs of similar frames; a micro-batch has
/// another size than configured; tokens depend on a frame's place in its window, although training
/// uses only the first place.
#[test]
fn without_temporal_attention_every_frame_stands_alone() {
    let mut config = config(QuantizerKind::Fsq);
    (config.encoder.temporal, config.decoder.temporal) = (false, false);
    let size = size(8);
    // Each clip has one shade of grey, so a frame shows which clip it comes from.
    let clips = (0..200).map(|grey| vec![grey; 40 * size.bytes()]).collect();
    let video = Clips { size: (8, 8), clips };
    let description = describe(&config, size);
    let task = TokenizerTask::new(&description, &video).unwrap();
    let batch = <TokenizerTask as Task<Ad>>::batch(&task, 0, &mut rng(1)).unwrap();
    let greys: std::collections::BTreeSet<u8> =
        batch.chunks_exact(size.bytes()).map(|frame| frame[0]).collect();
    assert_eq!(batch.len(), config.train.batch * T * size.bytes());
    assert!(greys.len() > config.train.batch, "frames of {} clips only", greys.len());
    let model = seeded(1, || <TokenizerTask as Task<Ad>>::init(&task, &FlexDevice));
    let (model, _) = fit(&task, model, 20, 3e-3, || {
        <TokenizerTask as Task<Ad>>::batch(&task, 0, &mut rng(2)).unwrap()
    });
    assert!(dead_parameters(&task, &model, batch).is_empty());

    let loaded =
        Loaded { net: model.valid(), description: description.clone(), device: FlexDevice };
    let frames = noise(T * size.bytes(), 3);
    let mut turned = frames.clone();
    turned.rotate_left(size.bytes());
    let mut tokens = loaded.encode(&frames, 1, T).unwrap();
    tokens.rotate_left(size.positions());
    assert_eq!(tokens, loaded.encode(&turned, 1, T).unwrap());

    // A change needs two neighbouring frames.
    config.changed_pixel_weight = 2.0;
    assert_eq!(config.span(), T);
}

/// Catches: recompute loses the gradient of the encoder or of the codes' losses, counts it twice,
/// or computes another one.
#[test]
fn recompute_changes_no_gradient() {
    for kind in KINDS {
        for usage in [0.0, 0.1] {
            let mut config = config(kind);
            (config.encoder.layers, config.decoder.layers) = (2, 3);
            (config.quantizer.usage, config.quantizer.centre) = (usage, usage > 0.0);
            let description = describe(&config, size(8));
            let video = Clips::noise((8, 8), &[5, 9]);
            let task = TokenizerTask::new(&description, &video).unwrap();
            let model = seeded(2, || <TokenizerTask as Task<Ad>>::init(&task, &FlexDevice));
            let batch = || <TokenizerTask as Task<Ad>>::batch(&task, 0, &mut rng(0)).unwrap();
            let name = format!("{kind:?}, usage {usage}");
            assert_recompute_changes_nothing(&name, &task, &model, batch);
        }
    }
}
