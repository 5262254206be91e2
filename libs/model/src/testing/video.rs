//! Small videos in memory.

use rand::RngExt;

use super::random::{noise, rng};
use crate::data::{SourceError, Video};

/// Clips in memory.
pub struct Clips {
    pub size: (usize, usize),
    pub clips: Vec<Vec<u8>>,
}

impl Clips {
    /// Random clips with the given numbers of frames.
    pub fn noise(size: (usize, usize), frames: &[usize]) -> Self {
        let clip = |(i, frames): (usize, &usize)| noise(frames * size.0 * size.1 * 3, i as u64);
        Self { size, clips: frames.iter().enumerate().map(clip).collect() }
    }
}

impl Video for Clips {
    fn clips(&self) -> usize {
        self.clips.len()
    }

    fn frames(&self, clip: usize) -> usize {
        self.clips[clip].len() / (self.size.0 * self.size.1 * 3)
    }

    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let frame = self.size.0 * self.size.1 * 3;
        to.extend_from_slice(&self.clips[clip][first * frame..(first + len) * frame]);
        Ok(())
    }
}

/// A clip of a bright square that moves over a dark ground, and the motion of each step.
///
/// The square is half as wide as the frame. At every step it moves by one of `motions` (rows,
/// columns), and it comes back at the opposite side.
pub fn moving_square(
    side: usize,
    frames: usize,
    motions: &[(usize, usize)],
    seed: u64,
) -> (Vec<u8>, Vec<usize>) {
    let mut rng = rng(seed);
    let (mut y, mut x) = (rng.random_range(0..side), rng.random_range(0..side));
    let (mut bytes, mut steps) = (vec![30; frames * side * side * 3], Vec::new());
    for frame in 0..frames {
        for (dy, dx) in (0..side / 2).flat_map(|dy| (0..side / 2).map(move |dx| (dy, dx))) {
            let pixel = (frame * side + (y + dy) % side) * side + (x + dx) % side;
            bytes[pixel * 3..][..3].copy_from_slice(&[230, 200, 60]);
        }
        if frame + 1 < frames {
            let motion = rng.random_range(0..motions.len());
            (y, x) = ((y + motions[motion].0) % side, (x + motions[motion].1) % side);
            steps.push(motion);
        }
    }
    (bytes, steps)
}

/// A clip of 32×32 pixels of a textured level that scrolls by `scroll(frame)` columns.
///
/// A figure of 6×3 pixels stays at row 12 and column 15 and changes its colour. A bar of constant
/// colour stays at the upper edge.
pub fn scrolling_level(frames: usize, scroll: impl Fn(usize) -> usize) -> Vec<u8> {
    const SIDE: usize = 32;
    const LENGTH: usize = 512;
    let mut rng = rng(3);
    let level: Vec<u8> = (0..SIDE * LENGTH).map(|_| rng.random_range(0..255)).collect();
    let (mut bytes, mut at) = (vec![], 0);
    for frame in 0..frames {
        at = (at + scroll(frame)) % (LENGTH - SIDE);
        for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
            let grey = if (12..18).contains(&y) && (15..18).contains(&x) {
                [120, 128, 136][frame % 3]
            } else if y < 2 && x < 20 {
                250
            } else {
                level[y * LENGTH + at + x]
            };
            bytes.extend([grey; 3]);
        }
    }
    bytes
}
