//! Writing partitions: splitting, merging, and dividing files of older versions.
//!
//! A partition is split if it has more rows than the limit, and two partitions are merged if they
//! have fewer together. So the partitions are a function of the rows alone.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipRow, Manifest, sources_of_file, stream_clip_rows, tables, write_clip_rows, write_sources,
};

use super::layout::{CatalogLayout, PartitionFiles};
use super::prefix::{KeyPrefix, key_of_row};
use super::rows::CatalogRows;

/// Size of a loose file that is divided, in rows of a partition.
const LARGE: u64 = 8;

/// The partitions of a catalog.
pub type Partitions = BTreeMap<KeyPrefix, PartitionFiles>;

/// Merges partitions that have at most `limit` rows together.
pub fn merge(root: &Utf8Path, partitions: Partitions, limit: u64) -> Result<Partitions> {
    let all: Vec<(KeyPrefix, PartitionFiles)> = partitions.into_iter().collect();
    let mut merged = Partitions::new();
    merge_below(root, KeyPrefix::ALL, &all, limit, &mut merged)?;
    Ok(merged)
}

fn merge_below(
    root: &Utf8Path,
    prefix: KeyPrefix,
    below: &[(KeyPrefix, PartitionFiles)],
    limit: u64,
    merged: &mut Partitions,
) -> Result<()> {
    let count: u64 = below.iter().map(|(_, files)| files.rows()).sum();
    match below {
        [] => {}
        // A partition above the limit has one source, and no shorter prefix has another one.
        [(same, files)] if *same == prefix => {
            merged.insert(prefix, files.clone());
        }
        _ if count <= limit || below.len() == 1 => {
            let mut rows = CatalogRows::default();
            for (_, files) in below {
                rows.append(CatalogRows::read(root, files)?);
            }
            merged.extend(rows.write(root, prefix, limit)?);
        }
        _ => {
            for half in prefix.halves() {
                let first = below.partition_point(|(other, _)| *other < half);
                let count = below[first..].iter().take_while(|(other, _)| half.covers(*other));
                let count = count.count();
                merge_below(root, half, &below[first..first + count], limit, merged)?;
            }
        }
    }
    Ok(())
}

/// Divides large files of older versions, whose rows are sorted by source, into small ones.
///
/// Otherwise every unit would read all of such a file.
pub fn divide_large(root: &Utf8Path, limit: u64) -> Result<()> {
    let layout = CatalogLayout::of(&Manifest::load(root)?);
    let chunk = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
    let (mut replaced, mut parts) = (Vec::new(), Vec::new());
    for entry in layout.loose_sources.iter().filter(|entry| entry.rows > LARGE * limit) {
        let mut rows = sources_of_file(root, entry)?;
        rows.sort_by_key(key_of_row);
        for rows in rows.chunks(chunk) {
            parts.push((tables::SOURCES, write_sources(root, "part", rows)?));
        }
        replaced.push(entry.file.clone());
    }
    for entry in layout.loose_clips.iter().filter(|entry| entry.rows > LARGE * limit) {
        let mut waiting: Vec<ClipRow> = Vec::new();
        for rows in stream_clip_rows(root, entry)? {
            waiting.extend(rows?);
            while waiting.len() >= chunk {
                let rest = waiting.split_off(chunk);
                parts.push((tables::CLIP_ROWS, write_clip_rows(root, "part", &waiting)?));
                waiting = rest;
            }
        }
        if !waiting.is_empty() {
            parts.push((tables::CLIP_ROWS, write_clip_rows(root, "part", &waiting)?));
        }
        replaced.push(entry.file.clone());
    }
    if replaced.is_empty() {
        return Ok(());
    }
    Manifest::commit(root, |manifest| {
        for table in [tables::SOURCES, tables::CLIP_ROWS] {
            manifest.retain(table, |entry| !replaced.contains(&entry.file));
        }
        for (table, entry) in &parts {
            manifest.add(table, entry.clone());
        }
    })?;
    Ok(())
}
