//! Sorting out the files that were found: what is known, what is the same twice, what is new.

use std::collections::BTreeMap;
use std::path::Path;

use genie_shards::SourceRow;

use super::report::log_source;
use crate::catalog::SourceIndex;
use crate::config::MetadataRules;
use crate::discover::{SourceFile, metadata};
use crate::reject::{Reason, Reject};

/// What is to be done.
#[derive(Default)]
pub struct IngestPlan {
    /// Sources to decode, by content hash.
    pub new: Vec<SourceFile>,
    /// Rows of sources that need no look inside.
    pub rows: Vec<SourceRow>,
}

/// Of all files of one content one is used: the one that was used before, else one with a sidecar, else the first by path.
/// The others are duplicates.
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
            // A file that was only moved is no duplicate.
            if !Path::new(&row.source_path).exists() {
                same.remove(0);
            }
            same.retain(|copy| copy.shown_path() != row.source_path);
            row.source_path.clone()
        } else {
            let used = same.iter().position(|source| source.sidecar.is_some()).unwrap_or(0);
            let used = same.remove(used);
            let path = used.shown_path();
            match metadata::judge(&used.path, rules) {
                Some(reject) => plan.reject(&used, &reject, catalog),
                None => plan.new.push(used),
            }
            path
        };
        for copy in same {
            plan.reject(
                &copy,
                &Reject::new(Reason::Duplicate, format!("the same bytes as {original}")),
                catalog,
            );
        }
    }
    plan
}

impl IngestPlan {
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.rows.is_empty()
    }

    /// Notes a source that is not decoded, if that is new.
    fn reject(&mut self, source: &SourceFile, reject: &Reject, catalog: &SourceIndex) {
        let row = source.rejected(source.row(), reject);
        if !catalog.has_row(&row) {
            log_source(&row);
            self.rows.push(row);
        }
    }
}
