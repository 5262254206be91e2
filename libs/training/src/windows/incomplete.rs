//! Removes shards that have some windows of clips that must be computed again.

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{ClipKey, Manifest, clip_runs};

use super::stored::StoredWindow;

/// Removes the shards that have windows of `pending` clips from the manifest of `dir`.
///
/// Returns whether there are such shards. The other clips of these shards become pending, too.
///
/// Usually there are none, because a shard has all windows of its clips. A pending clip can be in a
/// shard if the windows got another length, or if another program changed files. Without this, some
/// windows would be published twice.
///
/// # Errors
/// When a shard cannot be read, or the manifest cannot be written.
pub(super) fn remove_incomplete<W: StoredWindow>(
    dir: &Utf8Path,
    pending: &[String],
) -> Result<bool> {
    let mut keys: Vec<ClipKey> = pending.iter().map(|id| id.as_str().into()).collect();
    keys.sort_unstable();
    let files = with_clips::<W>(dir, &keys)?;
    if files.is_empty() {
        return Ok(false);
    }
    tracing::warn!(
        "{}: {} files in {dir} have other windows of the pending clips; their clips are computed \
         again",
        W::NAME,
        files.len()
    );
    Manifest::commit(dir, |manifest| {
        for file in &files {
            manifest.remove(W::TABLE, file);
        }
    })?;
    Ok(true)
}

/// The published shards that have windows of some clips, given their sorted keys.
fn with_clips<W: StoredWindow>(dir: &Utf8Path, keys: &[ClipKey]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if keys.is_empty() {
        return Ok(found);
    }
    for entry in Manifest::load(dir)?.table(W::TABLE) {
        let runs = clip_runs(dir, W::TABLE, entry).with_context(|| {
            format!("cannot read the {} of clips: run `{} --forget`", W::NAME, W::VERIFY)
        })?;
        let is_pending = |id: &str| keys.binary_search(&id.into()).is_ok();
        if runs.iter().any(|run| is_pending(&run.clip_id)) {
            found.push(entry.file.clone());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use genie_shards::{TokenWindow, tables, write_tokens};

    use super::*;

    /// Catches: a clip of which some windows are missing is computed beside the windows that it
    /// has, so that these are published twice; shards of other clips are lost.
    #[test]
    fn shards_of_pending_clips_go_and_others_stay() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let write = |name: &str, clips: &[&str]| {
            let window = |clip: &&str| TokenWindow {
                clip_id: (*clip).to_owned(),
                tokens: vec![0],
                t: 1,
                h: 1,
                w: 1,
                ..TokenWindow::default()
            };
            let windows: Vec<TokenWindow> = clips.iter().map(window).collect();
            let entry = write_tokens(dir, "k", name, &windows).unwrap();
            Manifest::commit(dir, |manifest| manifest.add(tables::TOKENS, entry.clone())).unwrap();
            entry
        };
        let kept = write("1", &["a", "b"]);
        write("2", &["c", "d"]);
        let remove = |pending: &[&str]| {
            let pending: Vec<String> = pending.iter().map(ToString::to_string).collect();
            remove_incomplete::<TokenWindow>(dir, &pending).unwrap()
        };
        assert!(!remove(&[]) && !remove(&["new"]));
        assert_eq!(Manifest::load(dir).unwrap().table(tables::TOKENS).len(), 2);
        assert!(remove(&["new", "d"]));
        assert_eq!(Manifest::load(dir).unwrap().table(tables::TOKENS), [kept]);
    }
}
