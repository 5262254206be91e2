//! The scores of the quality network that the config names.
//!
//! `genie-train quality score` writes them to `root/quality/<model>/`, which has its own manifest.
//! They are part of the rules of the verdict: new scores are new rules. A score stays when its clip
//! is dropped, so the clip stays dropped.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipKey, Manifest, scan_qualities, tables};
use genie_stage::exit::Usage;
use serde_json::{Value, json};

/// The scores of one quality network, or of none.
#[derive(Default)]
pub struct QualityScores {
    /// Key of the network; empty: there is none.
    model: String,
    /// Hash of the published scores.
    version: String,
    /// Sorted by clip. A clip takes 20 bytes.
    scores: Vec<(ClipKey, f32)>,
}

/// The directory of the scores of all networks of a dataset root.
pub fn quality_dir(root: &Utf8Path) -> Utf8PathBuf {
    root.join("quality")
}

impl QualityScores {
    /// Reads the scores of a network of a dataset root; an empty key means no network.
    ///
    /// # Errors
    /// [`Usage`] if there are no scores of the network; an error if a file is damaged.
    pub fn read(root: &Utf8Path, model: &str) -> Result<Self> {
        if model.is_empty() {
            return Ok(Self::default());
        }
        let dir = quality_dir(root).join(model);
        let manifest = Manifest::load(&dir)?;
        let entries = manifest.table(tables::QUALITY);
        if entries.is_empty() {
            return Err(Usage(format!(
                "ingest.quality = \"{model}\", but there are no scores in {}: run `genie-train \
                 quality score`, or name another network",
                genie_store::shown(&dir)
            ))
            .into());
        }
        let mut scores: Vec<(ClipKey, f32)> = Vec::new();
        for entry in entries {
            scan_qualities(&dir, entry, &mut |id, quality| scores.push((id.into(), quality)))?;
        }
        scores.sort_unstable_by_key(|(clip, _)| *clip);
        scores.dedup_by_key(|(clip, _)| *clip);
        let version = manifest.table_hash(tables::QUALITY);
        Ok(Self { model: model.to_owned(), version, scores })
    }

    /// Whether there is no network.
    pub fn is_none(&self) -> bool {
        self.model.is_empty()
    }

    /// The score of a clip; `None` if the network has not judged it.
    pub fn of_clip(&self, clip_id: &str) -> Option<f32> {
        let key = ClipKey::from(clip_id);
        let found = self.scores.binary_search_by_key(&key, |(clip, _)| *clip);
        found.ok().map(|place| self.scores[place].1)
    }

    /// Network and scores as JSON, for a work key; `None` without a network.
    pub fn keyed(&self) -> Option<Value> {
        (!self.is_none()).then(|| json!({ "model": self.model, "scores": self.version }))
    }
}

#[cfg(test)]
mod tests {
    use genie_shards::{QualityRow, write_quality};
    use genie_stage::exit::{USAGE, code_of};

    use super::*;

    /// Catches: a network without scores is ignored, so that nothing is filtered; new scores do not
    /// change the rules; a clip gets the score of another one.
    #[test]
    fn scores_are_of_the_named_network() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let none = QualityScores::read(root, "").unwrap();
        assert!(none.is_none() && none.keyed().is_none() && none.of_clip("a").is_none());
        let missing = QualityScores::read(root, "0123456789abcdef").err().unwrap();
        assert_eq!(code_of(&missing), USAGE);
        let add = |model: &str, scores: &[(&str, f32)]| {
            let row = |(clip, quality): &(&str, f32)| QualityRow {
                clip_id: (*clip).to_owned(),
                quality: *quality,
                model: model.to_owned(),
            };
            let dir = quality_dir(root).join(model);
            let entry = write_quality(&dir, &scores.iter().map(row).collect::<Vec<_>>()).unwrap();
            Manifest::commit(&dir, |manifest| manifest.add(tables::QUALITY, entry.clone()))
                .unwrap();
        };
        add("one", &[("b", 0.25), ("a", 0.5)]);
        add("two", &[("a", 0.75)]);
        let one = QualityScores::read(root, "one").unwrap();
        let of = |scores: &QualityScores| ["a", "b", "c"].map(|clip| scores.of_clip(clip));
        assert_eq!(of(&one), [Some(0.5), Some(0.25), None]);
        add("one", &[("c", 1.0)]);
        let more = QualityScores::read(root, "one").unwrap();
        assert_eq!(of(&more), [Some(0.5), Some(0.25), Some(1.0)]);
        assert_ne!(more.keyed(), one.keyed());
    }
}
