//! Publishes windows as shards, in the order in which they come.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipKey, Manifest};

use super::incomplete::IncompleteShards;
use super::stored::StoredWindow;

/// Collects windows and publishes a shard when it is full.
pub(super) struct ShardPublisher<W> {
    dir: Utf8PathBuf,
    model: String,
    windows: Vec<W>,
    /// Published files whose windows are the first of `windows`; the next shard replaces them.
    replaces: Vec<String>,
    /// Published files whose clips are computed again.
    incomplete: IncompleteShards,
    /// Whether some of `windows` are not published.
    is_ahead: bool,
}

impl<W: StoredWindow> ShardPublisher<W> {
    /// Reads the last shard of a model's directory, if that shard is not full.
    ///
    /// The `incomplete` ones are not continued. Each goes when windows of its clips are published.
    ///
    /// # Errors
    /// When the shard cannot be read.
    pub fn resume(dir: &Utf8Path, model: &str, incomplete: IncompleteShards) -> Result<Self> {
        let mut publisher = Self {
            dir: dir.to_owned(),
            model: model.to_owned(),
            windows: Vec::new(),
            replaces: Vec::new(),
            incomplete,
            is_ahead: false,
        };
        for entry in Manifest::load(dir)?.table(W::TABLE) {
            if entry.rows < W::SHARD as u64 && !publisher.incomplete.contains(&entry.file) {
                let windows = W::read(dir, entry).with_context(|| {
                    format!("cannot read the unfinished shard: run `{} --forget`", W::VERIFY)
                })?;
                publisher.windows.extend(windows);
                publisher.replaces.push(entry.file.clone());
            }
        }
        Ok(publisher)
    }

    /// The number of windows in the unfinished shard.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Adds the windows of whole clips, and publishes the shard if it is full.
    ///
    /// # Errors
    /// When the shard cannot be published.
    pub fn push(&mut self, windows: Vec<W>) -> Result<()> {
        self.is_ahead |= !windows.is_empty();
        self.windows.extend(windows);
        if self.windows.len() >= W::SHARD { self.publish() } else { Ok(()) }
    }

    /// Publishes the unfinished shard.
    ///
    /// # Errors
    /// When the shard cannot be published.
    pub fn finish(mut self) -> Result<()> {
        self.publish()
    }

    /// Replaces the unfinished shard by the new one, in one commit.
    ///
    /// The old files stay until `gc` removes them, because another process may be reading them.
    fn publish(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_ahead) {
            let entry = W::write(&self.dir, &self.model, W::PLACE, &self.windows)?;
            let mut clips: Vec<ClipKey> =
                self.windows.iter().map(|window| window.clip_id().into()).collect();
            clips.sort_unstable();
            self.replaces.extend(self.incomplete.take(&clips));
            Manifest::commit(&self.dir, |manifest| {
                for file in &self.replaces {
                    manifest.remove(W::TABLE, file);
                }
                manifest.add(W::TABLE, entry.clone());
            })?;
        }
        self.windows.clear();
        self.replaces.clear();
        Ok(())
    }
}
