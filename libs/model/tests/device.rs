//! A device computes what the CPU computes: losses, gradients, tokens, actions and rollouts.
//!
//! Run it on a machine with a GPU: `make test-device FEATURES=cuda DEVICE=cuda`. Without
//! `GENIE_DEVICE` it compares the CPU with itself.
//!
//! Training starts from weights that the CPU wrote, because each backend draws its own initial
//! weights.

#![allow(clippy::cast_precision_loss, reason = "counts of a test")]

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{
    ActionMode, ClipEncoder, Device, Dynamics, DynamicsConfig, Lam, LamConfig, LamHistory, LamPool,
    LamReads, LamSees, LamTarget, ModelError, OptimizerKind, Precision, QuantizerConfig,
    QuantizerKind, SamplerConfig, SourceError, StackConfig, StepReport, TokenWindows, Tokenizer,
    TokenizerConfig, TrainConfig, TrainingObserver, UnmaskOrder, Video, train_dynamics, train_lam,
    train_tokenizer,
};

const SIDE: usize = 16;
const FRAMES: usize = 4;
const PIXELS: usize = SIDE * SIDE * 3;

/// Squares that move over a shaded ground. Every frame differs from the previous one.
struct Squares;

impl Squares {
    fn frame(clip: usize, t: usize) -> impl Iterator<Item = u8> {
        let (left, top) =
            ((clip * 5 + t * (1 + clip % 3)) % (SIDE - 4), (clip * 3 + t) % (SIDE - 4));
        (0..PIXELS).map(move |value| {
            let (x, y, channel) = (value / 3 % SIDE, value / 3 / SIDE, value % 3);
            let inside = (left..left + 4).contains(&x) && (top..top + 4).contains(&y);
            let shade = (clip * 37 + x * 5 + y * 3 + channel * 40) % 120;
            u8::try_from(if inside { 130 + (channel * 50 + clip * 20) % 120 } else { shade })
                .unwrap_or(u8::MAX)
        })
    }
}

impl Video for Squares {
    fn clips(&self) -> usize {
        8
    }

    fn frames(&self, _clip: usize) -> usize {
        12
    }

    fn size(&self) -> (usize, usize) {
        (SIDE, SIDE)
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        to.extend((first..first + len).flat_map(|t| Self::frame(clip, t)));
        Ok(())
    }
}

#[derive(Default)]
struct Log(Vec<StepReport>);

impl TrainingObserver for Log {
    fn report(&mut self, report: &StepReport) {
        self.0.push(report.clone());
    }

    fn should_stop(&mut self) -> bool {
        false
    }
}

fn device() -> Device {
    std::env::var("GENIE_DEVICE")
        .map_or(Device::Cpu, |name| name.parse().unwrap_or_else(|error| panic!("{error}")))
}

const STACK: StackConfig = StackConfig {
    layers: 2,
    d: 32,
    heads: 2,
    head_dim: 0,
    ffn_mult: 4,
    qk_norm: false,
    temporal: true,
};

fn train(optimizer: OptimizerKind, precision: Precision) -> TrainConfig {
    TrainConfig {
        steps: 1,
        batch: 4,
        accumulate: 2,
        lr: 1e-3,
        warmup: 1,
        ema: 0.9,
        log_every: 1,
        optimizer,
        precision,
        ..TrainConfig::default()
    }
}

/// The difference of two numbers as a share of the first.
fn apart(a: f32, b: f32) -> f32 {
    (a - b).abs() / a.abs().max(1e-6)
}

/// Trains `model` for some steps on both devices, from weights that the CPU wrote.
///
/// The losses may differ by a share of `tolerance`, and the gradients' norms by three times that.
/// Returns the scratch directory and the CPU's run in it.
fn same_steps(
    what: &str,
    config: &TrainConfig,
    tolerance: f32,
    model: impl Fn(&TrainConfig, &Utf8Path, &Device, &mut Log) -> Result<(), ModelError>,
) -> (tempfile::TempDir, Utf8PathBuf) {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let root = Utf8PathBuf::try_from(scratch.path().to_owned()).expect("a path in UTF-8");
    let run = |name: &str, config: &TrainConfig, device: &Device| {
        let mut log = Log::default();
        model(config, &root.join(name), device, &mut log)
            .unwrap_or_else(|error| panic!("{what} on {device}: {error}"));
        log.0
    };
    run("first", config, &Device::Cpu);
    let import = root.join("first/step-1/model.safetensors");
    let on = TrainConfig { import, steps: 4, ..config.clone() };
    let (cpu, other) = (run("cpu", &on, &Device::Cpu), run("other", &on, &device()));
    assert_eq!(cpu.len(), 4);
    for (cpu, other) in cpu.iter().zip(&other) {
        let (loss, norm) = (apart(cpu.loss, other.loss), apart(cpu.grad_norm, other.grad_norm));
        eprintln!(
            "{what} step {}: loss {:.6}, apart {loss:.1e}; norm {:.6}, apart {norm:.1e}",
            cpu.step, cpu.loss, cpu.grad_norm
        );
        assert!(
            loss <= tolerance && norm <= 3.0 * tolerance,
            "{what}, step {}: {cpu:?}\n{other:?}",
            cpu.step
        );
        for ((name, cpu), (_, other)) in cpu.metrics.iter().zip(&other.metrics) {
            assert!(
                (cpu - other).abs() <= 10.0 * tolerance * cpu.abs().max(1.0),
                "{what}: {name} {cpu} {other}"
            );
        }
    }
    (scratch, root.join("cpu"))
}

/// The share of equal entries.
fn agreement<T: PartialEq>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

fn frames(windows: usize, t: usize) -> Vec<u8> {
    (0..windows).flat_map(|clip| (0..t).flat_map(move |t| Squares::frame(clip, t))).collect()
}

fn tokenizer(quantizer: QuantizerConfig, train: TrainConfig) -> TokenizerConfig {
    TokenizerConfig {
        frames: FRAMES,
        encoder: STACK,
        decoder: STACK,
        quantizer,
        changed_pixel_weight: 3.0,
        train,
        ..TokenizerConfig::default()
    }
}

fn fsq() -> QuantizerConfig {
    QuantizerConfig {
        kind: QuantizerKind::Fsq,
        levels: vec![4, 4, 4],
        ..QuantizerConfig::default()
    }
}

/// Catches: a device lacks an operation of training, encoding or decoding, or computes it
/// differently; integers have another width than on the CPU; one device cannot read the checkpoint
/// of the other.
#[test]
fn tokenizers() {
    let vq = QuantizerConfig {
        kind: QuantizerKind::Vq,
        codes: 32,
        latent: 8,
        ..QuantizerConfig::default()
    };
    for (what, quantizer, optimizer) in
        [("fsq", fsq(), OptimizerKind::Muon), ("vq", vq, OptimizerKind::AdamW)]
    {
        let config = tokenizer(quantizer, train(optimizer, Precision::F32));
        let (_scratch, run) = same_steps(what, &config.train, 0.01, |train, run, device, log| {
            let config = TokenizerConfig { train: train.clone(), ..config.clone() };
            train_tokenizer(&config, &Squares, run, device, log).map(drop)
        });
        let [cpu, other] =
            [Device::Cpu, device()].map(|device| Tokenizer::load(&run, &device).expect("it loads"));
        let frames = frames(4, FRAMES);
        let (tokens, others) =
            (cpu.encode(&frames).expect("encodes"), other.encode(&frames).expect("encodes"));
        let same = agreement(&tokens, &others);
        eprintln!("{what}: {same} of the tokens are the same");
        assert!(same >= 0.97, "{what}: {same}");
        let (pixels, others) = (
            cpu.decode(&tokens, FRAMES).expect("decodes"),
            other.decode(&tokens, FRAMES).expect("decodes"),
        );
        let far = pixels.iter().zip(&others).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(3), "{what}: pixels differ by {far:?}");
    }
}

/// Catches: a device computes an operation of the LAM's encoders differently, such as a
/// convolution.
#[test]
fn latent_actions() {
    let paper = LamConfig {
        frames: FRAMES,
        sees: LamSees::Frames,
        pool: LamPool::Mean,
        history: LamHistory::History,
        target: LamTarget::Frame,
        changed_pixel_weight: 1.0,
        encoder: STACK,
        decoder: STACK,
        quantizer: QuantizerConfig {
            kind: QuantizerKind::Vq,
            codes: 6,
            latent: 8,
            ..QuantizerConfig::default()
        },
        ..LamConfig::default()
    };
    let demo = LamConfig {
        reads: LamReads::Convolution,
        frames: 3,
        decoder: StackConfig { temporal: false, ..STACK },
        ..LamConfig::default()
    };
    for (what, config) in [("paper", paper), ("convolution", demo)] {
        let trained = train(OptimizerKind::AdamW, Precision::F32);
        let (_scratch, run) = same_steps(what, &trained, 0.01, |train, run, device, log| {
            train_lam(
                &LamConfig { train: train.clone(), ..config.clone() },
                &Squares,
                run,
                device,
                log,
            )
            .map(drop)
        });
        let [cpu, other] =
            [Device::Cpu, device()].map(|device| Lam::load(&run, &device).expect("it loads"));
        let frames = frames(8, FRAMES);
        let [cpu, other] = [cpu, other].map(|lam| lam.actions(&frames, FRAMES).expect("labels"));
        assert!(agreement(&cpu, &other) >= 0.9, "{what}: {cpu:?} {other:?}");
    }
}

fn windows() -> TokenWindows {
    let (positions, columns, n) = (16, 4, 16);
    // A token that moves, and the tokens that it uncovers.
    let token = |window: usize, t: usize, place: usize| match (window * 5 + t * (1 + window % 2))
        % positions
    {
        at if at == place => 7,
        _ => u16::try_from((window + place) % 3).unwrap_or_default(),
    };
    let all = (0..n).flat_map(|window| {
        (0..FRAMES).flat_map(move |t| (0..positions).map(move |place| (window, t, place)))
    });
    let tokens = all.map(|(window, t, place)| token(window, t, place)).collect();
    let actions = (0..n * (FRAMES - 1))
        .map(|entry| u8::try_from(entry / (FRAMES - 1) % 2).unwrap_or_default())
        .collect();
    TokenWindows { frames: FRAMES, positions, columns, tokens, actions }
}

/// Catches: a device computes an operation of the dynamics model differently. The test covers both
/// action modes, both precisions, and the sampler with its cache.
#[test]
fn dynamics() {
    let form = |action_mode, qk_norm, optimizer, precision| DynamicsConfig {
        action_mode,
        stack: StackConfig { qk_norm, head_dim: if qk_norm { 24 } else { 0 }, ..STACK },
        train: train(optimizer, precision),
        ..DynamicsConfig::default()
    };
    let forms = [
        ("prepend", form(ActionMode::Prepend, true, OptimizerKind::AdamW, Precision::F32), 0.01),
        ("add", form(ActionMode::Add, false, OptimizerKind::Muon, Precision::F32), 0.01),
        ("bf16", form(ActionMode::Prepend, true, OptimizerKind::AdamW, Precision::Bf16), 0.03),
    ];
    let data = Arc::new(windows());
    for (what, config, tolerance) in forms {
        let (_scratch, run) =
            same_steps(what, &config.train, tolerance, |train, run, device, log| {
                let config = DynamicsConfig { train: train.clone(), ..config.clone() };
                train_dynamics(&config, data.clone(), 8, 2, run, device, log).map(drop)
            });
        let sampler = SamplerConfig {
            steps: 3,
            temperature: 0.0,
            order: UnmaskOrder::Greedy,
            ..SamplerConfig::default()
        };
        let (window, b) = (FRAMES * data.positions, 3);
        let prompt: Vec<u16> =
            (0..b).flat_map(|i| data.tokens[i * window..][..data.positions].to_vec()).collect();
        // The rollout exceeds the model's window, so the cache is rebuilt.
        let actions: Vec<u8> =
            (0..b * (FRAMES + 1)).map(|entry| u8::from(entry % 3 == 0)).collect();
        let [cpu, other] = [Device::Cpu, device()].map(|device| {
            let model = Dynamics::load(&run, &device).expect("it loads");
            let seeds: Vec<u64> = (0..b as u64).collect();
            model.rollout(&prompt, &actions, &seeds, &sampler).expect("rolls out")
        });
        let same = agreement(&cpu, &other);
        eprintln!("{what}: {same} of the rollouts' tokens are the same");
        assert!(same >= 0.9, "{what}: {cpu:?}\n{other:?}");
    }
}

/// Catches: a device computes convolutions over time and space differently, which would change the
/// distances between real and generated clips.
#[test]
fn features_of_clips() {
    let (clips, t) = (3, ClipEncoder::FEWEST_FRAMES + 3);
    let frames = frames(clips, t);
    let [cpu, other] = [Device::Cpu, device()].map(|device| {
        ClipEncoder::new(&device).features(&frames, t, (SIDE, SIDE)).expect("it has features")
    });
    assert_eq!(cpu.len(), clips * ClipEncoder::FEATURES);
    let largest = |values: &mut dyn Iterator<Item = f32>| {
        values.fold(0.0_f32, |most, value| most.max(value.abs()))
    };
    let off = largest(&mut cpu.iter().zip(&other).map(|(a, b)| a - b))
        / largest(&mut cpu.iter().copied());
    eprintln!("features are off by {off:.1e} of the largest");
    assert!(off < 0.01, "{off}");
}
