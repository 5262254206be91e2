//! What a run tells at its end: counts of the sources that were asked for, and the exit code that follows.

use genie_shards::SourceRow;
use genie_stage::Exit;
use genie_stage::config::DataConfig;

use super::plan::Work;
use super::source::Source;
use crate::catalogue::Catalogue;
use crate::reject::Reason;

/// What became of the sources that were asked for.
pub struct Tally {
    /// Path and content.
    asked: Vec<(String, String)>,
    accepted: u64,
    clips: u64,
    new_clips: u64,
    /// Sources that this run looked into.
    new: u64,
    /// Not used, by the user's own rules.
    filtered: u64,
    duplicates: u64,
    rejected: u64,
}

impl Tally {
    pub fn new(sources: &[Source]) -> Self {
        let asked = sources.iter().map(|source| (source.shown_path(), source.id.clone())).collect();
        Self {
            asked,
            accepted: 0,
            clips: 0,
            new_clips: 0,
            new: 0,
            filtered: 0,
            duplicates: 0,
            rejected: 0,
        }
    }

    /// Counts by the catalog as it is at the end; `work` is what this run had to do.
    pub fn count(&mut self, catalogue: &Catalogue, work: &Work) {
        for (path, id) in &self.asked {
            // The content may be known from a file that is gone.
            let row = catalogue.row_of(path, id).or_else(|| catalogue.decided(id));
            let Some(row) = row else { continue };
            match row.reason.as_deref() {
                None => {
                    self.accepted += 1;
                    self.clips += u64::from(row.clips_kept);
                }
                Some(reason) if reason == Reason::Duplicate.code() => self.duplicates += 1,
                Some(reason) if reason == Reason::NotAVideo.code() => {}
                Some(reason) if Reason::is_harmless(reason) => self.filtered += 1,
                Some(_) => self.rejected += 1,
            }
        }
        self.new = (work.new.len() + work.rows.len()) as u64;
        let new_rows = work.new.iter().filter_map(|source| catalogue.decided(&source.id));
        self.new_clips = new_rows.map(|row| u64::from(row.clips_kept)).sum();
    }

    pub fn report(&self, data: &DataConfig) {
        let how = if self.new == 0 { "is up to date" } else { "is done" };
        tracing::info!(
            "ingest {how}: {} sources with {} clips ({} new), {} filtered, {} rejected, {} duplicates; in {}",
            self.accepted,
            self.clips,
            self.new_clips,
            self.filtered,
            self.rejected,
            self.duplicates,
            data.root
        );
    }

    pub fn exit(&self) -> Exit {
        if self.rejected > 0 { Exit::Rejects } else { Exit::Done }
    }
}

/// Says what became of a source, where that is worth a line.
pub fn tell(row: &SourceRow) {
    let detail = row.detail.as_deref().unwrap_or("");
    match &row.reason {
        Some(reason) if Reason::is_harmless(reason) => {
            tracing::debug!("{}: {reason}: {detail}", row.source_path)
        }
        Some(reason) => tracing::warn!("{}: {reason}: {detail}", row.source_path),
        None if detail.is_empty() => {}
        None => tracing::warn!("{}: {detail}", row.source_path),
    }
}
