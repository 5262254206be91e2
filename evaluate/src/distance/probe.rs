//! Real clips with changed motion, to test whether a distance depends on motion.
//!
//! If generated clips are as far from the real ones as these probes, the distance says little about
//! motion.

use rand::seq::SliceRandom;

use crate::random::{Purpose, stream};
use crate::world::VideoBatch;

/// Largest number of clips to probe: it is enough, and three encodings per clip are expensive.
pub const MOST_CLIPS: usize = 256;

/// Freezes every clip at its first frame.
#[must_use]
pub fn frozen(clips: &VideoBatch) -> VideoBatch {
    reordered(clips, |_, order| order.fill(0))
}

/// Shuffles every clip's frames.
///
/// `first` is the number of the first clip, so a clip's order does not depend on its batch.
#[must_use]
pub fn shuffled(clips: &VideoBatch, first: usize) -> VideoBatch {
    reordered(clips, |clip, order| {
        order.shuffle(&mut stream(0, Purpose::ProbeShuffle, first + clip));
    })
}

fn reordered(clips: &VideoBatch, change: impl Fn(usize, &mut [usize])) -> VideoBatch {
    let mut data = Vec::with_capacity(clips.data.len());
    for clip in 0..clips.batch {
        let mut order: Vec<usize> = (0..clips.frames).collect();
        change(clip, &mut order);
        for t in order {
            data.extend_from_slice(clips.frame(clip, t));
        }
    }
    VideoBatch { data, ..*clips }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: frames move to another clip; an order depends on the batch, so that stored features
    /// differ.
    #[test]
    fn clips_keep_their_own_frames() {
        let data: Vec<u8> = (0..2 * 8).flat_map(|frame| [frame; 3]).collect();
        let clips = VideoBatch { batch: 2, frames: 8, height: 1, width: 1, data };
        let mixed = shuffled(&clips, 5);
        assert_ne!(mixed, clips);
        for clip in 0..2 {
            let frames =
                |video: &VideoBatch| (0..8).map(|t| video.frame(clip, t)[0]).collect::<Vec<_>>();
            let mut sorted = frames(&mixed);
            sorted.sort_unstable();
            assert_eq!(sorted, frames(&clips));
            assert_eq!(frames(&frozen(&clips)), [frames(&clips)[0]; 8]);
        }
        assert_eq!(shuffled(&clips.single(1), 6), mixed.single(1));
    }
}
