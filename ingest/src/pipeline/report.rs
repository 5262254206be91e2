//! The report of a run: a line per source with a problem, the counts at the end, and the exit code.

use std::collections::BTreeMap;

use camino::Utf8Path;
use genie_catalog::one_line;
use genie_shards::SourceRow;
use genie_stage::Exit;

use crate::catalog::SourceIndex;
use crate::discover::{SourceFile, SourceFiles};
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
    /// Leftovers of downloads that cannot be used, and sound files that a search found.
    leftovers: u64,
    /// Other sources that cannot be used, by reason.
    rejected: BTreeMap<String, u64>,
    /// Clips of all sources in the dataset.
    all_clips: u64,
}

impl SourceCounts {
    /// Counts sources by the rows of the finalized catalog.
    ///
    /// `new` are the sources that this run decoded.
    pub fn of(asked: &SourceFiles, catalog: &SourceIndex<'_>, new: &[SourceFile]) -> Self {
        let mut counts = Self::default();
        for (number, file) in asked.all().iter().enumerate() {
            // Another file may have had the same content, and may be gone.
            let known = catalog.of_file(number).or_else(|| catalog.decided(&file.id));
            let Some(known) = known else { continue };
            match known.reason {
                None => {
                    counts.accepted += 1;
                    counts.clips += u64::from(known.clips_kept);
                }
                Some(reason) if reason == Reason::Duplicate.code() => counts.duplicates += 1,
                Some(reason) if reason == Reason::NotAVideo.code() => {}
                Some(reason) if Reason::is_harmless(reason) => counts.filtered += 1,
                Some(_) if file.leftover => counts.leftovers += 1,
                // A talk may be beside the videos, and many containers of videos have only sound.
                Some(reason) if !file.named && reason == Reason::NoVideoStream.code() => {
                    counts.leftovers += 1;
                }
                Some(reason) => *counts.rejected.entry(reason.to_owned()).or_default() += 1,
            }
        }
        counts.all_clips = catalog.kept().iter().sum();
        let new = new.iter().filter_map(|source| catalog.decided(&source.id));
        counts.new_clips = new.map(|known| u64::from(known.clips_kept)).sum();
        counts
    }

    /// Logs the counts. `up_to_date`: the run had nothing to do.
    pub fn log(&self, root: &Utf8Path, up_to_date: bool) {
        let how = if up_to_date { "is up to date" } else { "is done" };
        let &Self { accepted, clips, new_clips, filtered, duplicates, leftovers, .. } = self;
        let rejected = self.rejected.values().sum::<u64>();
        let reasons: Vec<String> =
            self.rejected.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let reasons =
            if rejected > 0 { format!(" ({})", reasons.join(", ")) } else { String::new() };
        let leftovers = match leftovers {
            0 => String::new(),
            count => format!(", {count} leftovers of downloads or sound files"),
        };
        let line = format!(
            "{accepted} sources with {clips} clips ({new_clips} new), {filtered} filtered, \
             {rejected} rejected{reasons}, {duplicates} duplicates{leftovers}; in {}",
            genie_store::shown(root)
        );
        tracing::info!("ingest {how}: {line}");
        if self.all_clips == 0 {
            tracing::error!(
                "ingest: the dataset has no clips: {line}; check data.videos: `genie-ingest sql \
                 \"select source_path, reason, detail from sources\"` lists why"
            );
        }
    }

    /// The exit code: 2 if a source was rejected for a reason other than the user's own rules.
    pub fn exit(&self) -> Exit {
        if self.rejected.is_empty() { Exit::Done } else { Exit::Rejects }
    }
}

/// Warns if no clip is held out, although `held_out` asks for some.
pub fn log_splits(catalog: &SourceIndex<'_>, held_out: f64) {
    let [train, held] = catalog.kept();
    if held_out > 0.0 && train > 0 && held == 0 {
        tracing::warn!(
            "no clip is held out, so models cannot be measured: add a video; sources of earlier \
             runs stay in the training split, because models may have been trained on them"
        );
    }
}

/// Logs what happened to a source: as a warning if it has a problem, else for debugging.
///
/// A name may contain anything, so it is shown in one line.
pub fn log_source(row: &SourceRow) {
    let path = one_line(&row.source_path);
    let detail = one_line(row.detail.as_deref().unwrap_or(""));
    match &row.reason {
        Some(reason) if Reason::is_harmless(reason) => {
            tracing::debug!("{path}: {reason}: {detail}");
        }
        Some(reason) => tracing::warn!("{path}: {reason}: {detail}"),
        None if detail.is_empty() => {}
        None => tracing::warn!("{path}: {detail}"),
    }
}
