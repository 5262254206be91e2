//! Finding near-duplicates: clips that look the same.
//!
//! Videos look the same after they were re-encoded, scaled or reposted. Two clips are
//! near-duplicates if they come from different sources, their lengths in time differ by at most
//! one frame, and the distance of their fingerprints is at most [`NEAR`]. Each clip is compared
//! with all clips that are not near-duplicates themselves.

use genie_shards::ClipMeta;
use rayon::prelude::*;

use crate::analysis::{NEAR, distance};

/// Clips that are not near-duplicates of each other.
#[derive(Default)]
pub struct Originals {
    known: Vec<Original>,
}

struct Original {
    clip_id: String,
    source_id: String,
    /// Length in seconds.
    seconds: f64,
    fps: f64,
    fingerprint: Vec<u8>,
}

impl Originals {
    /// The ID of the first known clip of which `clip` is a near-duplicate.
    ///
    /// A clip without a fingerprint is not a near-duplicate.
    pub fn original_of(&self, clip: &ClipMeta) -> Option<&str> {
        if clip.scores.fingerprint.is_empty() {
            return None;
        }
        let same = |known: &&Original| {
            // A frame of the slower clip, and the error of the division.
            let frame = 1.000_001 / known.fps.min(clip.fps);
            (known.seconds - clip.seconds()).abs() <= frame
                && distance(&known.fingerprint, &clip.scores.fingerprint) <= NEAR
                && known.source_id != clip.source_id
        };
        self.known
            .par_iter()
            .with_min_len(4096)
            .find_first(same)
            .map(|known| known.clip_id.as_str())
    }

    /// Adds a clip that is not a near-duplicate.
    pub fn add(&mut self, clip: &ClipMeta) {
        if clip.scores.fingerprint.is_empty() {
            return;
        }
        self.known.push(Original {
            clip_id: clip.clip_id.clone(),
            source_id: clip.source_id.clone(),
            seconds: clip.seconds(),
            fps: clip.fps,
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
            fps: 10.0,
            scores,
            ..ClipMeta::default()
        }
    }

    fn noise(seed: usize) -> Vec<u8> {
        let mut bytes = vec![0; BYTES];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    /// Catches: clips of one source are near-duplicates of each other; clips without a fingerprint
    /// match every clip; a comparison ignores the length.
    #[test]
    fn only_the_same_play_of_another_source_is_a_near_duplicate() {
        let mut originals = Originals::default();
        originals.add(&clip(1, 160, noise(1)));
        originals.add(&clip(2, 160, Vec::new()));
        let mut nearly = noise(1);
        nearly[7] ^= 1;
        let original = |clip: &ClipMeta| originals.original_of(clip).map(str::to_owned);
        assert_eq!(original(&clip(3, 161, nearly.clone())).as_deref(), Some("clip of source 1"));
        assert_eq!(original(&clip(1, 160, nearly.clone())), None, "the same source");
        assert_eq!(original(&clip(3, 158, nearly.clone())), None, "another length");
        let fast = |frames| ClipMeta { fps: 60.0, ..clip(3, frames, nearly.clone()) };
        assert_eq!(original(&fast(960)).as_deref(), Some("clip of source 1"), "another rate");
        assert_eq!(original(&fast(160)), None, "as many frames of another rate");
        assert_eq!(original(&clip(3, 160, noise(2))), None);
        assert_eq!(original(&clip(3, 160, Vec::new())), None, "no fingerprint");
    }

    /// Catches: a search takes long at the end of a run, with 10,000 clips and no near-duplicates.
    #[test]
    #[ignore = "a measurement"]
    fn ten_thousand_clips_are_compared_in_seconds() {
        let begun = std::time::Instant::now();
        let mut originals = Originals::default();
        for source in 0..10_000 {
            let clip = clip(source, 160, noise(source));
            assert!(originals.original_of(&clip).is_none());
            originals.add(&clip);
        }
        let took = begun.elapsed().as_secs_f64();
        eprintln!("10,000 clips: {took:.2} s");
        assert!(took < 10.0);
    }
}
