//! Sorting out the files that were found: what is known, what is the same twice, what is new.

use std::collections::BTreeMap;
use std::path::Path;

use genie_shards::SourceRow;

use super::source::Source;
use super::tally::Tally;
use crate::catalogue::Catalogue;
use crate::reject::{Reason, Reject};

/// What is to be done.
pub struct Work {
    /// Sources to decode, by content hash.
    pub new: Vec<Source>,
    /// Rows of sources that need no look inside.
    pub rows: Vec<SourceRow>,
}

/// Of all files of one content one is used: the one that was used before, else one with a sidecar, else the first by path.
/// The others are duplicates.
pub fn plan(sources: Vec<Source>, catalogue: &Catalogue) -> (Work, Tally) {
    let mut tally = Tally::default();
    let mut work = Work { new: Vec::new(), rows: Vec::new() };
    let mut contents: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for source in sources {
        if let Some(reject) = &source.reject {
            let row = source.rejected(reject);
            tally.rejected += 1;
            if !catalogue.has_row(&row) {
                tracing::warn!("{}: {reject}", row.source_path);
                work.rows.push(row);
            }
        } else {
            contents.entry(source.id.clone()).or_default().push(source);
        }
    }
    for (id, mut same) in contents {
        let original = if let Some(row) = catalogue.decided(&id) {
            tally.known(row);
            // A file that was only moved is no duplicate.
            if !Path::new(&row.source_path).exists() {
                same.remove(0);
            }
            same.retain(|copy| copy.shown_path() != row.source_path);
            row.source_path.clone()
        } else {
            let used = same.iter().position(Source::has_sidecar).unwrap_or(0);
            let used = same.remove(used);
            let path = used.shown_path();
            work.new.push(used);
            path
        };
        for copy in same {
            tally.duplicates += 1;
            let row = copy.rejected(&Reject::new(Reason::Duplicate, format!("the same bytes as {original}")));
            if !catalogue.has_row(&row) {
                work.rows.push(row);
            }
        }
    }
    (work, tally)
}
