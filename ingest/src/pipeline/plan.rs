//! Sorting out the files that were found: what is known, what is the same twice, what is new.

use std::collections::BTreeMap;
use std::path::Path;

use genie_shards::SourceRow;

use super::source::Source;
use super::tally::tell;
use crate::catalogue::Catalogue;
use crate::config::MetadataRules;
use crate::metadata;
use crate::reject::{Reason, Reject};

/// What is to be done.
#[derive(Default)]
pub struct Work {
    /// Sources to decode, by content hash.
    pub new: Vec<Source>,
    /// Rows of sources that need no look inside.
    pub rows: Vec<SourceRow>,
}

/// Of all files of one content one is used: the one that was used before, else one with a sidecar, else the first by path.
/// The others are duplicates.
pub fn plan(sources: Vec<Source>, catalogue: &Catalogue, rules: &MetadataRules) -> Work {
    let mut work = Work::default();
    let mut contents: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for source in sources {
        if let Some(reject) = &source.reject {
            work.reject(&source, reject, catalogue);
        } else {
            contents.entry(source.id.clone()).or_default().push(source);
        }
    }
    for (id, mut same) in contents {
        let original = if let Some(row) = catalogue.decided(&id) {
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
                Some(reject) => work.reject(&used, &reject, catalogue),
                None => work.new.push(used),
            }
            path
        };
        for copy in same {
            work.reject(
                &copy,
                &Reject::new(Reason::Duplicate, format!("the same bytes as {original}")),
                catalogue,
            );
        }
    }
    work
}

impl Work {
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.rows.is_empty()
    }

    /// Notes a source that is not decoded, if that is new.
    fn reject(&mut self, source: &Source, reject: &Reject, catalogue: &Catalogue) {
        let row = source.rejected(source.row(), reject);
        if !catalogue.has_row(&row) {
            tell(&row);
            self.rows.push(row);
        }
    }
}
