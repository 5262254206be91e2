//! Trains a latent action model on videos in memory, and prints the codes of each motion.
//!
//! The videos show a bright square that moves right, down, left or up. The model sees only pixels:
//! it finds the motions by itself. Run it from the root of the workspace:
//!
//! ```text
//! cargo run --release --locked -p genie-model --example train_lam
//! ```

use std::error::Error;

use camino::Utf8Path;
use genie_model::{
    ConvolutionsConfig, Device, Lam, LamConfig, LamReads, QuantizerConfig, SourceError, StepReport,
    TrainConfig, TrainingObserver, Video, train_lam,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width and height of a frame, in pixels.
const SIDE: usize = 16;
/// Frames per clip.
const FRAMES: usize = 16;
/// Bytes per frame.
const FRAME_BYTES: usize = SIDE * SIDE * 3;
/// Name of each motion, and its shift in rows and columns. A square that leaves comes back.
const MOTIONS: [(&str, usize, usize); 4] =
    [("right", 0, 2), ("down", 2, 0), ("left", 0, SIDE - 2), ("up", SIDE - 2, 0)];

/// Clips of frames `[time, height, width, 3]`.
struct Squares(Vec<Vec<u8>>);

impl Video for Squares {
    fn clips(&self) -> usize {
        self.0.len()
    }

    fn frames(&self, clip: usize) -> usize {
        self.0[clip].len() / FRAME_BYTES
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
        to.extend_from_slice(&self.0[clip][first * FRAME_BYTES..][..len * FRAME_BYTES]);
        Ok(())
    }
}

/// Draws a clip, and returns its bytes and the number of the motion after each frame but the last.
fn draw(seed: u64) -> (Vec<u8>, Vec<usize>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut top, mut left) = (random.random_range(0..SIDE), random.random_range(0..SIDE));
    let (mut bytes, mut motions) = (vec![30; FRAMES * FRAME_BYTES], Vec::new());
    for frame in bytes.chunks_exact_mut(FRAME_BYTES) {
        for pixel in (0..SIDE / 2).flat_map(|y| (0..SIDE / 2).map(move |x| (y, x))) {
            let (row, column) = ((top + pixel.0) % SIDE, (left + pixel.1) % SIDE);
            frame[(row * SIDE + column) * 3..][..3].copy_from_slice(&[230, 200, 60]);
        }
        let motion = random.random_range(0..MOTIONS.len());
        let (_, down, right) = MOTIONS[motion];
        (top, left) = ((top + down) % SIDE, (left + right) % SIDE);
        motions.push(motion);
    }
    // Nothing shows the motion after the last frame.
    motions.pop();
    (bytes, motions)
}

/// Prints the progress of the training.
struct Progress;

impl TrainingObserver for Progress {
    fn report(&mut self, report: &StepReport) {
        // How much better the prediction is than a copy of the last frame.
        let gain = report.metrics.iter().find(|(name, _)| *name == "gain_over_copy_db");
        let gain = gain.map_or(0.0, |(_, gain)| *gain);
        println!(
            "training step {:>3} of {}: loss {:.4}, {gain:.1} dB better than a copy",
            report.step, report.steps, report.loss
        );
    }

    fn should_stop(&mut self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let video = Squares((0..32).map(|seed| draw(seed).0).collect());
    let config = LamConfig {
        frames: 3,
        reads: LamReads::Convolution,
        convolutions: ConvolutionsConfig { channels: vec![8, 16], strides: vec![1, 2] },
        quantizer: QuantizerConfig { levels: vec![2, 2], ..LamConfig::default().quantizer },
        train: TrainConfig {
            steps: 400,
            batch: 16,
            lr: 3e-3,
            log_every: 50,
            ..TrainConfig::default()
        },
        ..LamConfig::default()
    };
    // Checkpoints and metrics go to a directory. This one is removed at the end.
    let dir = tempfile::tempdir()?;
    let run = Utf8Path::from_path(dir.path()).ok_or("the temporary directory is not UTF-8")?;
    train_lam(&config, &video, run, &Device::Cpu, &mut Progress)?;

    // Labels clips that the model did not see in training.
    let lam = Lam::load(run, &Device::Cpu)?;
    let mut counts = vec![vec![0; lam.num_actions()]; MOTIONS.len()];
    for seed in 1000..1016 {
        let (bytes, motions) = draw(seed);
        for (code, motion) in lam.actions(&bytes, FRAMES)?.into_iter().zip(motions) {
            counts[motion][usize::from(code)] += 1;
        }
    }
    println!("\nHow often each motion gets each code:");
    println!("{:>6} {:?}", "", (0..lam.num_actions()).collect::<Vec<_>>());
    for ((name, ..), counts) in MOTIONS.iter().zip(&counts) {
        println!("{name:>6} {counts:?}");
    }
    Ok(())
}
