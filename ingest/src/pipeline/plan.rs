//! Planning a run: which files are known, which ones are duplicates, and which ones are new.

use genie_shards::SourceRow;

use super::report::log_source;
use crate::catalog::{FileChanges, FormerSplits, SourceIndex, original};
use crate::config::MetadataRules;
use crate::discover::{SourceFile, SourceFiles, metadata};
use crate::reject::{Reason, Reject};

/// The work of one run.
#[derive(Default)]
pub struct IngestPlan {
    /// Sources to decode, sorted by content hash.
    pub new: Vec<SourceFile>,
    /// New rows of sources that are rejected without decoding.
    pub rows: Vec<SourceRow>,
}

/// Chooses one file for each content, and plans what to do with it. The other files are duplicates.
///
/// The chosen file is the one that an earlier run used, else one with a sidecar, else the first by
/// path. A new source gets the split that an earlier run decided, if there is one.
pub fn plan(
    files: &SourceFiles,
    catalog: &SourceIndex<'_>,
    (changes, former): (&FileChanges, &FormerSplits),
    rules: &MetadataRules,
) -> IngestPlan {
    let mut plan = IngestPlan::default();
    for file in files.all() {
        if let Some(reject) = &file.reject {
            plan.reject(file, reject, catalog);
        }
    }
    for mut same in files.contents() {
        let id = &*same[0].id;
        let original = if let Some(known) = catalog.decided(id) {
            same.retain(|copy| copy.path.to_string_lossy() != known.path);
            known.path
        } else {
            let used = same.remove(original(&same));
            let path = used.path.to_string_lossy();
            let of_place = [changes.inherited.get(id).copied(), former.of_path(&path)];
            // The training split is the safe one: models may have seen the play.
            let split = catalog
                .pending_split(id)
                .or_else(|| former.of_content(id))
                .or_else(|| of_place.into_iter().flatten().min());
            let verdict = metadata::check(&used.path, rules);
            let note = verdict.note.map(Into::into);
            let new = SourceFile { split, note, ..used.clone() };
            match verdict.reject {
                Some(reject) => plan.reject(&new, &reject, catalog),
                None => plan.new.push(new),
            }
            used.path.to_string_lossy()
        };
        for copy in same {
            let detail = format!("it has the same bytes as {original}");
            plan.reject(copy, &Reject::new(Reason::Duplicate, detail), catalog);
        }
    }
    plan
}

impl IngestPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.rows.is_empty()
    }

    /// Adds the row of a rejected source, unless the catalog already has it.
    fn reject(&mut self, source: &SourceFile, reject: &Reject, catalog: &SourceIndex<'_>) {
        let row = source.rejected(source.row(), reject);
        if !catalog.has_row(&row) {
            log_source(&row);
            self.rows.push(row);
        }
    }
}
