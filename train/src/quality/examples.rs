//! What networks learned from: the small frames of labelled clips, in `root/quality/examples`.
//!
//! A network that is used drops bad clips, and their frames go. The next network must learn from
//! them, too. So `fit` stores what it sees of labelled clips, about 0.1 MB for each.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{QualityExamples, QualityInput};
use genie_shards::{
    ClipKey, ClipStore, ExampleRow, Manifest, examples_of_file, stream_clip_rows, tables,
    write_examples,
};

use super::inputs::{TOGETHER, read};
use super::labels::MajorityLabel;

/// Largest number of examples of a file.
const FILE: usize = 256;

/// The stored examples of a dataset root, in memory.
pub struct ExampleStore {
    dir: Utf8PathBuf,
    frames: HashMap<ClipKey, Vec<u8>>,
}

impl ExampleStore {
    /// Reads the examples of a dataset root.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(root: &Utf8Path) -> Result<Self> {
        let dir = root.join("quality/examples");
        let mut frames = HashMap::new();
        for entry in Manifest::load(&dir)?.table(tables::EXAMPLES) {
            for row in examples_of_file(&dir, entry)? {
                frames.insert(ClipKey::from(&*row.clip_id), row.frames);
            }
        }
        Ok(Self { dir, frames })
    }

    /// The directory, for its lock.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Whether the frames of a clip are stored.
    pub fn has(&self, clip_id: &str) -> bool {
        self.frames.contains_key(&ClipKey::from(clip_id))
    }

    /// Stores the labelled clips that are not stored yet. They must be in `clips`.
    ///
    /// # Errors
    /// When a clip cannot be read, or the examples cannot be written.
    pub fn add(&mut self, clips: &ClipStore, labels: &[MajorityLabel]) -> Result<()> {
        let new: Vec<&str> =
            labels.iter().map(|label| &*label.clip_id).filter(|id| !self.has(id)).collect();
        for ids in new.chunks(FILE) {
            let mut rows = Vec::with_capacity(ids.len());
            for ids in ids.chunks(TOGETHER) {
                let place = |id: &&str| {
                    clips.position(id).with_context(|| {
                        format!("the clip {id} is in no shard: run `genie-ingest verify`")
                    })
                };
                let places = ids.iter().map(place).collect::<Result<Vec<_>>>()?;
                for (clip_id, input) in read(clips, &places)? {
                    rows.push(ExampleRow { clip_id, frames: input?.frames().to_vec() });
                }
            }
            let entry = write_examples(&self.dir, &rows)?;
            Manifest::commit(&self.dir, |manifest| manifest.add(tables::EXAMPLES, entry.clone()))?;
            let stored = rows.into_iter().map(|row| (ClipKey::from(&*row.clip_id), row.frames));
            self.frames.extend(stored);
        }
        Ok(())
    }

    /// The examples of labelled clips, which are stored, with the scores of the catalog.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn examples(
        &self,
        (root, manifest): (&Utf8Path, &Manifest),
        labels: &[MajorityLabel],
    ) -> Result<QualityExamples> {
        let places = labels.iter().enumerate();
        let places: HashMap<&str, usize> =
            places.map(|(place, label)| (&*label.clip_id, place)).collect();
        let mut scores = vec![Vec::new(); labels.len()];
        for entry in manifest.table(tables::CLIP_ROWS) {
            for rows in stream_clip_rows(root, entry)? {
                for row in rows? {
                    if let Some(place) = places.get(&*row.meta.clip_id) {
                        scores[*place] = row.meta.scores.named().map(|(_, value)| value).collect();
                    }
                }
            }
        }
        let mut examples = QualityExamples::default();
        for (label, scores) in labels.iter().zip(scores) {
            let frames = self.frames.get(&ClipKey::from(&*label.clip_id)).cloned();
            let frames = frames.with_context(|| format!("no frames of {}", label.clip_id))?;
            examples.clips.push(QualityInput::of_frames(frames, scores)?);
            examples.good.push(label.good);
        }
        Ok(examples)
    }
}
