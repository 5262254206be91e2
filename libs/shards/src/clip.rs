//! A clip: at most some seconds of one source, with everything known of it.
//!
//! [`ClipMeta`] is the narrow part, cheap to hold for a whole dataset; [`Clip`] adds the frames. Both are read as one:
//! `clip.fps` works on either.

use std::ops::Deref;

use crate::{Frames, Scores, error::Error};

/// Which side of the train/held-out divide a source is on. Decided once, at ingest, by source content.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    #[default]
    Train,
    HeldOut,
}

impl Split {
    /// The name on disk: `train` or `held_out`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held_out",
        }
    }

    /// From the name on disk.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Train, Self::HeldOut].into_iter().find(|split| split.as_str() == name)
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All that is known of a clip but its frames.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClipMeta {
    /// 32 hex digits: BLAKE3 of source content hash, stream, start and end PTS, transform.
    pub clip_id: String,
    /// 64 hex digits: BLAKE3 of the source file.
    pub source_id: String,
    pub source_path: String,
    pub split: Split,
    /// Index of the video stream in the source.
    pub stream: u32,
    /// First and last presentation time, in units of `time_base` seconds.
    pub start_pts: i64,
    pub end_pts: i64,
    /// Numerator and denominator.
    pub time_base: (i32, i32),
    /// Native presentation time of each kept frame; its length is the number of frames.
    pub frame_pts: Vec<i64>,
    /// Frames a second after sampling.
    pub fps: f64,
    pub width: u32,
    pub height: u32,
    /// As the source declares them, before conversion to RGB.
    pub color_matrix: String,
    pub color_range: String,
    pub color_transfer: String,
    /// Degrees of rotation that were applied.
    pub rotation: i32,
    /// Frames that the decoder marked as corrupt.
    pub corrupt_frames: u32,
    /// One action a frame: entry t is the action first visible in frame t + 1.
    pub actions: Option<Vec<u8>>,
    /// Name of each action id.
    pub action_names: Option<Vec<String>>,
    /// One class of effective displacement a frame, where the sidecar has it; aligned as the actions are.
    pub effects: Option<Vec<u8>>,
    /// Name of each effect id.
    pub effect_names: Option<Vec<String>>,
    /// What was measured on its frames.
    pub scores: Scores,
}

impl ClipMeta {
    /// Number of frames.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.frame_pts.len()
    }

    /// Order of clips everywhere: by source, then time; the rest makes it total.
    pub(crate) fn order(&self) -> (&str, i64, u32, &str) {
        (&self.source_id, self.start_pts, self.stream, &self.clip_id)
    }

    /// What a row must hold to be readable later.
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
                return fail(field, format!("{} entries for {count} frames", list.len()));
            }
        }
        Ok(())
    }
}

/// Two recordings' names of numbered actions (or effects) as one list, if none of them has two names: a recording in which the last
/// ones never happened knows fewer, and one that gave a number no name knows it by the number.
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
    /// Whether the row is whole and its frames are the ones it speaks of.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.meta.check()?;
        let (t, height, width) =
            (self.meta.frame_count(), self.meta.height as usize, self.meta.width as usize);
        let frames = &self.frames;
        if (frames.t, frames.height, frames.width) == (t, height, width) {
            return Ok(());
        }
        let problem = format!(
            "{}×{}×{} frames for a row of {t}×{height}×{width}",
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

    /// Catches: recordings of one game taken for those of two because in one of them nobody jumped, and of two taken for one.
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
