//! Finding clips that look the same: re-encoded, scaled, uploaded twice.
//!
//! Clips of different sources and of the same length, within a frame, whose fingerprints are at most [`NEAR`] apart are copies. Each clip is
//! compared with all that are no copies themselves.

use genie_shards::ClipMeta;
use rayon::prelude::*;

use crate::analysis::{NEAR, distance};

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
                && distance(&known.fingerprint, &clip.scores.fingerprint) <= NEAR
                && known.source_id != clip.source_id
        };
        self.known
            .par_iter()
            .with_min_len(4096)
            .find_first(same)
            .map(|known| known.clip_id.as_str())
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

#[cfg(test)]
mod tests {
    use genie_shards::Scores;

    use super::*;
    use crate::analysis::BYTES;

    fn clip(source: usize, frames: usize, fingerprint: Vec<u8>) -> ClipMeta {
        let scores = Scores { fingerprint, ..Scores::default() };
        let source_id = format!("source {source}");
        ClipMeta {
            clip_id: format!("clip of {source_id}"),
            source_id,
            frame_pts: vec![0; frames],
            scores,
            ..ClipMeta::default()
        }
    }

    fn noise(seed: usize) -> Vec<u8> {
        let mut bytes = vec![0; BYTES];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    /// Would catch clips of one recording taken for copies of each other, plain clips taken for copies of all, and a length that is not
    /// looked at.
    #[test]
    fn only_the_same_play_of_another_source_is_a_copy() {
        let mut copies = Copies::default();
        copies.add(&clip(1, 160, noise(1)));
        copies.add(&clip(2, 160, Vec::new()));
        let mut nearly = noise(1);
        nearly[7] ^= 1;
        let original = |clip: &ClipMeta| copies.original_of(clip).map(str::to_owned);
        assert_eq!(original(&clip(3, 161, nearly.clone())).as_deref(), Some("clip of source 1"));
        assert_eq!(original(&clip(1, 160, nearly.clone())), None, "the same source");
        assert_eq!(original(&clip(3, 158, nearly)), None, "another length");
        assert_eq!(original(&clip(3, 160, noise(2))), None);
        assert_eq!(original(&clip(3, 160, Vec::new())), None, "nothing to go by");
    }

    /// Would catch a search that makes the end of a night's run long: of ten thousand clips, none a copy.
    #[test]
    #[ignore = "a measurement"]
    fn ten_thousand_clips_are_compared_in_seconds() {
        let begun = std::time::Instant::now();
        let mut copies = Copies::default();
        for source in 0..10_000 {
            let clip = clip(source, 160, noise(source));
            assert!(copies.original_of(&clip).is_none());
            copies.add(&clip);
        }
        let took = begun.elapsed().as_secs_f64();
        eprintln!("10,000 clips: {took:.2} s");
        assert!(took < 10.0);
    }
}
