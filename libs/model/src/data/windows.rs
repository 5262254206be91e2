//! The windows that the tokenizer and the LAM train on.

use super::order::{ShardSize, WindowOrder};
use super::video::Video;
use crate::error::ModelError;

/// All windows of `frames` frames of all clips, at every offset, in a shuffled order.
pub struct TrainingWindows<'a> {
    video: &'a dyn Video,
    frames: usize,
    /// Each clip that is long enough, and the number of windows up to the end of this clip.
    ends: Vec<(usize, usize)>,
    order: WindowOrder,
}

impl<'a> TrainingWindows<'a> {
    /// Fails if no clip is long enough.
    pub fn new(video: &'a dyn Video, frames: usize, seed: u64) -> Result<Self, ModelError> {
        let mut windows = 0;
        let mut ends = Vec::new();
        for clip in 0..video.clips() {
            if video.frames(clip) >= frames {
                windows += video.frames(clip) - frames + 1;
                ends.push((clip, windows));
            }
        }
        if ends.is_empty() {
            return Err(ModelError::Data(format!(
                "none of the {} training clips has {frames} frames: ingest more or longer videos, \
                 or lower [ingest] min_frames",
                video.clips()
            )));
        }
        let shards = vec![ShardSize { windows: windows as u64, bytes: 0 }];
        Ok(Self { video, frames, ends, order: WindowOrder::new(shards, u64::MAX, seed) })
    }

    /// Reads the micro-batch `index` of `count` windows: bytes `[count, frames, h, w, channels]`.
    pub fn read(&self, index: usize, count: usize) -> Result<Vec<u8>, ModelError> {
        let (h, w) = self.video.size();
        let mut bytes = Vec::with_capacity(count * self.frames * h * w * self.video.channels());
        for (clip, first) in self.places(index, count) {
            self.video.read(clip, first, self.frames, &mut bytes).map_err(ModelError::Source)?;
        }
        Ok(bytes)
    }

    /// Clip and first frame of each window of the micro-batch `index` of `count` windows.
    pub fn places(&self, index: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
        self.order.batch(index, count).into_iter().flat_map(|run| run.windows).map(|window| {
            let at = self.ends.partition_point(|(_, end)| *end <= window);
            let begin = if at == 0 { 0 } else { self.ends[at - 1].1 };
            (self.ends[at].0, window - begin)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Clips;

    /// Catches: a window crosses from one clip to the next; an epoch skips a window (such as a
    /// clip's first or last) or sees it twice, also at its end.
    #[test]
    fn an_epoch_sees_every_window_of_every_clip_once_and_none_crosses_a_clip() {
        // Every frame is one pixel, which shows its clip and its number.
        let clip = |(clip, frames)| (0..frames).flat_map(|frame| [clip, frame, 0]).collect();
        let video =
            Clips { size: (1, 1), clips: [(0, 5), (1, 2), (2, 3), (3, 7)].map(clip).to_vec() };
        let windows = TrainingWindows::new(&video, 3, 1).unwrap();
        // Nine windows in micro-batches of four: four epochs are nine micro-batches.
        let batches: Vec<Vec<u8>> = (0..9).map(|index| windows.read(index, 4).unwrap()).collect();
        let mut counts = BTreeMap::new();
        for window in batches.iter().flat_map(|batch| batch.chunks_exact(9)).take(9) {
            let (clip, first) = (window[0], window[1]);
            assert_eq!(window, [clip, first, 0, clip, first + 1, 0, clip, first + 2, 0]);
            *counts.entry((clip, first)).or_insert(0) += 1;
        }
        let all: Vec<(u8, u8)> = counts.keys().copied().collect();
        assert_eq!(all, [(0, 0), (0, 1), (0, 2), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]);
        assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        let epochs: Vec<Vec<u8>> =
            batches.concat().chunks_exact(9 * 9).map(<[u8]>::to_vec).collect();
        assert_eq!(epochs.len(), 4);
        for (number, epoch) in epochs.iter().enumerate() {
            let mut seen: Vec<&[u8]> = epoch.chunks_exact(9).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 9, "epoch {number}");
            assert!(
                number == 0 || *epoch != epochs[number - 1],
                "epoch {number} has the previous epoch's order"
            );
        }
        assert!(TrainingWindows::new(&video, 8, 1).is_err(), "no clip is that long");
    }
}
