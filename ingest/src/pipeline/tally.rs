//! What a run tells at its end: counts of the sources that were asked for, and the exit code that follows.

use genie_shards::{SourceRow, Status};
use genie_stage::Exit;
use genie_stage::config::DataConfig;

use super::source::Source;

/// What became of the sources that were asked for.
#[derive(Default)]
pub struct Tally {
    accepted: u64,
    clips: u64,
    pub rejected: u64,
    pub duplicates: u64,
    skipped: u64,
    new_clips: u64,
    /// Rows that this run added to the catalog.
    pub new_rows: u64,
}

impl Tally {
    pub fn known(&mut self, row: &SourceRow) {
        if row.status == Status::Accepted {
            self.accepted += 1;
            self.clips += u64::from(row.clips_kept);
        } else {
            self.rejected += 1;
        }
    }

    pub fn ingested(&mut self, source: &Source, row: &SourceRow) {
        let detail = row.detail.as_deref().unwrap_or("");
        match &row.reason {
            Some(reason) if source.guess => {
                tracing::debug!("{} has no ending and is no video: {reason}", row.source_path);
                self.skipped += 1;
            }
            Some(reason) => {
                tracing::warn!("{}: {reason}: {detail}", row.source_path);
                self.rejected += 1;
                self.new_rows += 1;
            }
            None => {
                if !detail.is_empty() {
                    tracing::warn!("{}: {detail}", row.source_path);
                }
                self.accepted += 1;
                self.new_rows += 1;
                self.clips += u64::from(row.clips_kept);
                self.new_clips += u64::from(row.clips_kept);
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.clips += other.clips;
        self.rejected += other.rejected;
        self.duplicates += other.duplicates;
        self.skipped += other.skipped;
        self.new_clips += other.new_clips;
        self.new_rows += other.new_rows;
    }

    pub fn report(&self, data: &DataConfig) {
        let how = if self.new_rows == 0 { "is up to date" } else { "is done" };
        tracing::info!(
            "ingest {how}: {} sources with {} clips ({} new), {} rejected, {} duplicates; in {}",
            self.accepted,
            self.clips,
            self.new_clips,
            self.rejected,
            self.duplicates,
            data.root
        );
    }

    pub fn exit(&self) -> Exit {
        if self.rejected > 0 { Exit::Rejects } else { Exit::Done }
    }
}
