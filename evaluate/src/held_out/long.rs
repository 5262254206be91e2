//! The held-out clips of long rollouts: one clip of each source, the longest that fits.

use anyhow::Result;

use crate::held_out::labels::agree;
use crate::held_out::{HeldOutSet, HeldOutWindow, file_name};
use crate::world::VideoBatch;

/// A held-out clip of a long rollout, without its frames.
#[derive(Debug, Clone)]
pub struct LongClip {
    /// The clip as one window, with the true actions between all its frames.
    pub window: HeldOutWindow,
    /// Number of frames of the clip.
    pub frames: usize,
    /// Position in the store of clips.
    position: usize,
}

impl LongClip {
    /// Returns a clip that is in no store.
    #[cfg(test)]
    pub fn new(window: HeldOutWindow, frames: usize) -> LongClip {
        LongClip { window, frames, position: 0 }
    }
}

impl HeldOutSet {
    /// Chooses at most `count` clips for rollouts of at most `longest` frames.
    ///
    /// Each source gives its longest clip. Sources with longer clips come first; frames after
    /// `longest` do not count. Equal lengths keep the order of the store. A clip that is not longer
    /// than a window is not chosen, because the windows measure it already.
    ///
    /// # Errors
    /// Fails if the metadata of a chosen clip cannot be read.
    pub fn long_clips(&self, count: usize, longest: usize) -> Result<Vec<LongClip>> {
        let (clips, size) = (self.store.clips(), self.size());
        let usable = |position: usize| clips[position].frame_count().min(longest);
        // The clips of a source follow each other, so its best clip is the last one here.
        let mut chosen: Vec<usize> = Vec::new();
        for (position, clip) in clips.iter().enumerate() {
            if clip.size() != size || usable(position) <= self.frames {
                continue;
            }
            match chosen.last_mut() {
                Some(best) if clips[*best].source == clip.source => {
                    if usable(position) > usable(*best) {
                        *best = position;
                    }
                }
                _ => chosen.push(position),
            }
        }
        chosen.sort_by_key(|&position| (std::cmp::Reverse(usable(position)), position));
        chosen.truncate(count);
        chosen.into_iter().map(|position| self.long_clip(position)).collect()
    }

    fn long_clip(&self, position: usize) -> Result<LongClip> {
        let clip = self.store.meta(position)?;
        let frames = clip.frame_count();
        let named = agree(&self.names.actions, clip.action_names.as_deref());
        let truth = clip.actions.as_ref().filter(|_| named);
        let window = HeldOutWindow {
            source: clip.source_id.clone(),
            name: file_name(&clip.source_path),
            clip_id: clip.clip_id.clone(),
            first: 0,
            truth: truth.map(|actions| actions[..frames - 1].to_vec()),
            effects: None,
        };
        Ok(LongClip { window, frames, position })
    }

    /// Reads the first `frames` frames of a clip as `[1, time, height, width, 3]`.
    ///
    /// # Errors
    /// Fails if the clip cannot be read.
    pub fn load_long(&self, clip: &LongClip, frames: usize) -> Result<VideoBatch> {
        let frames = self.store.window(clip.position, 0, frames)?;
        Ok(VideoBatch {
            batch: 1,
            frames: frames.t,
            height: frames.height,
            width: frames.width,
            data: frames.data,
        })
    }
}
