//! The file `catalog/splits`: the splits of contents that newer contents replaced.
//!
//! A replaced source has no row. But models may have been trained on it, and its content may come
//! back: at its path, after another file was there for a while, or at another path. It then gets
//! the split that it had. A new content at its path gets this split, too, because it may show the
//! same play.

use std::collections::HashSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{SourceRow, Split};
use genie_stage::key::Key;
use serde::{Deserialize, Serialize};

use crate::catalog::keys::config_of;
use crate::catalog::row_kinds::is_decided;
use crate::catalog::source_index::find_sources;

/// A content that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FormerSource {
    /// Hash of the content.
    id: String,
    path: String,
    split: Split,
    /// Key of the config with which the split was decided.
    config: String,
}

/// The splits of contents that newer contents replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FormerSplits(Vec<FormerSource>);

impl FormerSplits {
    /// Reads the splits of a dataset root that were decided with a config.
    pub fn read(root: &Utf8Path, config_key: &Key) -> Result<Self> {
        let mut all = Self::read_all(root)?;
        all.0.retain(|source| source.config == config_key.as_str());
        Ok(all)
    }

    /// The split that a content had.
    pub fn of_content(&self, id: &str) -> Option<Split> {
        self.0.iter().find(|source| source.id == id).map(|source| source.split)
    }

    /// The split of the contents that were at a path.
    ///
    /// If they had both splits, it is the training split.
    pub fn of_path(&self, path: &str) -> Option<Split> {
        self.0.iter().filter(|source| source.path == path).map(|source| source.split).min()
    }

    /// Adds the splits of the sources with these content hashes, which are about to be removed.
    pub(super) fn remember(root: &Utf8Path, gone: &HashSet<String>) -> Result<()> {
        let is_gone = |row: &SourceRow| gone.contains(&row.source_id) && is_decided(row);
        let rows = find_sources(root, is_gone)?;
        let mut splits = Self::read_all(root)?;
        if splits.add(&rows) {
            genie_store::write(&path(root), serde_json::to_vec(&splits.0)?)?;
        }
        Ok(())
    }

    /// Adds the splits of rows. Returns whether something is new.
    ///
    /// Removes the splits of other configs: with another config, all splits are decided again.
    fn add(&mut self, rows: &[SourceRow]) -> bool {
        let before = self.0.clone();
        for row in rows {
            let Some(split) = row.split else { continue };
            self.0.retain(|source| source.id != row.source_id);
            self.0.push(FormerSource {
                id: row.source_id.clone(),
                path: row.source_path.clone(),
                split,
                config: config_of(&row.ingest_key).to_owned(),
            });
        }
        if let Some(newest) = self.0.last().map(|source| source.config.clone()) {
            self.0.retain(|source| source.config == newest);
        }
        self.0.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        self.0 != before
    }

    fn read_all(root: &Utf8Path) -> Result<Self> {
        let text = genie_store::read(&path(root))?.unwrap_or_default();
        // A file of another version is as good as none.
        Ok(Self(serde_json::from_slice(&text).unwrap_or_default()))
    }
}

fn path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("catalog/splits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, path: &str, split: Option<Split>, config: &str) -> SourceRow {
        SourceRow {
            source_id: id.to_owned(),
            source_path: path.to_owned(),
            split,
            ingest_key: format!("{config}-sidecar"),
            ..SourceRow::default()
        }
    }

    /// Catches: a content that comes back has another split; a path whose contents were in both
    /// splits is held out; splits of another config count or stay.
    #[test]
    fn splits_are_found_by_content_and_path() {
        let (train, held) = (Some(Split::Train), Some(Split::HeldOut));
        let mut splits = FormerSplits::default();
        assert!(splits.add(&[row("a", "p", held, "k"), row("b", "q", None, "k")]));
        assert!(!splits.add(&[row("a", "p", held, "k")]), "nothing is new");
        assert_eq!([splits.of_content("a"), splits.of_path("p")], [held; 2]);
        assert_eq!([splits.of_content("b"), splits.of_path("q")], [None; 2]);
        splits.add(&[row("c", "p", train, "k")]);
        assert_eq!([splits.of_content("a"), splits.of_path("p")], [held, train]);
        splits.add(&[row("d", "r", train, "other")]);
        assert_eq!([splits.of_content("a"), splits.of_content("d")], [None, train]);
    }
}
