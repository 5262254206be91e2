//! Writing shards and catalog files, and naming them in the manifest with one commit.

use std::collections::HashSet;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipRow, Entry, Manifest, ManifestEdit, ShardChanges, SourceRow, rewrite_shard, tables,
    write_clip_rows, write_sources,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::partitions::{PartitionFiles, Partitions};

/// The tables of ingest in the manifest of a dataset root.
const TABLES: [&str; 4] = [tables::CLIPS, tables::SOURCES, tables::CLIP_ROWS, tables::NEAR_PAIRS];

/// Written files that the manifest does not name yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewFiles {
    shards: Vec<Entry>,
    sources: Option<Entry>,
    clips: Option<Entry>,
}

impl NewFiles {
    /// Writes catalog rows to files with `name` in their names. `shards` are already written.
    pub fn write(
        root: &Utf8Path,
        name: &str,
        shards: Vec<Entry>,
        sources: &[SourceRow],
        clips: &[ClipRow],
    ) -> Result<Self> {
        let sources =
            (!sources.is_empty()).then(|| write_sources(root, name, sources)).transpose()?;
        let clips = (!clips.is_empty()).then(|| write_clip_rows(root, name, clips)).transpose()?;
        Ok(Self { shards, sources, clips })
    }

    /// Adds the files to the manifest of a dataset root. This publishes them.
    pub fn commit(self, root: &Utf8Path) -> Result<()> {
        Manifest::commit(root, |manifest| self.add_to(manifest))?;
        Ok(())
    }

    /// Uploads the files to the store of a dataset root, so that another machine can commit them.
    pub fn upload(&self, root: &Utf8Path) -> Result<()> {
        for entry in self.entries() {
            genie_store::publish(&root.join(&entry.file), entry.bytes, &entry.blake3)?;
        }
        Ok(())
    }

    /// The files, relative to the dataset root.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.shards.iter().chain(&self.sources).chain(&self.clips)
    }

    /// Adds the files to a manifest that is being edited.
    pub(super) fn add_to(&self, manifest: &mut ManifestEdit<'_>) {
        let clips = self.shards.iter().map(|entry| (tables::CLIPS, entry));
        let sources = self.sources.iter().map(|entry| (tables::SOURCES, entry));
        let rows = self.clips.iter().map(|entry| (tables::CLIP_ROWS, entry));
        for (table, entry) in clips.chain(sources).chain(rows) {
            manifest.add(table, entry.clone());
        }
    }
}

/// Publishes a catalog with exactly these partitions, and changes the shards to match.
///
/// Files of groups go, because their rows are in the partitions.
pub fn publish_catalog(
    root: &Utf8Path,
    partitions: &Partitions,
    changes: &ShardChanges,
) -> Result<()> {
    let old = Manifest::load(root)?;
    let shards = old.table(tables::CLIPS);
    let shards = if changes.is_empty() { None } else { Some(rewrite(root, shards, changes)?) };
    let entries = || partitions.values().flat_map(PartitionFiles::entries);
    let named: HashSet<&str> = entries().map(|(_, entry)| entry.file.as_str()).collect();
    Manifest::commit(root, |manifest| {
        let mut known = HashSet::new();
        for table in [tables::SOURCES, tables::CLIP_ROWS, tables::NEAR_PAIRS] {
            manifest.retain(table, |entry| {
                let stays = named.contains(entry.file.as_str());
                if stays {
                    known.insert(entry.file.clone());
                }
                stays
            });
        }
        for (table, entry) in entries().filter(|(_, entry)| !known.contains(&entry.file)) {
            manifest.add(table, entry.clone());
        }
        if let Some(shards) = &shards {
            manifest.retain(tables::CLIPS, |_| false);
            for entry in shards {
                manifest.add(tables::CLIPS, entry.clone());
            }
        }
    })?;
    Ok(())
}

/// Removes all files of ingest from a manifest.
pub fn clear(manifest: &mut ManifestEdit<'_>) {
    for table in TABLES {
        manifest.retain(table, |_| false);
    }
}

/// Rewrites the shards that have clips of the changed sources. Returns the entries of all shards.
pub fn rewrite(root: &Utf8Path, shards: &[Entry], changes: &ShardChanges) -> Result<Vec<Entry>> {
    let kept: Vec<Option<Entry>> = (shards.par_iter())
        .map(|entry| Ok(rewrite_shard(root, entry, changes)?))
        .collect::<Result<_>>()?;
    Ok(kept.into_iter().flatten().collect())
}
