//! Finding clips that look the same: re-encoded, scaled, uploaded twice.
//!
//! Clips of different sources and of the same length, within a frame, whose fingerprints differ in at most [`MAX_DISTANCE`] bits are copies.
//! Every new clip is compared with every one before.

use genie_shards::ClipMeta;

use crate::scores::{MAX_DISTANCE, distance};

/// The clips that are no copies of each other.
#[derive(Default)]
pub struct Copies {
    known: Vec<Known>,
}

struct Known {
    clip_id: String,
    source_id: String,
    frames: usize,
    fingerprint: Vec<u8>,
}

impl Copies {
    /// The first known clip that this one is a copy of.
    pub fn original_of(&self, clip: &ClipMeta) -> Option<&str> {
        if clip.scores.fingerprint.is_empty() {
            return None;
        }
        let same = |known: &&Known| {
            known.frames.abs_diff(clip.frame_count()) <= 1
                && distance(&known.fingerprint, &clip.scores.fingerprint) <= MAX_DISTANCE
                && known.source_id != clip.source_id
        };
        self.known.iter().find(same).map(|known| known.clip_id.as_str())
    }

    /// Notes a clip that is no copy.
    pub fn add(&mut self, clip: &ClipMeta) {
        if clip.scores.fingerprint.is_empty() {
            return;
        }
        self.known.push(Known {
            clip_id: clip.clip_id.clone(),
            source_id: clip.source_id.clone(),
            frames: clip.frame_count(),
            fingerprint: clip.scores.fingerprint.clone(),
        });
    }
}
