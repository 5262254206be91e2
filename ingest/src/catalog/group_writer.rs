//! Writing a group of sources: their clips in one or more shards, their rows in the catalog.
//!
//! Everything is published together, by the one commit that the caller makes; until then nothing is visible, and
//! what a stopped run leaves is a temporary file.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Clip, ClipRow, ClipShardWriter, Entry, Frames, SourceRow};

use super::publish::{NewFiles, with_kept_only};

/// Bytes after which another shard is begun: large enough to read fast, small enough to move about.
const SHARD_BYTES: usize = 128 << 20;

/// The files of a group, being written.
pub struct GroupWriter {
    root: Utf8PathBuf,
    name: String,
    shard: Option<ClipShardWriter>,
    shards: Vec<Entry>,
    sources: Vec<SourceRow>,
    clips: Vec<ClipRow>,
    /// Whether there are clips in the shards that are not to be published after all.
    taken_back: bool,
}

impl GroupWriter {
    /// A group of this name in a dataset root.
    pub fn new(root: &Utf8Path, name: &str) -> Self {
        Self {
            root: root.to_owned(),
            name: name.to_owned(),
            shard: None,
            shards: Vec::new(),
            sources: Vec::new(),
            clips: Vec::new(),
            taken_back: false,
        }
    }

    /// Notes a clip, and appends it to the shard if its row says that it is kept.
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
        self.taken_back |= self.clips.len() < before;
    }

    pub fn source(&mut self, row: SourceRow) {
        self.sources.push(row);
    }

    /// Puts all files in place.
    pub fn publish(mut self) -> Result<NewFiles> {
        self.end_shard()?;
        if self.taken_back {
            self.shards = with_kept_only(&self.root, &self.shards, &self.clips)?;
        }
        NewFiles::write(&self.root, &self.name, self.shards, &self.sources, &self.clips)
    }

    fn end_shard(&mut self) -> Result<()> {
        if let Some(shard) = self.shard.take() {
            self.shards.push(shard.publish()?.entry);
        }
        Ok(())
    }
}
