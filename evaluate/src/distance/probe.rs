//! Real clips with something wrong in time, to see whether a distance sees motion at all. A distance that puts them no
//! further from the real ones than generated clips says nothing about how things move.

use rand::seq::SliceRandom;

use crate::random::{Purpose, stream};
use crate::world::VideoBatch;

/// Clips that are probed with, at most: enough to tell, and three encodings a clip are dear.
pub const MOST_CLIPS: usize = 256;

/// Every clip stands still at its first frame.
#[must_use]
pub fn frozen(clips: &VideoBatch) -> VideoBatch {
    reordered(clips, |_, order| order.fill(0))
}

/// Every clip's frames in a random order. `first` numbers the first clip, so that a clip's order does not depend on its batch.
#[must_use]
pub fn shuffled(clips: &VideoBatch, first: usize) -> VideoBatch {
    reordered(clips, |clip, order| {
        order.shuffle(&mut stream(0, Purpose::ProbeShuffle, first + clip))
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

    /// Catches: frames of one clip that end up in another; an order that depends on the batch, so that cached features differ.
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
