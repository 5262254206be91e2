//! Planning a run: which files are known, which ones are duplicates, and which ones are new.

use std::collections::BTreeMap;
use std::path::Path;

use genie_shards::SourceRow;

use super::report::log_source;
use crate::catalog::SourceIndex;
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
/// path.
pub fn plan(sources: Vec<SourceFile>, catalog: &SourceIndex, rules: &MetadataRules) -> IngestPlan {
    let mut plan = IngestPlan::default();
    let mut contents: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    for source in sources {
        if let Some(reject) = &source.reject {
            plan.reject(&source, reject, catalog);
        } else {
            contents.entry(source.id.clone()).or_default().push(source);
        }
    }
    for (id, mut same) in contents {
        let original = if let Some(row) = catalog.decided(&id) {
            // If the earlier file is gone, one of these is the same file at a new path.
            if !Path::new(&row.source_path).exists() {
                same.remove(0);
            }
            same.retain(|copy| copy.shown_path() != row.source_path);
            row.source_path.clone()
        } else {
            let used = same.iter().position(|source| source.sidecar.is_some()).unwrap_or(0);
            let used = same.remove(used);
            let path = used.shown_path();
            match metadata::check(&used.path, rules) {
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
