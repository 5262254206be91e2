//! Planning a run: which files are known, which ones are duplicates, and which ones are new.

use genie_shards::SourceRow;

use super::report::log_source;
use crate::catalog::{FileChanges, SourceIndex, original};
use crate::config::MetadataRules;
use crate::discover::{SourceFile, metadata};
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
    sources: Vec<SourceFile>,
    catalog: &SourceIndex,
    changes: &FileChanges,
    rules: &MetadataRules,
) -> IngestPlan {
    let mut plan = IngestPlan::default();
    let mut usable = Vec::with_capacity(sources.len());
    for source in sources {
        match &source.reject {
            Some(reject) => plan.reject(&source, reject, catalog),
            None => usable.push(source),
        }
    }
    // The files of one content stay in the order of their paths.
    usable.sort_by(|a, b| a.id.cmp(&b.id));
    let mut usable = usable.into_iter().peekable();
    while let Some(first) = usable.next() {
        let id = first.id.clone();
        let mut same = vec![first];
        same.extend(std::iter::from_fn(|| usable.next_if(|copy| copy.id == id)));
        let original = if let Some(row) = catalog.decided(&id) {
            same.retain(|copy| copy.shown_path() != row.source_path);
            row.source_path.clone()
        } else {
            let mut used = same.remove(original(&same));
            used.split = catalog.pending_split(&id).or(changes.inherited.get(&id).copied());
            let path = used.shown_path();
            let verdict = metadata::check(&used.path, rules);
            used.note = verdict.note;
            match verdict.reject {
                Some(reject) => plan.reject(&used, &reject, catalog),
                None => plan.new.push(used),
            }
            path
        };
        for copy in same {
            plan.reject(
                &copy,
                &Reject::new(Reason::Duplicate, format!("it has the same bytes as {original}")),
                catalog,
            );
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
    fn reject(&mut self, source: &SourceFile, reject: &Reject, catalog: &SourceIndex) {
        let row = source.rejected(source.row(), reject);
        if !catalog.has_row(&row) {
            log_source(&row);
            self.rows.push(row);
        }
    }
}
