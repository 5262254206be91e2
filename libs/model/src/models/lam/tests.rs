//! Causality, learning and labelling of the latent action model.

mod components;
mod parity;
mod region;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::AutodiffModule;
use burn::tensor::Tensor;

use super::rows::frames_of;
use super::*;
use crate::data::RGB;
use crate::layers::{ConvolutionsConfig, Grid, QuantizerConfig, QuantizerKind, StackConfig};
use crate::testing::{
    Ad, Clips, Runs, Spy, assert_differs_from, assert_recompute_changes_nothing, by_frame,
    dead_parameters, fit, measure, moving_square, noise, rng, seeded,
};
use crate::train::Task;

const T: usize = 5;
const SIZE: FrameSize = FrameSize { height: 8, width: 8, patch: 4, channels: RGB };

/// The recipe that works: pairs, a decoder of two frames that predicts the change, `fsq`.
fn works() -> LamConfig {
    let stack = StackConfig {
        layers: 1,
        d: 32,
        heads: 2,
        head_dim: 0,
        ffn_mult: 2,
        qk_norm: false,
        temporal: false,
    };
    LamConfig {
        frames: T,
        encoder: stack.clone(),
        decoder: stack,
        train: TrainConfig { batch: 2, steps: 4, ..Default::default() },
        ..Default::default()
    }
}

/// The paper: single frames, temporal attention on both sides, whole frames, a learned codebook.
fn paper() -> LamConfig {
    let mut config = works();
    (config.encoder.temporal, config.decoder.temporal) = (true, true);
    (config.sees, config.history, config.target) =
        (LamSees::Frames, LamHistory::History, LamTarget::Frame);
    config.changed_pixel_weight = 1.0;
    config.quantizer = QuantizerConfig { kind: QuantizerKind::Vq, codes: 8, ..Default::default() };
    config
}

/// Frame pairs, with temporal attention on both sides.
fn pairs_with_history() -> LamConfig {
    LamConfig { sees: LamSees::Pairs, ..paper() }
}

/// A decoder of the last frame only, and the mean over all positions.
fn last_frame() -> LamConfig {
    LamConfig { history: LamHistory::LastFrame, pool: LamPool::Mean, ..works() }
}

/// An encoder that reads by convolution.
fn convolution() -> LamConfig {
    let convolutions = ConvolutionsConfig { channels: vec![8, 16], strides: vec![1, 2] };
    LamConfig { reads: LamReads::Convolution, convolutions, ..works() }
}

fn variants() -> [(&'static str, LamConfig); 5] {
    [
        ("works", works()),
        ("convolution", convolution()),
        ("last frame", last_frame()),
        ("pairs with history", pairs_with_history()),
        ("paper", paper()),
    ]
}

fn describe(config: &LamConfig, size: FrameSize) -> LamDescription {
    LamDescription { config: config.clone(), size, crop: None }
}

fn net(config: &LamConfig) -> LamNet<Flex> {
    config.check().unwrap();
    seeded(1, || LamNet::new(config, SIZE, &FlexDevice))
}

fn patches(frames: &[u8], b: usize) -> Tensor<Flex, 2> {
    SIZE.to_patches::<Flex>(frames, b, T, &FlexDevice)
}

fn with_frame_changed(frames: &[u8], frame: usize) -> Vec<u8> {
    let mut changed = frames.to_vec();
    for window in changed.chunks_exact_mut(T * SIZE.bytes()) {
        window[frame * SIZE.bytes()..][..SIZE.bytes()].copy_from_slice(&noise(SIZE.bytes(), 99));
    }
    changed
}

/// Catches: an encoder sees frames after `x_{t+1}`; an off-by-one error labels action t with the
/// motion of another step.
#[test]
fn action_t_depends_on_frames_up_to_t_plus_1_only() {
    for (name, config) in variants() {
        let net = net(&config);
        let vectors = |frames: &[u8]| {
            by_frame(
                net.encode(&config, patches(frames, 2), SIZE.grid(2, T), false).projected,
                2,
                T - 1,
            )
        };
        let frames = noise(2 * T * SIZE.bytes(), 1);
        let before = vectors(&frames);
        for changed in 0..T {
            let after = vectors(&with_frame_changed(&frames, changed));
            // Frame f is the end of action f-1 and the start of action f.
            assert_differs_from(changed.saturating_sub(1), &before, &after, name);
            let last = (0..T - 1).rfind(|step| before[*step] != after[*step]);
            if !config.encoder.temporal {
                assert_eq!(
                    last,
                    Some(changed.min(T - 2)),
                    "{name}: an action of frame pairs depends on its own pair only"
                );
            }
        }
    }
}

/// Catches: a decoder sees the frame that it must predict, or later frames (it would copy the frame
/// and ignore the action).
#[test]
fn a_prediction_sees_no_frame_but_those_before() {
    for (name, mut config) in variants() {
        config.target = LamTarget::Frame;
        let (net, steps, given) = (net(&config), SIZE.grid(2, T - 1), config.given());
        let width = config.quantizer.width();
        let actions = Tensor::<Flex, 2>::ones([2 * (T - given), width], &FlexDevice);
        let predict = |frames: &[u8]| {
            let before = frames_of(patches(frames, 2), SIZE.grid(2, T), 0, T - 1);
            by_frame(net.decode(&config, &before, actions.clone(), steps), 2, T - given)
        };
        let frames = noise(2 * T * SIZE.bytes(), 2);
        let before = predict(&frames);
        for changed in 0..T - 1 {
            // Entry e is the prediction of frame e + given.
            let after = predict(&with_frame_changed(&frames, changed));
            assert_differs_from((changed + 1).saturating_sub(given), &before, &after, name);
            if config.history != LamHistory::History {
                assert!(
                    (changed + 1..T - given).all(|step| before[step] == after[step]),
                    "{name} looks further back"
                );
            }
        }
        assert!(
            before == predict(&with_frame_changed(&frames, T - 1)),
            "{name}: the last frame is only predicted"
        );
    }
}

/// Catches: an action is added to the wrong frame or to none.
#[test]
fn an_action_changes_the_prediction_that_it_leads_to() {
    for (name, mut config) in variants() {
        config.target = LamTarget::Frame;
        let (net, steps, given) = (net(&config), SIZE.grid(2, T - 1), config.given());
        let before_rows =
            frames_of(patches(&noise(2 * T * SIZE.bytes(), 3), 2), SIZE.grid(2, T), 0, T - 1);
        let width = config.quantizer.width();
        let predict = |action: Tensor<Flex, 3>| {
            let actions = action.reshape([2 * (T - given), width]);
            by_frame(net.decode(&config, &before_rows, actions, steps), 2, T - given)
        };
        let actions = Tensor::<Flex, 3>::ones([2, T - given, width], &FlexDevice);
        for changed in 0..T - given {
            let other = actions.clone().narrow(1, changed, 1).neg();
            let other = actions.clone().slice_assign([0..2, changed..changed + 1, 0..width], other);
            let (before, after) = (predict(actions.clone()), predict(other));
            assert_differs_from(changed, &before, &after, name);
        }
    }
}

/// Catches: the loss compares with another frame than `x_{t+1}`; a decoder sees `x_{t+1}` (an
/// untrained model of the change must be exactly as good as copying the last frame).
#[test]
fn training_starts_at_copying_the_last_frame() {
    for config in [works(), last_frame()] {
        let video = Clips::noise((8, 8), &[T + 3]);
        let description = describe(&config, SIZE);
        let task = LamTask::new(&description, &video).unwrap();
        let model = seeded(2, || <LamTask as Task<Ad>>::init(&task, &FlexDevice));
        let batch = <LamTask as Task<Ad>>::batch(&task, 0, &mut rng(0)).unwrap();
        let values = measure(&task, &model, batch);
        assert!(values["gain_over_copy_db"].abs() < 1e-4, "{values:?}");
        assert!(values["loss"] > 0.01, "noise changes in every frame: {values:?}");
    }
}

/// Catches: training never changes a parameter.
#[test]
fn gradients_reach_every_parameter() {
    for (name, config) in variants() {
        let video = Clips::noise((8, 8), &[T, T + 3]);
        let description = describe(&config, SIZE);
        let task = LamTask::new(&description, &video).unwrap();
        let model = seeded(3, || <LamTask as Task<Ad>>::init(&task, &FlexDevice));
        let mut numbers = 0..;
        let mut batch =
            || <LamTask as Task<Ad>>::batch(&task, numbers.next().unwrap(), &mut rng(0)).unwrap();
        // At the first step a model of the change learns through its output layer only.
        let (model, _) = fit(&task, model, 5, 3e-3, &mut batch);
        // Centring cancels all that is constant: the bias of the projection, and the last shift
        // before it. The running mean follows the vectors and has no gradient.
        let last_shift = if config.reads == LamReads::Convolution {
            "motion.convolutions.layers.1.bias"
        } else {
            "encoder.norm.bias"
        };
        let mut expected = vec![last_shift, "quantizer.project.bias", "quantizer.mean"];
        expected.retain(|_| config.quantizer.centre);
        let mut dead = dead_parameters(&task, &model, batch());
        dead.sort_by_key(|name| name.starts_with("quantizer"));
        assert_eq!(dead, expected, "{name}");
    }
}

/// Catches: codes have no meaning, because the decoder ignores them or the encoder gets no gradient
/// (a square that moves right or down must get codes that each mean one motion).
#[test]
fn two_motions_get_codes_of_their_own() {
    for (name, config, steps) in [("attention", works(), 700), ("convolution", convolution(), 250)]
    {
        codes_of_two_motions(name, LamConfig { frames: 3, ..config }, steps);
    }
}

fn codes_of_two_motions(name: &str, mut config: LamConfig, steps: usize) {
    let motions = [(0, 2), (2, 0)];
    config.quantizer.levels = vec![2, 2];
    config.train = TrainConfig { batch: 16, steps, ..Default::default() };
    let clips = (0..32).map(|seed| moving_square(16, 8, &motions, seed).0).collect();
    let video = Clips { size: (16, 16), clips };
    let size = FrameSize { height: 16, width: 16, patch: 4, channels: RGB };
    let description = describe(&config, size);
    let task = LamTask::new(&description, &video).unwrap();
    let model = seeded(4, || <LamTask as Task<Ad>>::init(&task, &FlexDevice));
    let mut numbers = 0..;
    let batch =
        || <LamTask as Task<Ad>>::batch(&task, numbers.next().unwrap(), &mut rng(1)).unwrap();
    let (model, values) = fit(&task, model, config.train.steps, 3e-3, batch);

    let labeller =
        Loaded { net: model.valid(), description: describe(&config, size), device: FlexDevice };
    let mut counts = vec![[0; 2]; config.quantizer.size()];
    for seed in 100..116 {
        let (bytes, steps) = moving_square(16, 16, &motions, seed);
        for (code, motion) in labeller.actions(&bytes, 1, 16).unwrap().into_iter().zip(steps) {
            counts[usize::from(code)][motion] += 1;
        }
    }
    let right: usize = counts.iter().map(|count| count[0].max(count[1])).sum();
    assert!(
        right as f64 >= 0.85 * (16.0 * 15.0),
        "{name}'s codes do not tell the motions apart: {counts:?}, {values:?}"
    );
}

/// Catches: the code of a motion depends on its position in the frame; the wrong frames are paired;
/// the encoder encodes the content of a frame instead of its motion.
#[test]
fn by_convolution_a_motion_is_the_same_everywhere() {
    let config = LamConfig { frames: 3, ..convolution() };
    let size = FrameSize { height: 16, width: 24, patch: 4, channels: RGB };
    let net = seeded(6, || LamNet::<Flex>::new(&config, size, &FlexDevice));
    // A spot of 2×2 pixels in its own colour, at one position per frame.
    let vectors = |places: [(usize, usize); 3]| -> Vec<Vec<u32>> {
        let frames: Vec<u8> = places
            .into_iter()
            .flat_map(|(row, column)| {
                let spot = move |i: usize| {
                    (row..row + 2).contains(&(i / 72))
                        && (column..column + 2).contains(&(i % 72 / 3))
                };
                (0..16 * 72).map(move |i| if spot(i) { 200 - 50 * (i % 3) as u8 } else { 30 })
            })
            .collect();
        let patches = size.to_patches::<Flex>(&frames, 1, 3, &FlexDevice);
        by_frame(net.encode(&config, patches, size.grid(1, 3), false).projected, 1, 2)
    };
    let here = vectors([(4, 4), (4, 6), (6, 6)]);
    assert_eq!(here, vectors([(8, 14), (8, 16), (10, 16)]));
    assert_ne!(here[0], here[1], "right is not down");
    assert_ne!(here[0], vectors([(4, 6), (4, 4), (6, 4)])[0], "right is not left");
}

/// Catches: a running mean does not follow the vectors, so that labelling centres them differently
/// than training (the first step sets it to the batch's mean; labelling this batch must then give
/// the codes of training).
#[test]
fn the_running_mean_is_that_of_the_vectors() {
    // This model trains on every pair of a window, as labelling does.
    let config = last_frame();
    let video = Clips::noise((8, 8), &[T + 3]);
    let description = describe(&config, SIZE);
    let task = LamTask::new(&description, &video).unwrap();
    let model = seeded(5, || <LamTask as Task<Ad>>::init(&task, &FlexDevice));
    let frames = <LamTask as Task<Ad>>::batch(&task, 0, &mut rng(0)).unwrap();
    let codes = |model: &LamNet<Ad>, training| {
        let rows = patches(&frames, 2);
        by_frame(
            model.valid().encode(&config, rows, SIZE.grid(2, T), training).codes.float(),
            2,
            T - 1,
        )
    };
    assert_ne!(
        codes(&model, false),
        codes(&model, true),
        "the running mean starts at 0, which is not the vectors' mean"
    );
    let aux =
        <LamTask as Task<Ad>>::loss(&task, &model, frames.clone(), &mut rng(0), &FlexDevice).aux;
    let model = <LamTask as Task<Ad>>::after_step(&task, model, aux, 1, &mut rng(0)).unwrap();
    assert_eq!(codes(&model, false), codes(&model, true));
}

/// Catches: labels depend on the batch, on chance, or on weights that the checkpoint lacks (a
/// centring quantizer that used the batch's mean in labelling would give a single window always the
/// same code).
#[test]
fn labels_are_those_of_the_saved_model_whatever_the_batch() {
    for (name, config) in variants() {
        let video = Clips::noise((8, 8), &[T, T + 3]);
        let description = describe(&config, SIZE);
        let task = LamTask::new(&description, &video).unwrap();
        let (spy, runs) = (Spy::on(&task), Runs::new());
        let trained = spy.train(&config.train, &description, &runs.run("a"));
        let saved = Loaded {
            net: trained.valid(),
            description: describe(&config, SIZE),
            device: FlexDevice,
        };
        let lam = Lam::load(&runs.run("a"), &Device::Cpu).unwrap();

        let frames = noise(6 * T * SIZE.bytes(), 7);
        let labels = lam.actions(&frames, T).unwrap();
        assert_eq!(labels.len(), 6 * (T - 1));
        assert_eq!(labels, saved.actions(&frames, 6, T).unwrap(), "{name}");
        assert_eq!(labels, lam.actions(&frames, T).unwrap(), "{name}, a second time");
        let apart: Vec<u8> = frames
            .chunks_exact(T * SIZE.bytes())
            .flat_map(|window| lam.actions(window, T).unwrap())
            .collect();
        assert_eq!(labels, apart, "{name}, one window at a time");
        assert!(labels.iter().all(|label| usize::from(*label) < lam.num_actions()));
        assert_eq!(
            lam.actions(&frames, 6 * T).is_ok(),
            !config.encoder.temporal,
            "{name}: longer than its positions"
        );
    }
}

/// Catches: options contradict each other, so that nothing useful is learned.
#[test]
fn options_that_cannot_work_are_refused() {
    let mut blind = works();
    blind.sees = LamSees::Frames;
    assert!(blind.check().is_err(), "single frames show no motion");
    let mut forgetful = works();
    forgetful.history = LamHistory::History;
    assert!(forgetful.check().is_err(), "history needs temporal attention");
    let mut peeking = works();
    peeking.decoder.temporal = true;
    assert!(peeking.check().is_err(), "a decoder of the last frames needs no temporal attention");
    let mut short = works();
    short.frames = 2;
    assert!(short.check().is_err(), "the decoder sees two frames, so none is left to predict");
    let mut shifted = works();
    shifted.encoder.temporal = true;
    assert!(
        shifted.check().is_err(),
        "training and labelling would give its pairs different positions in time"
    );
    let tokens = LamConfig { region: LamRegion::Still, input: LamInput::Tokens, ..works() };
    assert!(tokens.check().is_err(), "tokens do not scroll by pixels");
    let mut still = convolution();
    (still.sees, still.encoder.temporal, still.frames) = (LamSees::Frames, true, 3);
    assert!(still.check().is_err(), "convolutions over single frames show no motion");
}

/// Catches: recompute loses the gradient of the encoder or of the codes' losses, counts it twice,
/// or computes another one.
#[test]
fn recompute_changes_no_gradient() {
    for (name, config) in variants() {
        let video = Clips::noise((8, 8), &[T + 3]);
        let description = describe(&config, SIZE);
        let task = LamTask::new(&description, &video).unwrap();
        let model = seeded(2, || <LamTask as Task<Ad>>::init(&task, &FlexDevice));
        let batch = || <LamTask as Task<Ad>>::batch(&task, 0, &mut rng(0)).unwrap();
        assert_recompute_changes_nothing(name, &task, &model, batch);
    }
}
