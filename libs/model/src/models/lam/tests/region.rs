//! The model of a region: it is trained on the region and labels whole frames.

use super::*;
use crate::testing::{Quiet, scrolling_level};

/// Catches: training sees the whole frame or another region than labelling, labelling takes the
/// cropped size, or labels depend on the scenery.
#[test]
fn actions_of_whole_frames_depend_on_the_region_only() {
    let video = Clips { size: (32, 32), clips: vec![scrolling_level(60, |frame| 2 + frame % 3)] };
    let config = LamConfig { region: LamRegion::Still, ..convolution() };
    let runs = Runs::new();
    train_lam(&config, &video, &runs.run("lam"), &Device::Cpu, &mut Quiet::default()).unwrap();
    let lam = Lam::load(&runs.run("lam"), &Device::Cpu).unwrap();
    assert_eq!(lam.size(), (32, 32), "callers bring whole frames");

    let windows = 40;
    let pixel = 3;
    let frames = noise(windows * T * 32 * 32 * pixel, 5);
    let labels = lam.actions(&frames, T).unwrap();
    assert_eq!(labels.len(), windows * (T - 1));
    // Rows 11 to 18 and columns 15 to 18 are the region.
    let inside = |byte: usize| {
        let (y, x) = (byte / (32 * pixel) % 32, byte / pixel % 32);
        (11..19).contains(&y) && (15..19).contains(&x)
    };
    let other = noise(frames.len(), 6);
    let mixed = |from_other: &dyn Fn(usize) -> bool| -> Vec<u8> {
        (0..frames.len()).map(|at| if from_other(at) { other[at] } else { frames[at] }).collect()
    };
    assert_eq!(labels, lam.actions(&mixed(&|at| !inside(at)), T).unwrap());
    assert_ne!(labels, lam.actions(&mixed(&inside), T).unwrap());
    assert!(lam.actions(&frames[..T * 8 * 4 * pixel], T).is_err(), "frames of the region's size");
}

/// Catches: the direction of the scroll is that of another pair or window, or its place value is
/// wrong.
#[test]
fn actions_say_how_the_picture_scrolls() {
    let video = Clips { size: (32, 32), clips: vec![scrolling_level(60, |frame| 2 + frame % 3)] };
    let config = LamConfig { scroll: true, region: LamRegion::Still, ..convolution() };
    let runs = Runs::new();
    train_lam(&config, &video, &runs.run("lam"), &Device::Cpu, &mut Quiet::default()).unwrap();
    let lam = Lam::load(&runs.run("lam"), &Device::Cpu).unwrap();
    assert_eq!(lam.num_actions(), 40);
    // The content moves to the left between the frames 0 and 1, and 3 and 4 of the second window.
    let frames =
        [scrolling_level(T, |_| 0), scrolling_level(T, |frame| [0, 3, 0, 0, 2][frame])].concat();
    let actions = lam.actions(&frames, T).unwrap();
    let ways: Vec<u8> = actions.iter().map(|action| action / 8).collect();
    assert_eq!(ways, [0, 0, 0, 0, 4, 0, 0, 4]);
}
