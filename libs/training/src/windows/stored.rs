//! The two kinds of windows on disk: tokens and latent actions, in one directory for each model.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{
    ActionWindow, Entry, TokenWindow, read_action_shard, read_token_shard, tables, write_actions,
    write_tokens,
};

/// A kind of window that a model computes and that is stored in shards.
pub trait StoredWindow: Sized + Send {
    /// Directories are `root/<PLACE>/<model>`; the run history is `root/<PLACE>/runs.jsonl`.
    const PLACE: &'static str;
    /// The name of the windows in messages.
    const NAME: &'static str;
    /// The kind of the model, as in `models/<KIND>`.
    const KIND: &'static str;
    /// The name of the model in messages.
    const MODEL: &'static str;
    /// The table in the manifest.
    const TABLE: &'static str;
    /// The number of windows at which a shard is full; its last clip may exceed it.
    const SHARD: usize;
    /// The command that checks shards.
    const VERIFY: &'static str;

    /// The id of the window's clip.
    fn clip_id(&self) -> &str;

    /// Writes a shard with the windows of `model` to `dir/<name>-<hash>.parquet`.
    ///
    /// # Errors
    /// When the shard cannot be written.
    fn write(dir: &Utf8Path, model: &str, name: &str, windows: &[Self]) -> Result<Entry>;

    /// Reads a shard and checks every window.
    ///
    /// # Errors
    /// When the shard cannot be read or is damaged.
    fn read(dir: &Utf8Path, entry: &Entry) -> Result<Vec<Self>>;
}

impl StoredWindow for TokenWindow {
    const PLACE: &'static str = "tokens";
    const NAME: &'static str = "tokens";
    const KIND: &'static str = "tokenizer";
    const MODEL: &'static str = "tokenizer";
    const TABLE: &'static str = tables::TOKENS;
    const SHARD: usize = 4096;
    const VERIFY: &'static str = "genie-tokenize verify";

    fn clip_id(&self) -> &str {
        &self.clip_id
    }

    fn write(dir: &Utf8Path, model: &str, name: &str, windows: &[Self]) -> Result<Entry> {
        Ok(write_tokens(dir, model, name, windows)?)
    }

    fn read(dir: &Utf8Path, entry: &Entry) -> Result<Vec<Self>> {
        Ok(read_token_shard(dir, entry)?)
    }
}

impl StoredWindow for ActionWindow {
    const PLACE: &'static str = "actions";
    const NAME: &'static str = "labels";
    const KIND: &'static str = "lam";
    const MODEL: &'static str = "latent action model";
    const TABLE: &'static str = tables::ACTIONS;
    const SHARD: usize = 65_536;
    const VERIFY: &'static str = "genie-train verify";

    fn clip_id(&self) -> &str {
        &self.clip_id
    }

    fn write(dir: &Utf8Path, model: &str, name: &str, windows: &[Self]) -> Result<Entry> {
        Ok(write_actions(dir, model, name, windows)?)
    }

    fn read(dir: &Utf8Path, entry: &Entry) -> Result<Vec<Self>> {
        Ok(read_action_shard(dir, entry)?)
    }
}

/// The directories of all models with such windows under `root`, in order of their keys.
///
/// # Errors
/// When the directories cannot be listed.
pub(super) fn directories<W: StoredWindow>(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    Ok(genie_store::list(&root.join(W::PLACE))?.directories)
}
