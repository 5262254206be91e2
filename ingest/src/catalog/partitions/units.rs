//! Parts of the catalog that fit in memory, one after the other.
//!
//! A unit has the rows of one partition and the loose rows that belong to it. If these are many, as
//! in the first run, a partition has several units.

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipPrint, Entry, SourceRow, clip_rows_of_file, scan_clip_sources, scan_prints, sources_of_file,
};
use rayon::prelude::*;

use super::layout::{CatalogLayout, PartitionFiles};
use super::prefix::{KeyPrefix, key_of, key_of_row};
use super::rows::{CatalogRows, sort_sources};

/// Limits of the rows that a unit may have, as a multiple of the rows of a partition.
const LIMITS: u64 = 4;

/// A part of the catalog that is read at once.
pub struct CatalogUnit {
    pub prefix: KeyPrefix,
    /// The partition that contains the unit.
    pub partition: Option<(KeyPrefix, PartitionFiles)>,
    loose_sources: Vec<Entry>,
    loose_clips: Vec<Entry>,
}

/// Divides a catalog into units, in the order of their prefixes. Units without rows are left out.
///
/// `limit` is the number of rows of a partition.
pub fn units(root: &Utf8Path, layout: &CatalogLayout, limit: u64) -> Result<Vec<CatalogUnit>> {
    let partitions: Vec<(KeyPrefix, PartitionFiles)> =
        layout.partitions.iter().map(|(prefix, files)| (*prefix, files.clone())).collect();
    let loose = LooseKeys::read(root, layout)?;
    let mut units = Vec::new();
    loose.divide(KeyPrefix::ALL, &partitions, limit, &mut units);
    Ok(units)
}

/// The keys of the rows of all loose files.
struct LooseKeys {
    sources: Vec<FileKeys>,
    clips: Vec<FileKeys>,
}

/// The keys of the rows of a file, sorted.
struct FileKeys {
    entry: Entry,
    keys: Vec<u64>,
}

impl FileKeys {
    fn new(entry: &Entry, mut keys: Vec<u64>) -> Self {
        keys.sort_unstable();
        Self { entry: entry.clone(), keys }
    }

    fn count(&self, prefix: KeyPrefix) -> usize {
        let range = prefix.range();
        let first = self.keys.partition_point(|key| key < range.start());
        self.keys.partition_point(|key| key <= range.end()) - first
    }
}

impl LooseKeys {
    fn read(root: &Utf8Path, layout: &CatalogLayout) -> Result<Self> {
        // Many small files, which may have to be fetched from a store.
        let sources = layout.loose_sources.par_iter().map(|entry| {
            let rows = sources_of_file(root, entry)?;
            Ok(FileKeys::new(entry, rows.iter().map(key_of_row).collect()))
        });
        let clips = layout.loose_clips.par_iter().map(|entry| {
            let mut keys = Vec::new();
            scan_clip_sources(root, entry, &mut |id| keys.push(key_of(id)))?;
            Ok(FileKeys::new(entry, keys))
        });
        Ok(Self { sources: sources.collect::<Result<_>>()?, clips: clips.collect::<Result<_>>()? })
    }

    /// Adds the units with a prefix. `partitions` are those that the prefix covers, or is part of.
    fn divide(
        &self,
        prefix: KeyPrefix,
        partitions: &[(KeyPrefix, PartitionFiles)],
        limit: u64,
        units: &mut Vec<CatalogUnit>,
    ) {
        let partition = match partitions {
            [] => None,
            [one] if one.0.covers(prefix) => Some(one),
            _ => {
                self.halve(prefix, partitions, limit, units);
                return;
            }
        };
        let files = self.sources.iter().chain(&self.clips);
        let loose = files.map(|file| file.count(prefix) as u64).sum::<u64>();
        let stored = partition.map_or(0, |(_, files)| files.rows());
        if loose > 0 && stored + loose > LIMITS * limit && !prefix.is_one_key() {
            self.halve(prefix, partitions, limit, units);
        } else if loose > 0 || partition.is_some() {
            let of = |files: &[FileKeys]| {
                let files = files.iter().filter(|file| file.count(prefix) > 0);
                files.map(|file| file.entry.clone()).collect()
            };
            units.push(CatalogUnit {
                prefix,
                partition: partition.cloned(),
                loose_sources: of(&self.sources),
                loose_clips: of(&self.clips),
            });
        }
    }

    fn halve(
        &self,
        prefix: KeyPrefix,
        partitions: &[(KeyPrefix, PartitionFiles)],
        limit: u64,
        units: &mut Vec<CatalogUnit>,
    ) {
        for half in prefix.halves() {
            let first =
                partitions.partition_point(|(other, _)| !half.meets(*other) && *other < half);
            let within = partitions[first..].iter().take_while(|(other, _)| half.meets(*other));
            let count = within.count();
            self.divide(half, &partitions[first..first + count], limit, units);
        }
    }
}

impl CatalogUnit {
    /// Whether the unit has rows that are in no partition yet.
    pub fn is_fresh(&self) -> bool {
        !self.loose_sources.is_empty() || !self.loose_clips.is_empty()
    }

    /// The prefix of the partition that contains the unit, or of the unit if there is none.
    pub fn home(&self) -> KeyPrefix {
        self.partition.as_ref().map_or(self.prefix, |(prefix, _)| *prefix)
    }

    /// Number of rows of the partition that contains the unit.
    pub fn partition_rows(&self) -> u64 {
        self.files().map_or(0, PartitionFiles::rows)
    }

    /// The files with clip rows of the unit, and whether their rows are in no partition yet.
    pub fn clip_files(&self) -> impl Iterator<Item = (&Entry, bool)> {
        let stored = self.files().and_then(|files| files.clips.as_ref());
        let loose = self.loose_clips.iter().map(|entry| (entry, true));
        stored.map(|entry| (entry, false)).into_iter().chain(loose)
    }

    /// Reads the source rows.
    pub fn sources(&self, root: &Utf8Path) -> Result<Vec<SourceRow>> {
        let stored = self.files().and_then(|files| files.sources.as_ref());
        let mut rows = Vec::new();
        for entry in stored.into_iter().chain(&self.loose_sources) {
            rows.extend(sources_of_file(root, entry)?);
        }
        rows.retain(|row| self.prefix.contains(key_of_row(row)));
        sort_sources(&mut rows);
        Ok(rows)
    }

    /// Reads all rows.
    pub fn rows(&self, root: &Utf8Path) -> Result<CatalogRows> {
        let mut rows = match self.files() {
            Some(files) => CatalogRows::read(root, files)?,
            None => CatalogRows::default(),
        };
        for entry in &self.loose_sources {
            rows.sources.extend(sources_of_file(root, entry)?);
        }
        let stored = rows.clips.len();
        for entry in &self.loose_clips {
            rows.clips.extend(clip_rows_of_file(root, entry)?);
        }
        rows.fresh = rows.clips[stored..].iter().map(|row| row.meta.clip_id.clone()).collect();
        rows.retain(self.prefix);
        rows.sort();
        Ok(rows)
    }

    /// Calls `visit` with the fingerprint of each clip, and whether its row is in no partition yet.
    pub fn prints(
        &self,
        root: &Utf8Path,
        visit: &mut dyn FnMut(ClipPrint<'_>, bool),
    ) -> Result<()> {
        let mut scan = |entry: &Entry, is_fresh: bool| {
            scan_prints(root, entry, &mut |print| {
                if self.prefix.contains(key_of(print.source_id)) {
                    visit(print, is_fresh);
                }
            })
        };
        Ok(self.clip_files().try_for_each(|(entry, is_fresh)| scan(entry, is_fresh))?)
    }

    fn files(&self) -> Option<&PartitionFiles> {
        self.partition.as_ref().map(|(_, files)| files)
    }
}
