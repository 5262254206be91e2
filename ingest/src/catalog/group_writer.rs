//! Writing a group of sources: their clips to shards, and their rows to the catalog.
//!
//! The caller publishes all files of the group with one commit. Until then no reader sees them. A
//! stopped run leaves only temporary files and files that no manifest names.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{
    Clip, ClipRow, ClipShardWriter, Entry, Frames, ShardChanges, SourceChange, SourceRow,
};

use super::publish::{NewFiles, rewrite};

/// Size in bytes at which a new shard starts: large enough to read fast, small enough to copy.
const SHARD_BYTES: usize = 128 << 20;

/// Writes the files of one group.
pub struct GroupWriter {
    root: Utf8PathBuf,
    name: String,
    shard: Option<ClipShardWriter>,
    shards: Vec<Entry>,
    sources: Vec<SourceRow>,
    clips: Vec<ClipRow>,
    /// Sources whose clips are in the shards and must not be published.
    taken_back: ShardChanges,
}

impl GroupWriter {
    /// Starts a group in a dataset root. `name` becomes part of the file names.
    pub fn new(root: &Utf8Path, name: &str) -> Self {
        Self {
            root: root.to_owned(),
            name: name.to_owned(),
            shard: None,
            shards: Vec::new(),
            sources: Vec::new(),
            clips: Vec::new(),
            taken_back: ShardChanges::new(),
        }
    }

    /// Adds a clip's row. If the row says that the clip is kept, also adds its frames to the shard.
    pub fn clip(&mut self, row: ClipRow, frames: Frames) -> Result<()> {
        if row.kept {
            let shard = match self.shard.take() {
                Some(shard) => shard,
                None => ClipShardWriter::create(
                    &self.root.join("clips"),
                    &format!("{}-{}", self.name, self.shards.len()),
                )?,
            };
            let shard = self.shard.insert(shard);
            shard.push(&Clip { meta: row.meta.clone(), frames })?;
            if shard.bytes() >= SHARD_BYTES {
                self.finish_shard()?;
            }
        }
        self.clips.push(row);
        Ok(())
    }

    /// Removes the clips of a source, because its decoded frames are not reliable.
    pub fn take_back(&mut self, source_id: &str) {
        self.clips.retain(|row| row.meta.source_id != source_id);
        self.taken_back.insert(source_id.to_owned(), SourceChange::Dropped);
    }

    /// Returns whether the group has clips of a source, kept or not.
    pub fn has_clips(&self, source_id: &str) -> bool {
        self.clips.iter().any(|row| row.meta.source_id == source_id)
    }

    /// Adds a source's row.
    pub fn source(&mut self, row: SourceRow) {
        self.sources.push(row);
    }

    /// Finishes all files. They are visible to readers after [`NewFiles::commit`].
    pub fn publish(mut self) -> Result<NewFiles> {
        self.finish_shard()?;
        if !self.taken_back.is_empty() {
            self.shards = rewrite(&self.root, &self.shards, &self.taken_back)?;
        }
        NewFiles::write(&self.root, &self.name, self.shards, &self.sources, &self.clips)
    }

    fn finish_shard(&mut self) -> Result<()> {
        if let Some(shard) = self.shard.take() {
            self.shards.push(shard.publish()?.entry);
        }
        Ok(())
    }
}
