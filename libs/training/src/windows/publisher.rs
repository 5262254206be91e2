//! Windows to shards, in the order they come: the part of [`fill`](super::pending::write_pending) that decides where shards begin and end.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::Manifest;

use super::stored::StoredWindow;

/// The shard that is being filled, and those it stands for.
pub(super) struct ShardPublisher<W> {
    dir: Utf8PathBuf,
    model: String,
    windows: Vec<W>,
    /// Published files whose windows are the first of `windows`.
    replaces: Vec<String>,
    /// Whether there are windows that are not published.
    is_ahead: bool,
}

impl<W: StoredWindow> ShardPublisher<W> {
    /// Goes on with the last shard of a model's directory, if that is not full.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn resume(dir: &Utf8Path, model: &str) -> Result<Self> {
        let mut publisher = Self {
            dir: dir.to_owned(),
            model: model.to_owned(),
            windows: Vec::new(),
            replaces: Vec::new(),
            is_ahead: false,
        };
        for entry in Manifest::load(dir)?.table(W::TABLE) {
            if entry.rows < W::SHARD as u64 {
                let windows = W::read(dir, entry).with_context(|| {
                    format!("cannot go on with the last shard: run {} --forget", W::VERIFY)
                })?;
                publisher.windows.extend(windows);
                publisher.replaces.push(entry.file.clone());
            }
        }
        Ok(publisher)
    }

    /// Windows that the shard has.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Adds windows of whole clips, and publishes the shard when it is full.
    ///
    /// # Errors
    /// When it cannot be published.
    pub fn push(&mut self, windows: Vec<W>) -> Result<()> {
        self.is_ahead |= !windows.is_empty();
        self.windows.extend(windows);
        if self.windows.len() >= W::SHARD { self.publish() } else { Ok(()) }
    }

    /// Publishes what there is.
    ///
    /// # Errors
    /// When it cannot be published.
    pub fn finish(mut self) -> Result<()> {
        self.publish()
    }

    /// The new shard takes the place of those that it holds at once. Their files stay until they are collected, for who reads them.
    fn publish(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_ahead) {
            let entry = W::write(&self.dir, &self.model, &self.windows)?;
            Manifest::commit(&self.dir, |manifest| {
                manifest.retain(W::TABLE, |old| !self.replaces.contains(&old.file));
                manifest.add(W::TABLE, entry);
            })?;
        }
        self.windows.clear();
        self.replaces.clear();
        Ok(())
    }
}
