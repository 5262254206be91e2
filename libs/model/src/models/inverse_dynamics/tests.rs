//! What the network learns from moving squares whose motions are known.

use super::*;
use crate::data::Video;
use crate::layers::ConvolutionsConfig;
use crate::testing::{Clips, Quiet, Runs, moving_square};

const SIDE: usize = 8;
const FRAMES: usize = 12;
const MOTIONS: [(usize, usize); 3] = [(0, 1), (1, 0), (0, SIDE - 1)];
const PAIR: FramesSeen = FramesSeen { before: 0, after: 1 };

fn config(seen: FramesSeen, steps: usize) -> InverseDynamicsConfig {
    let mut config = InverseDynamicsConfig::new(seen, MOTIONS.len(), steps);
    config.convolutions = ConvolutionsConfig { channels: vec![16, 32], strides: vec![1, 2] };
    (config.hidden, config.train.batch) = (32, 32);
    config
}

/// Clips of moving squares and their motions; the last entry of a clip leads to no frame.
fn squares(seeds: std::ops::Range<u64>) -> (Clips, Vec<Vec<u8>>) {
    let (clips, labels) = seeds
        .map(|seed| {
            let (clip, steps) = moving_square(SIDE, FRAMES, &MOTIONS, seed);
            (clip, steps.into_iter().chain([0]).map(|step| step as u8).collect())
        })
        .unzip();
    (Clips { size: (SIDE, SIDE), clips }, labels)
}

/// Trains a network, and returns its accuracy at each lag on other clips.
fn accuracies(seen: FramesSeen) -> [f64; LAGS] {
    let (runs, (video, labels)) = (Runs::new(), squares(0..60));
    let (run, data) = (runs.run("run"), LabelledVideo { video: &video, labels: &labels });
    let config = config(seen, 300);
    train_inverse_dynamics(&config, data, &run, &Device::Cpu, &mut Quiet::default()).unwrap();
    let network = InverseDynamics::load(&run, &Device::Cpu).unwrap();
    let (video, labels) = squares(100..120);
    let (mut hits, mut count) = ([0.0; LAGS], 0.0);
    for (clip, labels) in labels.iter().enumerate() {
        for t in 2..FRAMES - 2 {
            let mut frames = Vec::new();
            video.read(clip, t - seen.before, seen.count(), &mut frames).unwrap();
            let predicted = network.log_probabilities(&frames).unwrap();
            for (lag, predicted) in predicted.chunks(network.classes()).enumerate() {
                let sum: f32 = predicted.iter().map(|value| value.exp()).sum();
                assert!((sum - 1.0).abs() < 1e-4, "probabilities sum to {sum}");
                let best =
                    (0..MOTIONS.len()).max_by(|a, b| predicted[*a].total_cmp(&predicted[*b]));
                hits[lag] += f64::from(u8::from(best == Some(usize::from(labels[t - lag]))));
            }
            count += 1.0;
        }
    }
    hits.map(|hits| hits / count)
}

/// Catches: labels or frames are off by one step; a lag counts in the wrong direction; the network
/// sees other frames than it says.
///
/// The motions of a clip are independent. So a pair of frames shows the action at lag 0 and no
/// other, and two more frames before it show the actions at lags 1 and 2.
#[test]
fn frames_show_the_actions_that_lead_from_one_to_the_next() {
    let pair = accuracies(PAIR);
    assert!(pair[0] > 0.95, "{pair:?}");
    assert!(pair[1] < 0.6 && pair[2] < 0.6, "{pair:?}");
    let four = accuracies(FramesSeen { before: 2, after: 1 });
    assert!(four.iter().all(|accuracy| *accuracy > 0.9), "{four:?}");
}

/// Catches: the network sees pixels outside the middle, or another part of it for each frame.
#[test]
fn a_network_of_the_middle_sees_nothing_else() {
    let (runs, (video, labels)) = (Runs::new(), squares(0..4));
    let (run, data) = (runs.run("run"), LabelledVideo { video: &video, labels: &labels });
    let config = InverseDynamicsConfig { middle: 4, ..config(PAIR, 2) };
    train_inverse_dynamics(&config, data, &run, &Device::Cpu, &mut Quiet::default()).unwrap();
    let network = InverseDynamics::load(&run, &Device::Cpu).unwrap();
    let (inside, frame) = (2..6, SIDE * SIDE * 3);
    let mut frames: Vec<u8> = (0..2 * frame).map(|at| (at * 37 % 251) as u8).collect();
    let first = network.log_probabilities(&frames).unwrap();
    for (at, byte) in frames.iter_mut().enumerate() {
        let (row, column) = (at % frame / 3 / SIDE, at / 3 % SIDE);
        if !(inside.contains(&row) && inside.contains(&column)) {
            *byte = 255 - *byte;
        }
    }
    assert_eq!(network.log_probabilities(&frames).unwrap(), first);
    let corner = frame + (5 * SIDE + 5) * 3;
    frames[corner] = 255 - frames[corner];
    assert_ne!(network.log_probabilities(&frames).unwrap(), first);
}

/// Catches: labels of other clips, or of more classes than the network has, are used.
#[test]
fn labels_that_do_not_fit_are_an_error() {
    let (video, labels) = squares(0..2);
    let train = |labels: &[Vec<u8>]| {
        let (runs, data) = (Runs::new(), LabelledVideo { video: &video, labels });
        let config = config(PAIR, 1);
        train_inverse_dynamics(&config, data, &runs.run("run"), &Device::Cpu, &mut Quiet::default())
    };
    assert!(train(&labels).is_ok());
    assert!(train(&labels[..1]).is_err(), "a clip has no labels");
    assert!(train(&[labels[0].clone(), labels[1][1..].to_vec()]).is_err(), "a frame has no label");
    assert!(train(&[labels[0].clone(), vec![3; FRAMES]]).is_err(), "there is no class 3");
}
