//! What a trained model makes of a window of a clip, as it lies on disk: a table of windows, in a directory for each model.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{
    ActionWindow, Entry, TokenWindow, read_action_shard, read_token_shard, tables, write_actions,
    write_tokens,
};

/// A kind of window.
pub trait StoredWindow: Sized + Send {
    /// Its directories lie in `root/<PLACE>/<model>`, and its diary is `root/<PLACE>/runs.jsonl`.
    const PLACE: &'static str;
    /// What people call the windows.
    const NAME: &'static str;
    /// What programs call the model: `models/<KIND>`.
    const KIND: &'static str;
    /// What people call the model.
    const MODEL: &'static str;
    /// The manifest's table of them.
    const TABLE: &'static str;
    /// Windows in a shard: as many clips as it takes to reach it.
    const SHARD: usize;
    /// What checks them.
    const VERIFY: &'static str;

    /// Clip, and first frame in it.
    fn place(&self) -> (&str, u32);

    /// Publishes a shard of a model's windows in `dir`.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(dir: &Utf8Path, model: &str, windows: &[Self]) -> Result<Entry>;

    /// Reads a shard; every window is checked.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
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

    fn place(&self) -> (&str, u32) {
        (&self.clip_id, self.first_frame)
    }

    fn write(dir: &Utf8Path, model: &str, windows: &[Self]) -> Result<Entry> {
        Ok(write_tokens(dir, model, "tokens", windows)?)
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

    fn place(&self) -> (&str, u32) {
        (&self.clip_id, self.first_frame)
    }

    fn write(dir: &Utf8Path, model: &str, windows: &[Self]) -> Result<Entry> {
        Ok(write_actions(dir, model, "actions", windows)?)
    }

    fn read(dir: &Utf8Path, entry: &Entry) -> Result<Vec<Self>> {
        Ok(read_action_shard(dir, entry)?)
    }
}

/// The directories of all models that made such windows under `root`, in order of their keys.
///
/// # Errors
/// When they cannot be listed.
pub(super) fn directories<W: StoredWindow>(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let items = match root.join(W::PLACE).read_dir_utf8() {
        Ok(items) => items,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found: Vec<Utf8PathBuf> =
        items.map(|item| Ok(item?.into_path())).collect::<Result<_>>()?;
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}
