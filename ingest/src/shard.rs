//! Writing a group of sources: their clips in one or more shards, their rows in the catalog.
//!
//! Everything is published together, by the one commit that the caller makes; until then nothing is visible, and
//! what a stopped run leaves is a temporary file.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{
    Clip, ClipRow, ClipShardWriter, Entry, Manifest, SourceRow, tables, write_clip_rows, write_sources,
};

use crate::reject::Reason;

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
        }
    }

    /// Appends a clip to the shard, or only its row if it is rejected.
    pub fn clip(&mut self, clip: Clip, rejected: Option<Reason>) -> Result<()> {
        if rejected.is_none() {
            let shard = match self.shard.take() {
                Some(shard) => shard,
                None => {
                    ClipShardWriter::create(&self.root.join("clips"), &format!("{}-{}", self.name, self.shards.len()))?
                }
            };
            let shard = self.shard.insert(shard);
            shard.push(&clip)?;
            if shard.bytes() >= SHARD_BYTES {
                self.end_shard()?;
            }
        }
        let reason = rejected.map(|reason| reason.code().to_owned());
        self.clips.push(ClipRow { meta: clip.meta, kept: reason.is_none(), reason, duplicate_of: None });
        Ok(())
    }

    /// Rows of clips that were rejected before.
    pub fn rejected_clips(&mut self, rows: impl Iterator<Item = ClipRow>) {
        self.clips.extend(rows);
    }

    pub fn source(&mut self, row: SourceRow) {
        self.sources.push(row);
    }

    /// Puts all files in place.
    pub fn publish(mut self) -> Result<Files> {
        self.end_shard()?;
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
