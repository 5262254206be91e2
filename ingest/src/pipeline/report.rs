//! The report of a run: a line per source with a problem, the counts at the end, and the exit code.

use camino::Utf8Path;
use genie_shards::SourceRow;
use genie_stage::Exit;

use crate::catalog::SourceIndex;
use crate::discover::SourceFile;
use crate::reject::Reason;

/// Counts of the sources that a run was asked for.
#[derive(Default)]
pub struct SourceCounts {
    accepted: u64,
    /// Clips of the accepted sources.
    clips: u64,
    /// Clips of the sources that this run decoded.
    new_clips: u64,
    /// Sources that the user's own rules exclude.
    filtered: u64,
    duplicates: u64,
    rejected: u64,
}

impl SourceCounts {
    /// Counts sources, given as (path, content hash), by the rows of the finalized catalog.
    ///
    /// `new` are the sources that this run decoded.
    pub fn of(asked: &[(String, String)], catalog: &SourceIndex, new: &[SourceFile]) -> Self {
        let mut counts = Self::default();
        for (path, id) in asked {
            // Another file may have had the same content, and may be gone.
            let row = catalog.row_of(path, id).or_else(|| catalog.decided(id));
            let Some(row) = row else { continue };
            match row.reason.as_deref() {
                None => {
                    counts.accepted += 1;
                    counts.clips += u64::from(row.clips_kept);
                }
                Some(reason) if reason == Reason::Duplicate.code() => counts.duplicates += 1,
                Some(reason) if reason == Reason::NotAVideo.code() => {}
                Some(reason) if Reason::is_harmless(reason) => counts.filtered += 1,
                Some(_) => counts.rejected += 1,
            }
        }
        let new_rows = new.iter().filter_map(|source| catalog.decided(&source.id));
        counts.new_clips = new_rows.map(|row| u64::from(row.clips_kept)).sum();
        counts
    }

    /// Logs the counts. `up_to_date`: the run had nothing to do.
    pub fn log(&self, root: &Utf8Path, up_to_date: bool) {
        let how = if up_to_date { "is up to date" } else { "is done" };
        let &Self { accepted, clips, new_clips, filtered, duplicates, rejected } = self;
        tracing::info!(
            "ingest {how}: {accepted} sources with {clips} clips ({new_clips} new), \
             {filtered} filtered, {rejected} rejected, {duplicates} duplicates; in {root}"
        );
    }

    /// The exit code: 2 if a source was rejected for a reason other than the user's own rules.
    pub fn exit(&self) -> Exit {
        if self.rejected > 0 { Exit::Rejects } else { Exit::Done }
    }
}

/// Logs what happened to a source: as a warning if it has a problem, else for debugging.
pub fn log_source(row: &SourceRow) {
    let detail = row.detail.as_deref().unwrap_or("");
    match &row.reason {
        Some(reason) if Reason::is_harmless(reason) => {
            tracing::debug!("{}: {reason}: {detail}", row.source_path);
        }
        Some(reason) => tracing::warn!("{}: {reason}: {detail}", row.source_path),
        None if detail.is_empty() => {}
        None => tracing::warn!("{}: {detail}", row.source_path),
    }
}
