//! Writing a group of sources: their clips in one or more shards, their rows in the catalog.
//!
//! Everything is published together, by the one commit that the caller makes; until then nothing is visible, and
//! what a stopped run leaves is a temporary file.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{
    Clip, ClipRow, ClipShardWriter, Entry, Frames, Manifest, SourceRow, Split, rewrite_shard, tables, write_clip_rows,
    write_sources,
};

/// Bytes after which another shard is begun: large enough to read fast, small enough to move about.
const SHARD_BYTES: usize = 128 << 20;

/// The files of a group, being written.
pub struct ShardWriter {
    root: Utf8PathBuf,
    name: String,
    shard: Option<ClipShardWriter>,
    shards: Vec<Entry>,
    sources: Vec<SourceRow>,
    clips: Vec<ClipRow>,
    /// Sources whose clips are not to be published after all.
    taken_back: HashSet<String>,
}

/// Files that lie in place and wait to be named by the manifest.
pub struct Files {
    shards: Vec<Entry>,
    sources: Option<Entry>,
    clips: Option<Entry>,
}

impl ShardWriter {
    /// A group of this name in a dataset root.
    pub fn new(root: &Utf8Path, name: &str) -> Self {
        Self {
            root: root.to_owned(),
            name: name.to_owned(),
            shard: None,
            shards: Vec::new(),
            sources: Vec::new(),
            clips: Vec::new(),
            taken_back: HashSet::new(),
        }
    }

    /// Notes a clip, and appends it to the shard if its row says that it is kept.
    pub fn clip(&mut self, row: ClipRow, frames: Frames) -> Result<()> {
        if row.kept {
            let shard = match self.shard.take() {
                Some(shard) => shard,
                None => {
                    ClipShardWriter::create(&self.root.join("clips"), &format!("{}-{}", self.name, self.shards.len()))?
                }
            };
            let shard = self.shard.insert(shard);
            shard.push(&Clip { meta: row.meta.clone(), frames })?;
            if shard.bytes() >= SHARD_BYTES {
                self.end_shard()?;
            }
        }
        self.clips.push(row);
        Ok(())
    }

    /// Takes a source's clips back: what was decoded of it cannot be relied on.
    pub fn take_back(&mut self, source_id: &str) {
        let before = self.clips.len();
        self.clips.retain(|row| row.meta.source_id != source_id);
        if self.clips.len() < before {
            self.taken_back.insert(source_id.to_owned());
        }
    }

    pub fn source(&mut self, row: SourceRow) {
        self.sources.push(row);
    }

    /// Puts all files in place.
    pub fn publish(mut self) -> Result<Files> {
        self.end_shard()?;
        if !self.taken_back.is_empty() {
            let splits: HashMap<&str, Split> =
                self.clips.iter().map(|row| (row.meta.clip_id.as_str(), row.meta.split)).collect();
            let mut shards = Vec::new();
            for entry in &self.shards {
                shards.extend(rewrite_shard(&self.root, entry, |id| splits.get(id).copied())?);
            }
            self.shards = shards;
        }
        let sources =
            (!self.sources.is_empty()).then(|| write_sources(&self.root, &self.name, &self.sources)).transpose()?;
        let clips =
            (!self.clips.is_empty()).then(|| write_clip_rows(&self.root, &self.name, &self.clips)).transpose()?;
        Ok(Files { shards: self.shards, sources, clips })
    }

    fn end_shard(&mut self) -> Result<()> {
        if let Some(shard) = self.shard.take() {
            self.shards.push(shard.publish()?.entry);
        }
        Ok(())
    }
}

impl Files {
    /// Names the files in a manifest.
    pub fn add_to(self, manifest: &mut Manifest) {
        let clips = self.shards.into_iter().map(|entry| (tables::CLIPS, entry));
        let sources = self.sources.into_iter().map(|entry| (tables::SOURCES, entry));
        let rows = self.clips.into_iter().map(|entry| (tables::CLIP_ROWS, entry));
        for (table, entry) in clips.chain(sources).chain(rows) {
            manifest.add(table, entry);
        }
    }
}
