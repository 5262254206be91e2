//! Forgetting damaged files, so that the next run decodes their sources again.
//!
//! One commit removes the damaged files, the rows of the lost sources, and their clips from the
//! undamaged shards. All other sources stay.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipRow, Entry, Manifest, ShardChanges, SourceChange, SourceRow, clip_rows_of_file,
    scan_outcomes, scan_shard_sources, sources_of_file, tables, write_clip_rows, write_sources,
};

use super::mark::FinalizedMark;
use crate::catalog::partitions::{
    CatalogLayout, CatalogRows, KeyPrefix, PartitionFiles, Partitioning, key_of, key_of_row,
};
use crate::catalog::publish::{clear, rewrite};

/// Removes damaged files from a dataset, and the sources whose rows or clips they contained.
///
/// `damaged` are paths in the manifest of `root`:
/// - near pairs: no source is lost, and the next run compares all clips again;
/// - rows of a partition: the sources with its prefix are lost;
/// - a loose file of rows: it may have contained any source, so all sources are lost;
/// - a shard: the sources that have more kept clips than clips in the undamaged shards are lost.
///
/// Returns the number of removed source rows.
pub fn forget_files(root: &Utf8Path, damaged: &HashSet<String>) -> Result<u64> {
    let manifest = Manifest::load(root)?;
    let layout = CatalogLayout::of(&manifest);
    let before = manifest.rows(tables::SOURCES);
    let mut loose = layout.loose_sources.iter().chain(&layout.loose_clips);
    if loose.any(|entry| damaged.contains(&entry.file)) {
        FinalizedMark::remove(root)?;
        Manifest::commit(root, clear)?;
        return Ok(before);
    }
    let mut shards = manifest.table(tables::CLIPS).to_vec();
    shards.retain(|entry| !damaged.contains(&entry.file));
    let lost = LostSources::find(root, &layout, &shards, damaged)?;
    if damaged.is_empty() && lost.keys.is_empty() {
        return Ok(0);
    }
    // Stored pairs may have lost clips. Without the mark, the next run compares all clips again.
    FinalizedMark::remove(root)?;
    let mut files = lost.remaining_catalog(root, &layout, damaged)?;
    let changes = lost.shard_changes(root, &shards)?;
    let shards = rewrite(root, &shards, &changes)?;
    files.extend(shards.into_iter().map(|entry| (tables::CLIPS, entry)));
    Manifest::commit(root, |manifest| {
        clear(manifest);
        for (table, entry) in &files {
            manifest.add(table, entry.clone());
        }
    })?;
    let sources = files.iter().filter(|(table, _)| *table == tables::SOURCES);
    Ok(before.saturating_sub(sources.map(|(_, entry)| entry.rows).sum()))
}

/// The sources that must be decoded again.
struct LostSources {
    /// Prefixes of the partitions whose rows are unknown.
    prefixes: Vec<KeyPrefix>,
    /// Keys of other sources: the number of their kept clips is not that of their clips in shards.
    keys: BTreeSet<u64>,
}

impl LostSources {
    /// Finds the lost sources. `shards` are the undamaged ones.
    fn find(
        root: &Utf8Path,
        layout: &CatalogLayout,
        shards: &[Entry],
        damaged: &HashSet<String>,
    ) -> Result<Self> {
        let is_unknown = |files: &PartitionFiles| {
            let mut rows = files.sources.iter().chain(&files.clips);
            rows.any(|entry| damaged.contains(&entry.file))
        };
        let unknown = layout.partitions.iter().filter(|(_, files)| is_unknown(files));
        let prefixes = unknown.map(|(prefix, _)| *prefix).collect();
        let mut lost = Self { prefixes, keys: BTreeSet::new() };
        // For each source, the number of its kept clips that are in no shard.
        let mut missing: HashMap<u64, i64> = HashMap::new();
        let known = layout.partitions.iter().filter(|(prefix, _)| !lost.prefixes.contains(prefix));
        let clips = known.filter_map(|(_, files)| files.clips.as_ref());
        for entry in clips.chain(&layout.loose_clips) {
            scan_outcomes(root, entry, &mut |clip| {
                if clip.kept {
                    *missing.entry(key_of(clip.source_id)).or_default() += 1;
                }
            })?;
        }
        for entry in shards {
            scan_shard_sources(root, entry, &mut |source_id| {
                *missing.entry(key_of(source_id)).or_default() -= 1;
            })?;
        }
        missing.retain(|key, missing| *missing != 0 && !lost.has(*key));
        lost.keys = missing.into_keys().collect();
        Ok(lost)
    }

    /// Whether the source with this key is lost.
    fn has(&self, key: u64) -> bool {
        self.keys.contains(&key) || self.prefixes.iter().any(|prefix| prefix.contains(key))
    }

    /// The catalog files without damaged files and without rows of lost sources.
    fn remaining_catalog(
        &self,
        root: &Utf8Path,
        layout: &CatalogLayout,
        damaged: &HashSet<String>,
    ) -> Result<Vec<(&'static str, Entry)>> {
        let mut partitions = Vec::new();
        for (prefix, files) in &layout.partitions {
            if self.prefixes.contains(prefix) {
                continue;
            }
            let pairs = files.pairs.clone().filter(|entry| !damaged.contains(&entry.file));
            let files = PartitionFiles { pairs, ..files.clone() };
            if self.keys.range(prefix.range()).next().is_none() {
                partitions.push(files);
                continue;
            }
            let mut rows = CatalogRows::read(root, &files)?;
            rows.sources.retain(|row| !self.has(key_of_row(row)));
            rows.clips.retain(|row| !self.has(key_of(&row.meta.source_id)));
            rows.pairs.retain(|pair| !self.has(key_of(&pair.worse.source_id)));
            let written = rows.write(root, *prefix, Partitioning::default().rows)?;
            partitions.extend(written.into_iter().map(|(_, files)| files));
        }
        let entries = partitions.iter().flat_map(PartitionFiles::entries);
        let mut files: Vec<_> = entries.map(|(table, entry)| (table, entry.clone())).collect();
        for entry in &layout.loose_sources {
            let rows = sources_of_file(root, entry)?;
            let stays = |row: &SourceRow| !self.has(key_of_row(row));
            let rest = rest_of(entry, rows, stays, |rows| Ok(write_sources(root, "rest", rows)?))?;
            files.extend(rest.map(|entry| (tables::SOURCES, entry)));
        }
        for entry in &layout.loose_clips {
            let rows = clip_rows_of_file(root, entry)?;
            let stays = |row: &ClipRow| !self.has(key_of(&row.meta.source_id));
            let rest =
                rest_of(entry, rows, stays, |rows| Ok(write_clip_rows(root, "rest", rows)?))?;
            files.extend(rest.map(|entry| (tables::CLIP_ROWS, entry)));
        }
        Ok(files)
    }

    /// The change that removes the clips of lost sources from undamaged shards.
    fn shard_changes(&self, root: &Utf8Path, shards: &[Entry]) -> Result<ShardChanges> {
        let mut changes = ShardChanges::new();
        for entry in shards {
            scan_shard_sources(root, entry, &mut |source_id| {
                if self.has(key_of(source_id)) {
                    changes.insert(source_id.to_owned(), SourceChange::Dropped);
                }
            })?;
        }
        Ok(changes)
    }
}

/// The file with the rows that stay: the old one if all do, and `None` if none does.
fn rest_of<R>(
    entry: &Entry,
    mut rows: Vec<R>,
    stays: impl Fn(&R) -> bool,
    write: impl FnOnce(&[R]) -> Result<Entry>,
) -> Result<Option<Entry>> {
    let count = rows.len();
    rows.retain(stays);
    if rows.len() == count {
        return Ok(Some(entry.clone()));
    }
    (!rows.is_empty()).then(|| write(&rows)).transpose()
}
