//! Batches of whole clips: where they begin and end, and their frames in memory.

use std::ops::Range;

use genie_shards::{ClipMeta, ClipStore, windows_of};
use rayon::prelude::*;

/// Divides clips into batches, given the number of windows of each clip.
///
/// A batch ends when it has `at_once` windows. It also ends where a shard becomes full: at `shard`
/// windows, including the `begun` windows that the unfinished shard already has. So a run that
/// resumes after a stop or a kill has the same batches. This matters because a model's sums may
/// depend on the other windows in its batch.
pub(super) fn batch_ranges(
    windows: &[usize],
    at_once: usize,
    shard: usize,
    begun: usize,
) -> Vec<Range<usize>> {
    let (mut batches, mut first, mut count, mut in_shard) = (Vec::new(), 0, 0, begun);
    for (clip, added) in windows.iter().enumerate() {
        count += added;
        let fills_shard = in_shard + count >= shard;
        if count >= at_once || fills_shard || clip + 1 == windows.len() {
            let end = clip + 1;
            batches.push(first..end);
            in_shard = if fills_shard { 0 } else { in_shard + count };
            (first, count) = (end, 0);
        }
    }
    batches
}

/// The frames of some clips, as whole windows.
#[derive(Default)]
pub(super) struct FrameBatch {
    /// The clips that were read.
    pub clips: Vec<ClipMeta>,
    /// Clip (its position in `clips`) and first frame of each window.
    pub firsts: Vec<(usize, usize)>,
    /// RGB bytes of all windows, `[window, time, height, width, 3]`.
    pub pixels: Vec<u8>,
    /// The number of clips that cannot be read.
    pub failed: usize,
}

impl FrameBatch {
    /// Reads the windows of `clips`, each of `frames` frames, in parallel over clips.
    ///
    /// A clip that cannot be read is logged and counted in `failed`.
    pub fn read(store: &ClipStore, clips: &[usize], frames: usize) -> Self {
        let read: Vec<_> = clips
            .par_iter()
            .map(|clip| {
                let windows = windows_of(store.clips()[*clip].frame_count(), frames);
                let windows: Vec<_> = windows
                    .map(|first| Ok((first, store.window(*clip, first, frames)?.data)))
                    .collect::<genie_shards::Result<_>>()?;
                Ok::<_, genie_shards::Error>((store.meta(*clip)?, windows))
            })
            .collect();
        let mut batch = Self::default();
        for (clip, read) in clips.iter().zip(read) {
            match read {
                Ok((meta, windows)) => {
                    for (first, pixels) in windows {
                        batch.firsts.push((batch.clips.len(), first));
                        batch.pixels.extend(pixels);
                    }
                    batch.clips.push(meta);
                }
                Err(error) => {
                    batch.failed += 1;
                    let of = store.meta(*clip).map_or_else(
                        |_| format!("clip {clip}"),
                        |meta| format!("clip {}", meta.clip_id),
                    );
                    tracing::error!("{of}: {:#}", anyhow::Error::from(error));
                }
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a batch reaches over the end of a shard, so that shards depend on where a run was
    /// stopped; the last batch is lost.
    #[test]
    fn a_batch_ends_with_its_shard() {
        let windows = [2, 2, 2, 2, 1];
        assert_eq!(batch_ranges(&windows, 4, 100, 0), [0..2, 2..4, 4..5]);
        // The shard of 6 windows becomes full after the third clip.
        assert_eq!(batch_ranges(&windows, 4, 6, 0), [0..2, 2..3, 3..5]);
        // A run that resumes after the first batch has the same batches from there on.
        assert_eq!(batch_ranges(&windows[2..], 4, 6, 4), [0..1, 1..3]);
        assert!(batch_ranges(&[], 4, 6, 0).is_empty());
    }
}
