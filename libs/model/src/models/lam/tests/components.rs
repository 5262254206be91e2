//! The model that reads by independent components.

use rand::RngExt;

use super::*;

const SIDE: usize = 8;

/// Turns of a figure, 0 for left, 1 for none and 2 for right, and a clip that shows them.
///
/// A turn changes eight pixels in a fixed pattern. Two lamps flicker more strongly and more
/// rarely, also at the figure's pixels, and every pixel is noisy.
fn turning_figure(frames: usize, seed: u64) -> (Vec<u8>, Vec<usize>) {
    let mut rng = rng(seed);
    let mut levels = vec![120.0; SIDE * SIDE];
    let (mut bytes, mut turns, mut side) = (vec![], vec![], -1.0);
    for frame in 0..frames {
        if frame > 0 {
            let turn = rng.random_range(0..6) == 0;
            if turn {
                side = -side;
                for (at, sign) in [(18, 1.0), (19, -1.0), (26, 1.0), (27, -1.0)] {
                    levels[at] += 20.0 * sign * side;
                    levels[at + 16] += 20.0 * sign * side;
                }
            }
            turns.push(if turn { 1 + side as i32 } else { 1 } as usize);
        }
        let lamps = [rng.random_range(0..30) == 0, rng.random_range(0..30) == 0];
        for (at, level) in levels.iter().enumerate() {
            let lit = (lamps[0] && at < 32) as i32 * 70 - (lamps[1] && at % 8 > 2) as i32 * 70;
            let grey = level + f64::from(lit) + rng.random_range(-3.0..3.0);
            bytes.extend([grey as u8; 3]);
        }
    }
    (bytes, turns)
}

fn components() -> LamConfig {
    let quantizer = QuantizerConfig {
        kind: QuantizerKind::Fsq,
        levels: vec![3],
        centre: false,
        usage: 0.0,
        ..Default::default()
    };
    LamConfig { reads: LamReads::Components, quantizer, ..works() }
}

/// Catches: the strongest change is taken for the action instead of the most frequent one, the
/// levels have wrong bounds, pixels are in another order than in the analysis, training changes the
/// components, or a loaded model has others.
#[test]
fn the_most_frequent_change_is_the_action() {
    let (clip, _) = turning_figure(1500, 1);
    let video = Clips { size: (SIDE, SIDE), clips: vec![clip] };
    let runs = Runs::new();
    let mut config = components();
    config.train.steps = 20;
    train_lam(
        &config,
        &video,
        &runs.run("lam"),
        &Device::Cpu,
        &mut crate::testing::Quiet::default(),
    )
    .unwrap();
    let lam = Lam::load(&runs.run("lam"), &Device::Cpu).unwrap();
    let (held_out, turns) = turning_figure(400, 2);
    let labels = lam.actions(&held_out, 400).unwrap();
    let agree = |mirrored: bool| {
        let same = |(label, turn): (&u8, &usize)| {
            usize::from(*label) == if mirrored { 2 - turn } else { *turn }
        };
        labels.iter().zip(&turns).filter(|pair| same(*pair)).count()
    };
    let right = agree(false).max(agree(true));
    assert!(right > 370, "{right} of 399 turns have their action");
}

/// Catches: a model of too many pixels runs for hours, or options contradict each other.
#[test]
fn what_components_cannot_do_is_refused() {
    let video = Clips::noise((64, 64), &[T]);
    let mut config = components();
    let runs = Runs::new();
    let mut quiet = crate::testing::Quiet::default();
    let error = train_lam(&config, &video, &runs.run("big"), &Device::Cpu, &mut quiet).unwrap_err();
    assert!(error.to_string().contains("64×64"), "{error}");
    config.quantizer.levels = vec![3, 2];
    assert!(config.check().is_err(), "a component has three levels");
}
