//! The windows that the tokenizer and the LAM train on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::order::{BatchRun, GroupSize, WindowOrder};
use super::video::Video;
use crate::error::ModelError;

/// All windows of `frames` frames of all clips, at every offset, in the order of training.
///
/// Frames are read when a batch needs them. If the clips are larger than memory, the order visits
/// some groups at a time, so that a cache of the groups' clips is enough.
pub struct TrainingWindows<'a> {
    video: &'a dyn Video,
    frames: usize,
    /// The clips of each group that are long enough, in ascending order, as runs of numbers.
    ///
    /// A clip of tokens is one window. So there are many clips, and most follow each other.
    groups: Vec<Vec<Range<u32>>>,
    order: WindowOrder,
    /// The buffers that were used last, by their groups.
    recent: Mutex<Vec<RecentBuffer>>,
}

/// The groups of a buffer, and its clips.
type RecentBuffer = (Arc<[u32]>, Arc<ClipEnds>);

/// Each clip of a buffer, and the number of windows up to the end of this clip.
type ClipEnds = [(u32, usize)];

impl<'a> TrainingWindows<'a> {
    /// Fails if no clip is long enough.
    pub fn new(video: &'a dyn Video, frames: usize, seed: u64) -> Result<Self, ModelError> {
        let mut found: BTreeMap<usize, (Vec<Range<u32>>, GroupSize)> = BTreeMap::new();
        for clip in 0..video.clips() {
            let length = video.frames(clip);
            if length < frames {
                continue;
            }
            let (group, bytes) = video.group(clip);
            let clip = clip as u32;
            let none = || (Vec::new(), GroupSize { windows: 0, bytes: 0 });
            let (clips, size) = found.entry(group).or_insert_with(none);
            match clips.last_mut() {
                Some(run) if run.end == clip => run.end += 1,
                _ => clips.push(clip..clip + 1),
            }
            size.windows += (length - frames + 1) as u64;
            size.bytes += bytes;
        }
        if found.is_empty() {
            return Err(ModelError::Data(format!(
                "none of the {} training clips has {frames} frames: ingest more or longer videos, \
                 or lower [ingest] min_frames",
                video.clips()
            )));
        }
        let (groups, sizes) = found.into_values().unzip();
        let order = WindowOrder::new(sizes, video.memory(), seed);
        Ok(Self { video, frames, groups, order, recent: Mutex::default() })
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
    pub fn places(&self, index: usize, count: usize) -> Vec<(usize, usize)> {
        let mut places = Vec::with_capacity(count);
        for BatchRun { groups, windows, .. } in self.order.batch(index, count) {
            let ends = self.ends(&groups);
            places.extend(windows.into_iter().map(|window| {
                let at = ends.partition_point(|(_, end)| *end <= window);
                let begin = if at == 0 { 0 } else { ends[at - 1].1 };
                (ends[at].0 as usize, window - begin)
            }));
        }
        places
    }

    /// The clips of a buffer, in ascending order.
    fn ends(&self, groups: &Arc<[u32]>) -> Arc<ClipEnds> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, ends)) = recent.iter().find(|(known, _)| known == groups) {
            return ends.clone();
        }
        let runs = groups.iter().flat_map(|group| &self.groups[*group as usize]);
        let mut clips: Vec<u32> = runs.cloned().flatten().collect();
        clips.sort_unstable();
        let mut end = 0;
        let ends: Arc<ClipEnds> = clips
            .into_iter()
            .map(|clip| {
                end += self.video.frames(clip as usize) - self.frames + 1;
                (clip, end)
            })
            .collect();
        // A batch at the border of two buffers needs both.
        if recent.len() == 2 {
            recent.remove(0);
        }
        recent.push((groups.clone(), ends.clone()));
        ends
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

    /// Clips in groups, of which some fit into memory.
    struct Grouped {
        frames: Vec<usize>,
        /// Number of clips of a group.
        each: usize,
        memory: u64,
    }

    impl Video for Grouped {
        fn clips(&self) -> usize {
            self.frames.len()
        }

        fn frames(&self, clip: usize) -> usize {
            self.frames[clip]
        }

        fn size(&self) -> (usize, usize) {
            (1, 1)
        }

        fn group(&self, clip: usize) -> (usize, u64) {
            (clip / self.each, 100)
        }

        fn memory(&self) -> u64 {
            self.memory
        }

        fn read(
            &self,
            clip: usize,
            first: usize,
            len: usize,
            to: &mut Vec<u8>,
        ) -> Result<(), crate::data::SourceError> {
            to.extend((first..first + len).flat_map(|frame| [clip as u8, frame as u8, 0]));
            Ok(())
        }
    }

    /// Catches: an epoch of clips that do not fit into memory skips a window or has it twice; it
    /// jumps between more clips than fit; what fits is in another order than before.
    #[test]
    fn clips_that_do_not_fit_are_visited_some_groups_at_a_time() {
        let video = |memory| Grouped {
            frames: (0..60).map(|clip| 2 + clip % 5).collect(),
            each: 4,
            memory,
        };
        let (some, all) = (video(2000), video(6000));
        let count = (0..60).map(|clip| all.frames(clip).saturating_sub(2)).sum::<usize>();
        let windows = |video: &Grouped| {
            let windows = TrainingWindows::new(video, 3, 1).unwrap();
            let epochs = [0, 1].map(|epoch| windows.places(epoch, count));
            for (index, place) in epochs.concat().into_iter().enumerate().step_by(7) {
                assert_eq!(windows.places(index, 1), [place]);
                let frame = |frame| [place.0 as u8, (place.1 + frame) as u8, 0];
                let expected = [frame(0), frame(1), frame(2)].concat();
                assert_eq!(windows.read(index, 1).unwrap(), expected);
            }
            epochs
        };
        let one_group = Grouped { each: 60, ..video(6000) };
        assert_eq!(windows(&all), windows(&one_group));
        for places in windows(&some) {
            let mut sorted = places.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), count);
            assert!(sorted.iter().all(|(clip, first)| first + 3 <= some.frames(*clip)));
            // Ten clips fit into half of the memory. Those of whole groups are in use together.
            let mut uses = BTreeMap::new();
            for (index, (clip, _)) in places.iter().enumerate() {
                uses.entry(clip / 4).or_insert((index, index)).1 = index;
            }
            let clips = |group: usize| {
                (4 * group..4 * group + 4).filter(|clip| some.frames(*clip) >= 3).count()
            };
            let in_use = |index: usize| -> usize {
                let open =
                    uses.iter().filter(|(_, (first, last))| (first..=last).contains(&&index));
                open.map(|(group, _)| clips(*group)).sum()
            };
            assert!((0..count).all(|index| in_use(index) <= 10));
        }
    }
}
