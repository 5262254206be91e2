//! The file `catalog/settled`: which rules were applied to which files.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, NEAR_PAIRS_FORMAT};
use genie_stage::key::Key;

use crate::catalog::partitions::CatalogLayout;

/// Version of the rule that decides about two clips.
///
/// With another version of the rule or of the files of near pairs, all clips are compared again.
const PAIRS_RULE: u32 = 2;

/// Which rules were applied to which files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FinalizedMark {
    /// Key of the rules.
    key: String,
    /// Hash of the partitions whose rows have the verdict of the rules.
    partitions: String,
    /// Hash of the manifest, if the catalog is finalized; else empty.
    manifest: String,
    /// Version of the near pairs.
    pairs: String,
}

impl FinalizedMark {
    /// The mark of a catalog whose partitions have the verdict of the rules with this key.
    pub fn of(key: &Key, manifest: &Manifest, is_finalized: bool) -> Self {
        let hash = || manifest.content_hash();
        Self {
            key: key.to_string(),
            partitions: CatalogLayout::of(manifest).hash(),
            manifest: if is_finalized { hash() } else { String::new() },
            pairs: pairs_format(),
        }
    }

    /// Reads the mark of a dataset root; an empty one if there is none, or an older one.
    pub fn read(root: &Utf8Path) -> Result<Self> {
        let text = genie_store::read(&path(root))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        Ok(match text.lines().collect::<Vec<_>>()[..] {
            [key, partitions, manifest, pairs] => Self {
                key: key.to_owned(),
                partitions: partitions.to_owned(),
                manifest: manifest.to_owned(),
                pairs: pairs.to_owned(),
            },
            _ => Self::default(),
        })
    }

    /// Writes the mark.
    pub fn write(&self, root: &Utf8Path) -> Result<()> {
        let Self { key, partitions, manifest, pairs } = self;
        let text = format!("{key}\n{partitions}\n{manifest}\n{pairs}\n");
        genie_store::write(&path(root), text)?;
        Ok(())
    }

    /// Removes the mark. Then the next run decides about all clips and searches for all pairs.
    pub fn remove(root: &Utf8Path) -> Result<()> {
        Ok(genie_store::remove_file(&path(root))?)
    }

    /// Whether the stored near pairs have the current version.
    pub fn has_pairs(&self) -> bool {
        self.pairs == pairs_format()
    }

    /// Whether the rows in partitions have the verdict of the rules with this key.
    pub fn is_judged(&self, key: &Key, manifest: &Manifest) -> bool {
        self.has_pairs()
            && self.key == key.as_str()
            && self.partitions == CatalogLayout::of(manifest).hash()
    }

    /// Whether the whole catalog is finalized with the rules with this key.
    pub fn is_finalized(&self, key: &Key, manifest: &Manifest) -> bool {
        self.is_judged(key, manifest) && self.manifest == manifest.content_hash()
    }
}

/// Version of the near pairs: of the rule that decides about two clips, and of their files.
fn pairs_format() -> String {
    format!("{PAIRS_RULE}.{NEAR_PAIRS_FORMAT}")
}

fn path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("catalog/settled")
}
