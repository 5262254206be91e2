//! The frames at which long rollouts are measured.
//!
//! A rollout of n frames, its prompt included, ends with frame t = n − 1. Curves have every frame
//! of the first 16 frames, and then every fifth frame. So they end with t = 15, 49, 99 and 159
//! after 16, 50, 100 and 160 frames.

/// Frames at the start of a clip that are all measured.
const DENSE: usize = 16;
/// Distance between two measured frames after these, in frames.
const STEP: usize = 5;
/// Lengths in frames whose last frame is marked.
///
/// Tables, pictures and distances show the marked frames.
const MARKS: [usize; 4] = [16, 50, 100, 160];

/// Returns the largest number of frames, at most `frames`, that ends at a measured frame.
#[must_use]
pub fn usable(frames: usize) -> usize {
    if frames <= DENSE { frames } else { (frames / STEP * STEP).max(DENSE) }
}

/// Returns the measured frames t of a rollout of `frames` frames with `prompt` prompt frames.
pub fn points(prompt: usize, frames: usize) -> impl Iterator<Item = usize> + Clone {
    (prompt..frames).filter(|t| *t < DENSE || (t + 1).is_multiple_of(STEP))
}

/// Returns whether frame t is the last of 16, 50, 100 or 160 frames.
#[must_use]
pub fn is_mark(t: usize) -> bool {
    MARKS.contains(&(t + 1))
}

/// Returns the marked frames t of a rollout of `frames` frames, the last frame included.
#[must_use]
pub fn marks(prompt: usize, frames: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = MARKS.into_iter().filter(|count| *count < frames).collect();
    counts.push(frames);
    counts.into_iter().filter(|count| *count > prompt).map(|count| count - 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the last frame of a clip of 160 frames is never measured; a clip ends between two
    /// points of the curve, so that its last frames are generated for nothing.
    #[test]
    fn curves_end_with_the_clip() {
        for (frames, used) in [(7, 7), (16, 16), (18, 16), (23, 20), (160, 160), (162, 160)] {
            assert_eq!(usable(frames), used, "{frames}");
            assert_eq!(points(1, used).last(), Some(used - 1), "{frames}");
        }
        assert_eq!(points(1, 160).count(), 44);
        assert_eq!(marks(1, 160), [15, 49, 99, 159]);
        assert_eq!(marks(20, 100), [49, 99]);
        assert_eq!(marks(1, 25), [15, 24]);
    }
}
