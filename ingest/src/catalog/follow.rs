//! Following known sources: where their files are now.
//!
//! A source is its content, and its row names the path where the content lies. Between two runs
//! files are renamed, swapped, overwritten, or they grow. For each row this module finds out which
//! of these happened:
//! - The content is at the row's path, or at another path: the row gets the current path.
//! - The content is nowhere, and its path has another content: the new content replaces it. The new
//!   content inherits the split, because it may contain the same play.
//! - The content is nowhere, and its path has no readable file: the row stays, so users may delete
//!   videos after ingest. A row that only says that the content was no video goes if the file is
//!   there and has another problem.
//!
//! All of this follows from the rows and the found files. So a run that was killed is repeated with
//! the same result.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use genie_shards::{SourceRow, Split};
use genie_stage::key::Key;

use super::row_kinds::{is_duplicate, is_of_config, is_of_path, pending};
use crate::discover::{FileStamp, SourceFile};
use crate::reject::Reason;

/// What happened to known sources since the last run.
#[derive(Default)]
pub struct FileChanges {
    /// Content hashes that are replaced, with the hashes of the contents at their paths.
    pub replaced: BTreeMap<String, Vec<String>>,
    /// Splits that contents inherit from the contents that they replace.
    pub inherited: HashMap<String, Split>,
}

impl FileChanges {
    /// The changes of two parts of the catalog.
    pub fn merge(mut self, other: Self) -> Self {
        self.replaced.extend(other.replaced);
        for (id, split) in other.inherited {
            self.inherit(id, split);
        }
        self
    }

    fn inherit(&mut self, id: String, split: Split) {
        // The training split is the safe one: models may have seen the play.
        let inherited = self.inherited.entry(id).or_insert(split);
        *inherited = split.min(*inherited);
    }
}

/// Where a file with the content of a row is.
struct Place {
    path: String,
    stamp: FileStamp,
}

/// What happened to the content of a row.
enum Fate<'a> {
    At(Place),
    /// Other contents are at its path.
    Replaced(Vec<&'a SourceFile>),
    /// It was not looked for, or is gone.
    Unknown,
}

/// The found files, by path and by content.
#[expect(clippy::struct_field_names, reason = "each field says by what the files are found")]
pub struct FoundFiles<'a> {
    by_path: HashMap<Cow<'a, str>, Vec<&'a SourceFile>>,
    /// By the path without symbolic links, which also finds a path that was written otherwise.
    by_identity: HashMap<&'a Path, &'a SourceFile>,
    /// Sorted by path.
    by_content: HashMap<&'a str, Vec<&'a SourceFile>>,
}

/// Rows of duplicates whose files exist, but that the run was not asked for, by content.
type Copies<'r> = HashMap<&'r str, &'r SourceRow>;

impl<'a> FoundFiles<'a> {
    /// Sorts the files that a run found.
    pub fn new(found: &'a [SourceFile]) -> Self {
        let mut files = Self {
            by_path: HashMap::new(),
            by_identity: HashMap::new(),
            by_content: HashMap::new(),
        };
        for source in found {
            // Several paths that are not UTF-8 can have the same name in the catalog.
            files.by_path.entry(source.path.to_string_lossy()).or_default().push(source);
            files.by_identity.insert(&source.identity, source);
            if !source.id.is_empty() {
                files.by_content.entry(&source.id).or_default().push(source);
            }
        }
        files
    }

    /// Whether a file with the path or the content of a row was found.
    pub fn concern(&self, row: &SourceRow) -> bool {
        self.by_path.contains_key(row.source_path.as_str())
            || self.by_content.contains_key(row.source_id.as_str())
    }

    /// The found file with the path and the content of a row.
    pub fn file_of(&self, row: &SourceRow) -> Option<&'a SourceFile> {
        let files = self.by_path.get(row.source_path.as_str()).into_iter().flatten();
        files.copied().find(|file| !file.id.is_empty() && file.id == row.source_id)
    }

    /// Updates rows to the files that were found. Rows of contents that are replaced stay.
    ///
    /// `rows` must have all rows of their contents. Splits are inherited from rows of the config
    /// with the key `config_key`.
    pub fn follow(&self, rows: &[SourceRow], config_key: &Key) -> (Vec<SourceRow>, FileChanges) {
        let unasked = |row: &&SourceRow| {
            is_duplicate(row) && self.at(&row.source_path).is_empty() && exists(&row.source_path)
        };
        let copies: Copies<'_> =
            rows.iter().filter(unasked).map(|row| (row.source_id.as_str(), row)).collect();
        let mut changes = FileChanges::default();
        let mut followed = Vec::new();
        for row in rows {
            let row = if is_of_path(row) {
                self.still_rejected(row)
            } else if is_duplicate(row) {
                self.duplicate(row)
            } else {
                Some(row.clone())
            };
            followed.extend(row.and_then(|row| {
                if is_of_path(&row) || is_duplicate(&row) {
                    return Some(row);
                }
                self.content(row, &copies, config_key, &mut changes)
            }));
        }
        let used: HashSet<(String, String)> =
            followed.iter().filter(|row| !is_duplicate(row)).map(place_of).collect();
        followed.retain(|row| !is_duplicate(row) || !used.contains(&place_of(row)));
        (followed, changes)
    }

    /// The files that were found at a path of the catalog.
    fn at(&self, path: &str) -> Vec<&'a SourceFile> {
        if let Some(files) = self.by_path.get(path) {
            return files.clone();
        }
        let identity = std::fs::canonicalize(path).ok();
        identity
            .and_then(|path| self.by_identity.get(path.as_path()))
            .copied()
            .into_iter()
            .collect()
    }

    fn fate(&self, row: &SourceRow, copies: &Copies<'_>) -> Fate<'a> {
        let here = self.at(&row.source_path);
        if let Some(same) = here.iter().find(|source| source.id == row.source_id) {
            return Fate::At(Place::from(*same));
        }
        if here.is_empty() && exists(&row.source_path) {
            return Fate::Unknown;
        }
        if let Some(copies) = self.by_content.get(row.source_id.as_str()) {
            return Fate::At(Place::from(copies[original(copies)]));
        }
        let others: Vec<&SourceFile> =
            here.into_iter().filter(|source| !source.id.is_empty()).collect();
        match copies.get(row.source_id.as_str()) {
            _ if others.is_empty() => Fate::Unknown,
            Some(copy) => Fate::At(Place::from(*copy)),
            None => Fate::Replaced(others),
        }
    }

    /// The row of a content, at its current path.
    ///
    /// `None` if it only says that the file was no video, and the file now has another problem.
    fn content(
        &self,
        mut row: SourceRow,
        copies: &Copies<'_>,
        config_key: &Key,
        changes: &mut FileChanges,
    ) -> Option<SourceRow> {
        match self.fate(&row, copies) {
            Fate::At(place) => {
                row.source_path = place.path;
                (row.bytes, row.modified_ns) = (place.stamp.bytes, place.stamp.modified_ns);
            }
            Fate::Replaced(others) => {
                let split = row.split.filter(|_| is_of_config(&row, config_key));
                for (other, split) in others.iter().filter_map(|&other| Some((other, split?))) {
                    changes.inherit(other.id.clone(), split);
                }
                let others = others.into_iter().map(|source| source.id.clone()).collect();
                changes.replaced.insert(row.source_id.clone(), others);
            }
            Fate::Unknown => {
                let was_no_video = row.reason.as_deref().is_some_and(Reason::code_is_no_video);
                if was_no_video && !self.at(&row.source_path).is_empty() {
                    return pending(&row);
                }
            }
        }
        Some(row)
    }

    /// The row of a duplicate, if the copy is still there.
    fn duplicate(&self, row: &SourceRow) -> Option<SourceRow> {
        let here = self.at(&row.source_path);
        let same = here.iter().find(|source| source.id == row.source_id);
        let Some(same) = same else {
            return (here.is_empty() && exists(&row.source_path)).then(|| row.clone());
        };
        let mut row = row.clone();
        row.source_path = same.shown_path();
        (row.bytes, row.modified_ns) = (same.stamp.bytes, same.stamp.modified_ns);
        Some(row)
    }

    /// The row of a reject that belongs to a path, if it is still true or was not looked for.
    fn still_rejected(&self, row: &SourceRow) -> Option<SourceRow> {
        let Some(here) = self.by_path.get(row.source_path.as_str()) else {
            return Some(row.clone());
        };
        let still = |source: &&SourceFile| {
            let reject = source.reject.as_ref();
            reject.is_some_and(|reject| source.rejected(source.row(), reject).reason == row.reason)
        };
        if here.iter().any(still) {
            return Some(row.clone());
        }
        // The row of a changed file keeps its split until the file was read again.
        (!row.source_id.is_empty()).then(|| pending(row)).flatten()
    }
}

impl From<&SourceFile> for Place {
    fn from(source: &SourceFile) -> Self {
        Self { path: source.shown_path(), stamp: source.stamp }
    }
}

impl From<&SourceRow> for Place {
    fn from(row: &SourceRow) -> Self {
        Self {
            path: row.source_path.clone(),
            stamp: FileStamp { bytes: row.bytes, modified_ns: row.modified_ns },
        }
    }
}

/// The index of the file to use, of several with the same content, sorted by path.
///
/// It is the first one with a sidecar, else the first one.
pub fn original(same: &[impl std::borrow::Borrow<SourceFile>]) -> usize {
    same.iter().position(|source| source.borrow().sidecar.is_some()).unwrap_or(0)
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

fn place_of(row: &SourceRow) -> (String, String) {
    (row.source_path.clone(), row.source_id.clone())
}
