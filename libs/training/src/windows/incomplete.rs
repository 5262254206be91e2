//! Shards that have some windows of clips that must be computed again.

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{ClipKey, Manifest, clip_runs};

use super::stored::StoredWindow;

/// The shards that have windows of pending clips.
///
/// Usually there are none, because a shard has all windows of its clips. A pending clip can be in a
/// shard if the windows got another length, or if another program changed files. Then all clips of
/// the shard are computed again, and the shard goes in the commit that publishes the first of them.
/// Until then it stays, so that a run that is stopped or fails loses no windows.
pub(super) struct IncompleteShards {
    /// Each with the sorted keys of its clips.
    shards: Vec<(String, Vec<ClipKey>)>,
}

impl IncompleteShards {
    /// Finds the shards of `dir` that have windows of `pending` clips.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub fn find<W: StoredWindow>(dir: &Utf8Path, pending: &[String]) -> Result<Self> {
        let mut keys: Vec<ClipKey> = pending.iter().map(|id| id.as_str().into()).collect();
        keys.sort_unstable();
        let mut shards = Vec::new();
        if keys.is_empty() {
            return Ok(Self { shards });
        }
        for entry in Manifest::load(dir)?.table(W::TABLE) {
            let runs = clip_runs(dir, W::TABLE, entry).with_context(|| {
                format!("cannot read the {} of clips: run `{} --forget`", W::NAME, W::VERIFY)
            })?;
            let mut clips: Vec<ClipKey> = runs.iter().map(|run| (&*run.clip_id).into()).collect();
            if clips.iter().any(|clip| keys.binary_search(clip).is_ok()) {
                clips.sort_unstable();
                clips.dedup();
                shards.push((entry.file.clone(), clips));
            }
        }
        if !shards.is_empty() {
            tracing::warn!(
                "{}: {} files in {dir} have other windows of the pending clips; their clips are \
                 computed again",
                W::NAME,
                shards.len()
            );
        }
        Ok(Self { shards })
    }

    /// The clips of these shards.
    pub fn clips(&self) -> impl Iterator<Item = ClipKey> {
        self.shards.iter().flat_map(|(_, clips)| clips.iter().copied())
    }

    /// Whether a file is one of these shards.
    pub fn contains(&self, file: &str) -> bool {
        self.shards.iter().any(|(name, _)| name == file)
    }

    /// Takes the shards that have windows of some clips, given their sorted keys.
    pub fn take(&mut self, keys: &[ClipKey]) -> Vec<String> {
        let is_of = |(_, clips): &mut (String, Vec<ClipKey>)| {
            clips.iter().any(|clip| keys.binary_search(clip).is_ok())
        };
        self.shards.extract_if(.., is_of).map(|(file, _)| file).collect()
    }
}

#[cfg(test)]
mod tests {
    use genie_shards::{TokenWindow, tables, write_tokens};

    use super::*;

    /// Catches: a clip of which some windows are missing is computed beside the windows that it
    /// has, so that these are published twice; shards of other clips are computed again.
    #[test]
    fn shards_of_pending_clips_are_found_with_all_their_clips() {
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
            entry.file
        };
        let (other, whole) = (write("1", &["a", "b"]), write("2", &["c", "d", "d"]));
        let find = |pending: &[&str]| {
            let pending: Vec<String> = pending.iter().map(ToString::to_string).collect();
            IncompleteShards::find::<TokenWindow>(dir, &pending).unwrap()
        };
        for none in [&[][..], &["new"]] {
            assert_eq!(find(none).clips().count(), 0);
        }
        let mut found = find(&["new", "d"]);
        let mut expected = ["c", "d"].map(ClipKey::from);
        expected.sort_unstable();
        assert_eq!(found.clips().collect::<Vec<_>>(), expected);
        assert!(found.contains(&whole) && !found.contains(&other));
        assert_eq!(found.take(&["a", "new"].map(ClipKey::from)), [""; 0]);
        assert_eq!(found.take(&["c"].map(ClipKey::from)), std::slice::from_ref(&whole));
        assert!(!found.contains(&whole), "a shard goes once");
    }
}
