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

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use genie_shards::{SourceRow, Split};
use genie_stage::key::Key;

use super::keys::has_sidecar;
use super::row_kinds::{is_duplicate, is_of_config, is_of_path, pending};
use crate::discover::{FileStamp, SourceFile, SourceFiles};
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

/// Follows the rows of a catalog to the files that a run found.
pub struct FileFollower<'a> {
    pub files: &'a SourceFiles,
    /// Splits are inherited from rows of the config with this key.
    pub config_key: &'a Key,
}

/// Rows of duplicates whose files exist, but that the run was not asked for, by content.
type Copies<'r> = HashMap<&'r str, &'r SourceRow>;

impl<'a> FileFollower<'a> {
    /// Updates rows to the files that were found. Rows of contents that are replaced stay.
    ///
    /// `rows` must have all rows of their contents.
    pub fn follow(&self, rows: &[SourceRow]) -> (Vec<SourceRow>, FileChanges) {
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
                self.content(row, &copies, &mut changes)
            }));
        }
        let used: HashSet<(String, String)> =
            followed.iter().filter(|row| !is_duplicate(row)).map(place_of).collect();
        followed.retain(|row| !is_duplicate(row) || !used.contains(&place_of(row)));
        (followed, changes)
    }

    /// The files that were found at a path of the catalog, which may be written otherwise.
    fn at(&self, path: &str) -> Vec<&'a SourceFile> {
        let mut files: Vec<&SourceFile> =
            self.files.numbers_at(path).map(|number| &self.files.all()[number]).collect();
        if files.is_empty() {
            let identity = std::fs::canonicalize(path).ok();
            files.extend(identity.and_then(|path| self.files.with_identity(&path)));
        }
        files
    }

    fn fate(&self, row: &SourceRow, copies: &Copies<'_>) -> Fate<'a> {
        let here = self.at(&row.source_path);
        if let Some(same) = here.iter().find(|source| *source.id == *row.source_id) {
            return Fate::At(Place::from(*same));
        }
        if here.is_empty() && exists(&row.source_path) {
            return Fate::Unknown;
        }
        let found: Vec<&SourceFile> = self.files.with_content(&row.source_id).collect();
        if !found.is_empty() {
            return Fate::At(Place::from(found[original(&found)]));
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
        changes: &mut FileChanges,
    ) -> Option<SourceRow> {
        match self.fate(&row, copies) {
            Fate::At(place) => {
                row.source_path = place.path;
                (row.bytes, row.modified_ns) = (place.stamp.bytes, place.stamp.modified_ns);
            }
            Fate::Replaced(others) => {
                let split = row.split.filter(|_| is_of_config(&row, self.config_key));
                for (other, split) in others.iter().filter_map(|&other| Some((other, split?))) {
                    changes.inherit(other.id.to_string(), split);
                }
                let others = others.into_iter().map(|source| source.id.to_string()).collect();
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
        let same = here.iter().find(|source| *source.id == *row.source_id);
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
        let mut here = self.files.at(&row.source_path).peekable();
        if here.peek().is_none() {
            return Some(row.clone());
        }
        let still = |source: &SourceFile| {
            let reject = source.reject.as_ref();
            reject.is_some_and(|reject| source.rejected(source.row(), reject).reason == row.reason)
        };
        if here.any(still) {
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
pub fn original(same: &[&SourceFile]) -> usize {
    same.iter().position(|source| has_sidecar(&source.key)).unwrap_or(0)
}

/// Whether a file is at a path. A directory may have taken its place.
fn exists(path: &str) -> bool {
    Path::new(path).is_file()
}

fn place_of(row: &SourceRow) -> (String, String) {
    (row.source_path.clone(), row.source_id.clone())
}
