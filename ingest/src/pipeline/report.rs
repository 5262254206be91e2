//! The report of a run: a line per source with a problem, the counts at the end, and the exit code.

use std::collections::BTreeMap;

use camino::Utf8Path;
use genie_catalog::one_line;
use genie_shards::SourceRow;
use genie_stage::Exit;

use crate::catalog::SourceIndex;
use crate::discover::SourceFile;
use crate::reject::Reason;

/// The sources that a run was asked for.
pub struct AskedSources {
    /// Sorted by path.
    sources: Vec<AskedSource>,
    /// Numbers of the sources with a content hash, sorted by it.
    by_id: Vec<u32>,
}

struct AskedSource {
    path: String,
    /// The content hash.
    id: String,
    leftover: bool,
    named: bool,
}

impl AskedSources {
    /// The sources of the files that a run found.
    pub fn new(found: &[SourceFile]) -> Self {
        let source = |source: &SourceFile| AskedSource {
            path: source.shown_path(),
            id: source.id.clone(),
            leftover: source.leftover,
            named: source.named,
        };
        let mut sources: Vec<AskedSource> = found.iter().map(source).collect();
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        let id = |number: &u32| sources[*number as usize].id.as_str();
        let all = (0..).take(sources.len());
        let mut by_id: Vec<u32> = all.filter(|number| !id(number).is_empty()).collect();
        by_id.sort_by(|a, b| id(a).cmp(id(b)));
        Self { sources, by_id }
    }

    /// Whether one of the sources has this content.
    pub fn has(&self, id: &str) -> bool {
        let of = |number: &u32| self.sources[*number as usize].id.as_str().cmp(id);
        self.by_id.binary_search_by(of).is_ok()
    }

    /// Whether a row has the path or the content of one of the sources.
    pub fn concern(&self, row: &SourceRow) -> bool {
        let of_path = |source: &AskedSource| source.path.as_str().cmp(&row.source_path);
        self.sources.binary_search_by(of_path).is_ok() || self.has(&row.source_id)
    }
}

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
    pub fn of(asked: &AskedSources, catalog: &SourceIndex, new: &[SourceFile]) -> Self {
        let mut counts = Self::default();
        for AskedSource { path, id, leftover, named } in &asked.sources {
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
                Some(_) if *leftover => counts.leftovers += 1,
                // A talk may be beside the videos, and many containers of videos have only sound.
                Some(reason) if !named && reason == Reason::NoVideoStream.code() => {
                    counts.leftovers += 1;
                }
                Some(reason) => *counts.rejected.entry(reason.to_owned()).or_default() += 1,
            }
        }
        counts.all_clips = catalog.kept().iter().sum();
        let new_rows = new.iter().filter_map(|source| catalog.decided(&source.id));
        counts.new_clips = new_rows.map(|row| u64::from(row.clips_kept)).sum();
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
pub fn log_splits(catalog: &SourceIndex, held_out: f64) {
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
