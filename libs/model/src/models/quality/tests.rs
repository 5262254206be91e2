//! What the network learns from small clips whose class is known.

use super::flaws::SyntheticFlaw;
use super::*;
use crate::layers::ConvolutionsConfig;
use crate::testing::{Quiet, Runs, moving_square, rng};
use rand::RngExt;

const SIDE: usize = 12;
const FRAMES: usize = 12;
const RIGHT: [(usize, usize); 1] = [(0, 1)];

fn config(steps: usize) -> QualityConfig {
    let convolutions = ConvolutionsConfig { channels: vec![8, 16], strides: vec![3, 2] };
    let mut config = QualityConfig { convolutions, ..QualityConfig::default() };
    (config.hidden, config.train.steps, config.train.batch) = (16, steps, 32);
    config.train.lr = 5e-3;
    config
}

/// Clips of squares that move to the right. A bad clip is played backwards.
///
/// The first score says nothing, the second one is the same for all clips.
fn played(seeds: std::ops::Range<u64>) -> QualityExamples {
    let mut examples = QualityExamples::default();
    for seed in seeds {
        let (mut frames, _) = moving_square(SIDE, FRAMES, &RIGHT, seed);
        let good = seed % 2 == 0;
        if !good {
            frames = frames.rchunks_exact(SIDE * SIDE * 3).flatten().copied().collect();
        }
        let scores = vec![rng(seed).random_range(0.0..1.0), 0.5];
        examples.clips.push(QualityInput::new(&frames, (FRAMES, SIDE, SIDE), scores).unwrap());
        examples.good.push(good);
    }
    examples
}

fn trained(data: &QualityExamples, steps: usize) -> (Runs, QualityModel) {
    let runs = Runs::new();
    let run = runs.run("run");
    train_quality(&config(steps), data, &run, &Device::Cpu, &mut Quiet::default()).unwrap();
    let model = QualityModel::load(&run, &Device::Cpu).unwrap();
    (runs, model)
}

fn accuracy(model: &QualityModel, data: &QualityExamples) -> f64 {
    let right =
        |(clip, good): (&QualityInput, &bool)| (model.quality(clip).unwrap() > 0.5) == *good;
    let hits = data.clips.iter().zip(&data.good).map(right).filter(|hit| *hit).count();
    hits as f64 / data.clips.len() as f64
}

/// Catches: the network does not see motion; quality is the probability of the wrong class; what
/// is learnt holds for the training clips only; flaws that no label has are not learnt, or as good.
#[test]
fn clips_that_are_played_backwards_are_told_apart() {
    let (_runs, model) = trained(&played(0..60), 200);
    let unseen = played(100..140);
    let found = accuracy(&model, &unseen);
    assert!(found > 0.9, "accuracy {found}");
    let good: Vec<&QualityInput> =
        unseen.clips.iter().zip(&unseen.good).filter(|(_, good)| **good).map(|one| one.0).collect();
    let mut rng = rng(5);
    for flaw in [SyntheticFlaw::Split, SyntheticFlaw::Bars, SyntheticFlaw::Overlay] {
        let is_worse = |clip: &&&QualityInput| {
            let frames = flaw.applied(&clip.frames, &good[0].frames, &mut rng);
            let flawed = QualityInput { frames, scores: clip.scores.clone() };
            model.quality(&flawed).unwrap() < model.quality(clip).unwrap()
        };
        let worse = good.iter().filter(is_worse).count();
        assert!(worse * 10 >= good.len() * 8, "{flaw:?}: {worse} of {} are worse", good.len());
    }
}

/// Catches: scores are not used, or a score of another clip is used.
#[test]
fn a_score_alone_can_decide() {
    let plain = |seeds: std::ops::Range<u64>| {
        let clip = |seed: u64| {
            let score: f32 = rng(seed).random_range(0.0..1.0);
            let input = QualityInput::new(&[9; 12], (1, 2, 2), vec![0.3, score]).unwrap();
            (input, score > 0.5)
        };
        let (clips, good) = seeds.map(clip).unzip();
        QualityExamples { clips, good }
    };
    let (_runs, model) = trained(&plain(0..60), 300);
    let found = accuracy(&model, &plain(100..160));
    assert!(found > 0.9, "accuracy {found}");
}

/// Catches: two trainings with the same data and seed give other qualities; the scale of the
/// scores changes when a checkpoint is read.
#[test]
fn training_is_repeatable() {
    let data = played(0..20);
    let ((_first, one), (_second, other)) = (trained(&data, 3), trained(&data, 3));
    for clip in &data.clips {
        assert_eq!(one.quality(clip).unwrap(), other.quality(clip).unwrap());
    }
    assert_eq!(one.description.scale, ScoreScale::of(&data.clips));
}

/// Catches: labels of other clips are used; a model judges clips with other scores.
#[test]
fn data_that_do_not_fit_are_an_error() {
    let data = played(0..8);
    let fails = |data: &QualityExamples| {
        let run = Runs::new();
        let run = run.run("run");
        train_quality(&config(1), data, &run, &Device::Cpu, &mut Quiet::default()).is_err()
    };
    assert!(!fails(&data));
    assert!(fails(&QualityExamples::default()), "there are no clips");
    let good = data.good[1..].to_vec();
    assert!(fails(&QualityExamples { good, ..data.clone() }), "a clip has no label");
    let (_runs, model) = trained(&data, 1);
    let other = QualityInput::new(&[9; 12], (1, 2, 2), vec![0.3]).unwrap();
    assert!(model.quality(&other).is_err());
}
