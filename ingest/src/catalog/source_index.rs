//! What the catalog says about the files that a run was asked for.
//!
//! From it follows which sources need no work, and which ones must be decoded again. Most rows are
//! of a content that lies at their path: of these, the index keeps a few bytes. It keeps other rows
//! that concern the files, such as those of duplicates. It reads the rest of the catalog as a
//! stream.

use std::borrow::Cow;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use clap::ValueEnum as _;
use genie_shards::{Entry, Error, Manifest, SourceRow, Split, sources_of_file, tables};
use rayon::prelude::*;

use super::partitions::CatalogLayout;
use super::publish::clear;
use super::row_kinds::{is_decided, is_pending};
use crate::discover::SourceFiles;
use crate::reject::Reason;

/// What the catalog says about the files of a run, and counts over all rows.
pub struct SourceIndex<'a> {
    files: &'a SourceFiles,
    /// For each file, what became of its content, if a row has both its path and its content.
    outcomes: Vec<Option<Outcome>>,
    /// Other rows that concern the files.
    rows: Vec<SourceRow>,
    /// Numbers of the rows that decide about a content or keep its split, sorted by content hash.
    by_content: Vec<u32>,
    /// Numbers of the rows, sorted by path.
    by_path: Vec<u32>,
    /// Number of kept clips of all sources of the dataset, in the training and held-out split.
    kept: [u64; 2],
}

/// What became of a content, in eight bytes.
#[derive(Clone, Copy)]
struct Outcome {
    /// Why it was rejected; `None` if it was accepted.
    reason: Option<Reason>,
    clips_kept: u32,
}

/// What the catalog says about a source.
pub struct KnownSource<'a> {
    pub path: Cow<'a, str>,
    /// The code of the reason why it was rejected; `None` if it was accepted.
    pub reason: Option<&'a str>,
    pub clips_kept: u32,
}

/// What the index keeps of a catalog file.
struct IndexPart<T> {
    outcomes: Vec<(usize, Outcome)>,
    rows: Vec<SourceRow>,
    kept: [u64; 2],
    more: T,
}

impl<'a> SourceIndex<'a> {
    /// Reads the catalog.
    pub fn read(root: &Utf8Path, files: &'a SourceFiles) -> Result<Self> {
        Ok(Self::read_with(root, files, |rows| (rows, ()))?.0)
    }

    /// Reads the source rows of one catalog file after the other, and changes them with `edit`.
    ///
    /// Indexes the changed rows, and collects what else `edit` returns. The files on disk stay as
    /// they are.
    pub fn read_with<T: Send>(
        root: &Utf8Path,
        files: &'a SourceFiles,
        edit: impl Fn(Vec<SourceRow>) -> (Vec<SourceRow>, T) + Sync,
    ) -> Result<(Self, Vec<T>)> {
        Self::of_entries(root, Manifest::load(root)?.table(tables::SOURCES), files, edit)
    }

    /// Reads the catalog as it was finalized last.
    pub fn read_partitions(root: &Utf8Path, files: &'a SourceFiles) -> Result<Self> {
        let layout = CatalogLayout::of(&Manifest::load(root)?);
        let entries = layout.partitions.into_values().filter_map(|files| files.sources);
        let entries: Vec<Entry> = entries.collect();
        Ok(Self::of_entries(root, &entries, files, |rows| (rows, ()))?.0)
    }

    fn of_entries<T: Send>(
        root: &Utf8Path,
        entries: &[Entry],
        files: &'a SourceFiles,
        edit: impl Fn(Vec<SourceRow>) -> (Vec<SourceRow>, T) + Sync,
    ) -> Result<(Self, Vec<T>)> {
        let parts = map_sources(root, entries, |rows| IndexPart::new(files, edit(rows)))?;
        let mut outcomes = vec![None; files.all().len()];
        let (mut rows, mut kept, mut more) = (Vec::new(), [0, 0], Vec::new());
        for part in parts {
            for (number, outcome) in part.outcomes {
                outcomes[number] = Some(outcome);
            }
            rows.extend(part.rows);
            kept = [kept[0] + part.kept[0], kept[1] + part.kept[1]];
            more.push(part.more);
        }
        let row = |number: &u32| -> &SourceRow { &rows[*number as usize] };
        let mut by_path: Vec<u32> = (0..).take(rows.len()).collect();
        let of_content = |number: &u32| is_decided(row(number)) || is_pending(row(number));
        let mut by_content: Vec<u32> = by_path.iter().copied().filter(of_content).collect();
        by_path.sort_by(|a, b| row(a).source_path.cmp(&row(b).source_path));
        by_content.sort_by(|a, b| row(a).source_id.cmp(&row(b).source_id));
        Ok((Self { files, outcomes, rows, by_content, by_path, kept }, more))
    }

    /// Number of kept clips of all sources of the dataset, in the training and held-out split.
    pub fn kept(&self) -> [u64; 2] {
        self.kept
    }

    /// The source with a content that was ingested or rejected, so that there is nothing to do.
    ///
    /// Rows of duplicates and pending rows do not count.
    pub fn decided(&self, source_id: &str) -> Option<KnownSource<'_>> {
        let mut files = self.files.numbers_with_content(source_id);
        let of_file = files.find_map(|number| self.outcome(number));
        let row = || self.of_content(source_id).rev().find(|row| is_decided(row));
        of_file.or_else(|| row().map(KnownSource::from))
    }

    /// The source with the path and the content of a file, which has this number.
    pub fn of_file(&self, number: usize) -> Option<KnownSource<'_>> {
        let file = &self.files.all()[number];
        let row =
            || self.of_path(&file.path.to_string_lossy()).find(|row| row.source_id == *file.id);
        self.outcome(number).or_else(|| row().map(KnownSource::from))
    }

    fn outcome(&self, number: usize) -> Option<KnownSource<'_>> {
        let Outcome { reason, clips_kept } = self.outcomes[number]?;
        let path = self.files.all()[number].path.to_string_lossy();
        Some(KnownSource { path, reason: reason.map(Reason::code), clips_kept })
    }

    /// The split of a source that an earlier run decided and that must be decoded again.
    pub fn pending_split(&self, source_id: &str) -> Option<Split> {
        let mut pending = self.of_content(source_id).rev().filter(|row| is_pending(row));
        pending.find_map(|row| row.split)
    }

    /// Whether there is a row with the same content, path and reason. It is no decided row.
    pub fn has_row(&self, row: &SourceRow) -> bool {
        let is_same =
            |known: &SourceRow| known.source_id == row.source_id && known.reason == row.reason;
        self.of_path(&row.source_path).any(is_same)
    }

    fn of_path(&self, path: &str) -> impl Iterator<Item = &SourceRow> {
        self.equal(&self.by_path, path, |row| &row.source_path)
    }

    fn of_content(&self, source_id: &str) -> impl DoubleEndedIterator<Item = &SourceRow> {
        self.equal(&self.by_content, source_id, |row| &row.source_id)
    }

    /// The rows with a text, in their order; `sorted` are numbers of rows, sorted by this text.
    fn equal(
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

impl<T> IndexPart<T> {
    fn new(files: &SourceFiles, (read, more): (Vec<SourceRow>, T)) -> Self {
        // `Vec::retain` would keep the memory of all rows, for each catalog file.
        let (mut kept, mut outcomes, mut rows) = ([0, 0], Vec::new(), Vec::new());
        for row in read {
            kept[usize::from(row.split == Some(Split::HeldOut))] += u64::from(row.clips_kept);
            let outcome = is_decided(&row).then(|| files.number_of(&row).zip(Outcome::of(&row)));
            match outcome.flatten() {
                Some(outcome) => outcomes.push(outcome),
                None if files.concern(&row) => rows.push(row),
                None => {}
            }
        }
        Self { outcomes, rows, kept, more }
    }
}

impl Outcome {
    /// What a row says. `None` if its reason is that of a later version.
    fn of(row: &SourceRow) -> Option<Self> {
        let reason = row.reason.as_deref().map(|code| Reason::from_str(code, false));
        Some(Self { reason: reason.transpose().ok()?, clips_kept: row.clips_kept })
    }
}

impl<'a> From<&'a SourceRow> for KnownSource<'a> {
    fn from(row: &'a SourceRow) -> Self {
        let (path, reason) = (row.source_path.as_str().into(), row.reason.as_deref());
        Self { path, reason, clips_kept: row.clips_kept }
    }
}

/// The source rows of a dataset for which `is_wanted` is true.
pub fn find_sources(
    root: &Utf8Path,
    is_wanted: impl Fn(&SourceRow) -> bool + Sync,
) -> Result<Vec<SourceRow>> {
    let manifest = Manifest::load(root)?;
    let parts = map_sources(root, manifest.table(tables::SOURCES), |mut rows| {
        rows.retain(&is_wanted);
        rows.shrink_to_fit();
        rows
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Calls `read` with the source rows of each catalog file. The results have the files' order.
fn map_sources<T: Send>(
    root: &Utf8Path,
    entries: &[Entry],
    read: impl Fn(Vec<SourceRow>) -> T + Sync,
) -> Result<Vec<T>> {
    let rows = |entry: &Entry| {
        sources_of_file(root, entry).with_context(|| format!("cannot read the catalog in {root}"))
    };
    entries.par_iter().map(|entry| Ok(read(rows(entry)?))).collect()
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
