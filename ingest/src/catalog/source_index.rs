//! Some source rows of a dataset root, with indexes by content and by path.
//!
//! From them follows which sources need no work, and which ones must be decoded again. A run keeps
//! the rows of the files that it was asked for. It reads the others as a stream, so the memory does
//! not depend on their number.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{
    Entry, Error, Manifest, SourceRow, SourceStamp, Split, scan_stamps, sources_of_file, tables,
};
use rayon::prelude::*;

use super::partitions::CatalogLayout;
use super::publish::clear;
use super::row_kinds::{is_decided, is_pending};
use crate::config::MetadataRules;
use crate::discover::{FileStamp, SourceFile, metadata};
use crate::reject::Reason;

/// Some source rows of a dataset root, with indexes, and counts over all rows.
#[derive(Default)]
pub struct SourceIndex {
    rows: Vec<SourceRow>,
    /// Numbers of the rows that decide about a content or keep its split, sorted by content hash.
    by_content: Vec<u32>,
    /// Numbers of the rows, sorted by path.
    by_path: Vec<u32>,
    /// Number of kept clips of all sources of the dataset, in the training and held-out split.
    kept: [u64; 2],
}

impl SourceIndex {
    /// Reads the source rows for which `is_wanted` is true.
    pub fn read(root: &Utf8Path, is_wanted: impl Fn(&SourceRow) -> bool + Sync) -> Result<Self> {
        Ok(Self::read_with(root, |rows| (rows, ()), is_wanted)?.0)
    }

    /// Reads the path, the content hash and the stamp of the rows whose path is `wanted`.
    ///
    /// All else of these rows is left out. That is enough for [`SourceIndex::content`].
    pub fn read_stamps(root: &Utf8Path, wanted: &HashSet<String>) -> Result<Self> {
        let manifest = Manifest::load(root)?;
        let read = |entry: &Entry| -> Result<_> {
            let mut rows = Vec::new();
            let mut add = |found: SourceStamp<'_>| {
                if wanted.contains(found.source_path) {
                    rows.push(SourceRow {
                        source_id: found.source_id.to_owned(),
                        source_path: found.source_path.to_owned(),
                        bytes: found.bytes,
                        modified_ns: found.modified_ns,
                        ..SourceRow::default()
                    });
                }
            };
            scan_stamps(root, entry, &mut add)
                .with_context(|| format!("cannot read the catalog in {root}"))?;
            Ok(rows)
        };
        let files = manifest.table(tables::SOURCES);
        let parts: Vec<_> = files.par_iter().map(read).collect::<Result<_>>()?;
        Ok(Self::new(parts.into_iter().flatten().collect()))
    }

    /// Reads the source rows of one file after the other, and changes them with `edit`.
    ///
    /// Keeps the changed rows for which `is_wanted` is true, and what else `edit` returns. The
    /// files on disk stay as they are.
    pub fn read_with<T: Send>(
        root: &Utf8Path,
        edit: impl Fn(Vec<SourceRow>) -> (Vec<SourceRow>, T) + Sync,
        is_wanted: impl Fn(&SourceRow) -> bool + Sync,
    ) -> Result<(Self, Vec<T>)> {
        let manifest = Manifest::load(root)?;
        Self::of_files(root, manifest.table(tables::SOURCES), edit, is_wanted)
    }

    /// Reads the rows for which `is_wanted` is true of the catalog as it was finalized last.
    pub fn read_partitions(
        root: &Utf8Path,
        is_wanted: impl Fn(&SourceRow) -> bool + Sync,
    ) -> Result<Self> {
        let layout = CatalogLayout::of(&Manifest::load(root)?);
        let files = layout.partitions.into_values().filter_map(|files| files.sources);
        let files: Vec<Entry> = files.collect();
        Ok(Self::of_files(root, &files, |rows| (rows, ()), is_wanted)?.0)
    }

    fn of_files<T: Send>(
        root: &Utf8Path,
        files: &[Entry],
        edit: impl Fn(Vec<SourceRow>) -> (Vec<SourceRow>, T) + Sync,
        is_wanted: impl Fn(&SourceRow) -> bool + Sync,
    ) -> Result<(Self, Vec<T>)> {
        let read = |entry: &Entry| -> Result<_> {
            let rows = sources_of_file(root, entry)
                .with_context(|| format!("cannot read the catalog in {root}"))?;
            let (mut rows, more) = edit(rows);
            let mut kept = [0, 0];
            for row in &rows {
                let is_held_out = row.split == Some(Split::HeldOut);
                kept[usize::from(is_held_out)] += u64::from(row.clips_kept);
            }
            rows.retain(&is_wanted);
            Ok((rows, kept, more))
        };
        let parts: Vec<_> = files.par_iter().map(read).collect::<Result<_>>()?;
        let (mut rows, mut kept, mut more) = (Vec::new(), [0, 0], Vec::new());
        for (part, [train, held_out], other) in parts {
            rows.extend(part);
            kept = [kept[0] + train, kept[1] + held_out];
            more.push(other);
        }
        Ok((Self { kept, ..Self::new(rows) }, more))
    }

    /// An index of the given rows.
    fn new(rows: Vec<SourceRow>) -> Self {
        // Sorted numbers take a fraction of the memory of hash tables of texts.
        let row = |number: &u32| &rows[*number as usize];
        let mut by_path: Vec<u32> = (0..).take(rows.len()).collect();
        let of_content = |number: &u32| is_decided(row(number)) || is_pending(row(number));
        let mut by_content: Vec<u32> = by_path.iter().copied().filter(of_content).collect();
        by_path.sort_by(|a, b| row(a).source_path.cmp(&row(b).source_path));
        by_content.sort_by(|a, b| row(a).source_id.cmp(&row(b).source_id));
        Self { rows, by_content, by_path, kept: [0, 0] }
    }

    /// The rows of the index.
    pub fn rows(&self) -> &[SourceRow] {
        &self.rows
    }

    /// Number of kept clips of all sources of the dataset, in the training and held-out split.
    pub fn kept(&self) -> [u64; 2] {
        self.kept
    }

    /// The row of a content that was ingested or rejected, so that there is nothing to do.
    ///
    /// Rows of duplicates and pending rows do not count.
    pub fn decided(&self, source_id: &str) -> Option<&SourceRow> {
        self.of_content(source_id).rev().find(|row| is_decided(row))
    }

    /// The split of a source that an earlier run decided and that must be decoded again.
    pub fn pending_split(&self, source_id: &str) -> Option<Split> {
        let mut pending = self.of_content(source_id).rev().filter(|row| is_pending(row));
        pending.find_map(|row| row.split)
    }

    /// Whether there is a row with the same content, path and reason.
    pub fn has_row(&self, row: &SourceRow) -> bool {
        let is_same =
            |known: &SourceRow| known.source_id == row.source_id && known.reason == row.reason;
        self.of_path(&row.source_path).any(is_same)
    }

    /// The content hash of a file, if its path and stamp are in the catalog.
    pub fn content(&self, path: &str, stamp: FileStamp) -> Option<&str> {
        let same = |row: &&SourceRow| {
            !row.source_id.is_empty()
                && (FileStamp { bytes: row.bytes, modified_ns: row.modified_ns }) == stamp
        };
        self.of_path(path).find(same).map(|row| row.source_id.as_str())
    }

    /// The content hashes of found files that must be decoded again.
    ///
    /// Their sidecar changed, or the keyword rules now have another result.
    pub fn outdated(&self, sources: &[SourceFile], rules: &MetadataRules) -> HashSet<String> {
        let mut outdated = HashSet::new();
        for source in sources {
            let row = self.decided(&source.id).filter(|row| row.source_path == source.shown_path());
            let Some(row) = row else { continue };
            let was_rejected = row.reason.as_deref() == Some(Reason::Metadata.code());
            let other_rules = || row.metadata_key != source.metadata_key;
            let other_outcome = || {
                let verdict = metadata::check(&source.path, rules);
                verdict.reject.is_some() != was_rejected
                    || verdict.note.is_some() != metadata::is_noted(row)
            };
            if row.ingest_key != source.key || (other_rules() && other_outcome()) {
                outdated.insert(row.source_id.clone());
            }
        }
        outdated
    }

    /// The row of a file; the key is its path and its content hash.
    pub fn row_of(&self, path: &str, source_id: &str) -> Option<&SourceRow> {
        self.of_path(path).find(|row| row.source_id == source_id)
    }

    fn of_path(&self, path: &str) -> impl Iterator<Item = &SourceRow> {
        self.equal(&self.by_path, path, |row| &row.source_path)
    }

    fn of_content(&self, source_id: &str) -> impl DoubleEndedIterator<Item = &SourceRow> {
        self.equal(&self.by_content, source_id, |row| &row.source_id)
    }

    /// The rows with a text, in their order; `sorted` are numbers of rows, sorted by this text.
    fn equal<'a>(
        &'a self,
        sorted: &'a [u32],
        text: &str,
        of: fn(&SourceRow) -> &String,
    ) -> impl DoubleEndedIterator<Item = &'a SourceRow> {
        let row = |number: &u32| &self.rows[*number as usize];
        let first = sorted.partition_point(|number| of(row(number)).as_str() < text);
        let rest = &sorted[first..];
        let end = rest.partition_point(|number| of(row(number)) == text);
        rest[..end].iter().map(|number| &self.rows[*number as usize])
    }
}

/// Removes the catalog from the manifest if an older version of the program wrote it.
///
/// The run then decodes all sources again.
pub fn drop_older(root: &Utf8Path) -> Result<()> {
    let manifest = Manifest::load(root)?;
    let Some(entry) = manifest.table(tables::SOURCES).first() else { return Ok(()) };
    // Who reads the catalog gets other errors.
    if let Err(error @ Error::Older { .. }) = sources_of_file(root, entry) {
        tracing::warn!("{error}");
        Manifest::commit(root, clear)?;
    }
    Ok(())
}
