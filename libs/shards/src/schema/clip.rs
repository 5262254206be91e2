//! A clip: a few seconds of one source, its metadata and its frames.
//!
//! [`ClipMeta`] has the narrow columns, so the metadata of a whole dataset fits in memory. [`Clip`]
//! adds the frames. `clip.fps` works on both.

use std::ops::Deref;

use super::{scores::Scores, split::Split};
use crate::{error::Error, frames::Frames};

/// Metadata of a clip: everything except the frames.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClipMeta {
    /// 32 hex digits: BLAKE3 of source hash, stream, start PTS, end PTS and transform.
    pub clip_id: String,
    /// 64 hex digits: BLAKE3 of the source file.
    pub source_id: String,
    pub source_path: String,
    pub split: Split,
    /// Index of the video stream in the source file.
    pub stream: u32,
    /// First and last presentation time stamp (PTS), in units of `time_base` seconds.
    pub start_pts: i64,
    pub end_pts: i64,
    /// Numerator and denominator, in seconds.
    pub time_base: (i32, i32),
    /// PTS in the source of each frame of the clip. Its length is the number of frames.
    pub frame_pts: Vec<i64>,
    /// Frames per second: the sampling rate, or the clip's mean at the source's own rate.
    pub fps: f64,
    /// Frames per second of the source in the time of the clip.
    pub source_fps: f64,
    pub width: u32,
    pub height: u32,
    /// Colour matrix of the source, as the source declares it, before conversion to RGB.
    pub color_matrix: String,
    pub color_range: String,
    pub color_transfer: String,
    /// Rotation that ingest applied, in degrees.
    pub rotation: i32,
    /// Number of frames that are damaged, or depend on lost data.
    pub corrupt_frames: u32,
    /// One action per frame: the effect of action t is first visible in frame t + 1.
    pub actions: Option<Vec<u8>>,
    /// Name of each action id.
    pub action_names: Option<Vec<String>>,
    /// One displacement class per frame, if the sidecar has it; aligned like `actions`.
    pub effects: Option<Vec<u8>>,
    /// Name of each effect id.
    pub effect_names: Option<Vec<String>>,
    /// Share of the clip's steps that span source frames with different true actions.
    pub mixed_actions: Option<f32>,
    /// Scores of the frames.
    pub scores: Scores,
}

impl ClipMeta {
    /// Number of frames.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.frame_pts.len()
    }

    /// Length in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 frames")]
    pub fn seconds(&self) -> f64 {
        self.frame_count() as f64 / self.fps.max(f64::MIN_POSITIVE)
    }

    /// Sort key of clips: source, then time. The other fields make the order total.
    pub(crate) fn order(&self) -> (&str, i64, u32, &str) {
        (&self.source_id, self.start_pts, self.stream, &self.clip_id)
    }

    /// Checks that the row is complete and that its lists have one entry per frame.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let count = self.frame_count();
        let fail = |field, problem: String| {
            Err(Error::Clip { clip_id: self.clip_id.clone(), field, problem })
        };
        if self.clip_id.is_empty() {
            return fail("clip_id", "is empty".to_owned());
        }
        if self.source_id.is_empty() {
            return fail("source_id", "is empty".to_owned());
        }
        for (field, list) in [("actions", &self.actions), ("effects", &self.effects)] {
            if let Some(list) = list.as_ref().filter(|list| list.len() != count) {
                return fail(field, format!("has {} entries for {count} frames", list.len()));
            }
        }
        Ok(())
    }
}

/// Merges two recordings' lists of action names (or effect names); `None` if they disagree.
///
/// A recording in which the last actions never happen has a shorter list. A recording that has no
/// name for an action uses the action's number as its name.
#[must_use]
pub fn merge_names(one: &[String], other: &[String]) -> Option<Vec<String>> {
    let merge = |id: usize| {
        let unnamed = |name: &&String| **name == id.to_string();
        match (one.get(id), other.get(id)) {
            (Some(name), Some(same)) if name == same => Some(name.clone()),
            (Some(number), Some(name)) if unnamed(&number) => Some(name.clone()),
            (Some(name), Some(number)) if unnamed(&number) => Some(name.clone()),
            (Some(_), Some(_)) => None,
            (one, other) => one.or(other).cloned(),
        }
    };
    (0..one.len().max(other.len())).map(merge).collect()
}

/// A clip with its frames: one row of a clip shard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clip {
    pub meta: ClipMeta,
    pub frames: Frames,
}

impl Clip {
    /// Checks the metadata, and that the shape of the frames agrees with it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.meta.check()?;
        let (t, height, width) =
            (self.meta.frame_count(), self.meta.height as usize, self.meta.width as usize);
        let frames = &self.frames;
        if (frames.t, frames.height, frames.width) == (t, height, width) {
            return Ok(());
        }
        let problem = format!(
            "{}×{}×{} frames, but the row says {t}×{height}×{width}",
            frames.t, frames.height, frames.width
        );
        Err(Error::Clip { clip_id: self.clip_id.clone(), field: "frames", problem })
    }
}

impl Deref for Clip {
    type Target = ClipMeta;
    fn deref(&self) -> &ClipMeta {
        &self.meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: two recordings of one game count as two games because nobody jumps in one of them,
    /// or two games count as one.
    #[test]
    fn names_of_one_game_are_merged_and_of_two_are_not() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let merged = |one: &str, other: &str| merge_names(&names(one), &names(other));
        assert_eq!(merged("noop left", "noop left right"), Some(names("noop left right")));
        assert_eq!(merged("noop 1 right", "0 left"), Some(names("noop left right")));
        assert_eq!(merged("noop left", "left noop"), None);
        assert_eq!(merged("noop 2", "noop 3"), None, "a number that is not its own is a name");
        assert_eq!(merged("", "noop"), Some(names("noop")));
    }
}
