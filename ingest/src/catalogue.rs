//! What is published already: which sources need no work, and which must be done again.
//!
//! A source's work key is made of the resolved config (what changes pixels, clips or splits), the clip format's
//! version and the sidecar's content; with the content of the file it says whether there is anything to do. One dataset
//! root holds clips of one config: when it changes, what was made with another is dropped and made again. The verdict on clips
//! (`ingest.keep`) is not part of the key: it is passed again over the scores that are in the catalog ([`crate::settle`]).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{
    CLIPS_FORMAT, ClipRow, Error, Manifest, SourceRow, read_clip_rows, read_sources, tables,
};
use genie_stage::config::DataConfig;
use genie_stage::key::Key;
use serde_json::json;

use crate::config::{IngestConfig, MetadataRules};
use crate::metadata;
use crate::pipeline::{Source, Stamp};
use crate::reject::Reason;
use crate::shard::{Files, TABLES, with_kept_only};

/// Version of this stage's code; another number when the same config gives other clips.
const CODE_FORMAT: u32 = 2;

/// The work key of a config: the head of every source's.
pub fn config_key(data: &DataConfig, config: &IngestConfig) -> Key {
    // Not `threads` and `decoder`: they change nothing. Not `keep`: it decides over clips, not what they are. Not the paths: content counts.
    let decides = json!({
        "fps": config.fps,
        "width": config.width,
        "height": config.height,
        "aspect": config.aspect,
        "clip_seconds": config.clip_seconds,
        "min_frames": config.min_frames,
        "held_out": data.held_out,
    });
    Key::builder("ingest", CODE_FORMAT)
        .config(&decides)
        .input("clips_format", CLIPS_FORMAT)
        .finish()
}

/// The work key of a source: the config's, and of its sidecar if it has one.
pub fn source_key(config_key: &Key, sidecar: Option<&[u8]>) -> String {
    match sidecar {
        Some(content) => format!("{config_key}-{}", &blake3::hash(content).to_hex()[..16]),
        None => config_key.to_string(),
    }
}

/// The source rows of a dataset root, and what follows from them.
pub struct Catalogue {
    rows: Vec<SourceRow>,
    /// Content, path and reason of every row.
    known: HashSet<(String, String, Option<String>)>,
    /// The row that says what became of a content.
    decided: HashMap<String, usize>,
    /// Rows of a path.
    by_path: HashMap<String, Vec<usize>>,
}

impl Catalogue {
    /// Reads the catalog. One that an older version of this program wrote is forgotten, and so made again.
    pub fn load(root: &Utf8Path) -> Result<Self> {
        let rows = match read_sources(root) {
            Err(error @ Error::Older { .. }) => {
                tracing::warn!("{error}");
                Manifest::commit(root, clear)?;
                Vec::new()
            }
            rows => rows.with_context(|| format!("cannot read the catalog in {root}"))?,
        };
        let known = rows.iter().map(identity).collect();
        let settles = |row: &SourceRow| !row.source_id.is_empty() && !is_duplicate(row);
        let decided = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| settles(row))
            .map(|(n, row)| (row.source_id.clone(), n))
            .collect();
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, row) in rows.iter().enumerate() {
            by_path.entry(row.source_path.clone()).or_default().push(n);
        }
        Ok(Self { rows, known, decided, by_path })
    }

    /// The row of a content that has been ingested or rejected: there is nothing to do.
    pub fn decided(&self, source_id: &str) -> Option<&SourceRow> {
        self.decided.get(source_id).map(|&row| &self.rows[row])
    }

    /// Whether the very row is there.
    pub fn has_row(&self, row: &SourceRow) -> bool {
        self.known.contains(&identity(row))
    }

    /// The content of a file that has not been written to since it was read.
    pub fn content(&self, path: &str, stamp: Stamp) -> Option<&str> {
        let same = |row: &&SourceRow| {
            !row.source_id.is_empty()
                && (Stamp { bytes: row.bytes, modified_ns: row.modified_ns }) == stamp
        };
        self.of_path(path).find(same).map(|row| row.source_id.as_str())
    }

    /// Sources whose rows are not to stay: made with another config, or (where the very file was found again) with another
    /// sidecar, or judged by other words with another outcome.
    pub fn outdated(
        &self,
        config_key: &Key,
        sources: &[Source],
        rules: &MetadataRules,
    ) -> HashSet<String> {
        let other_config =
            |row: &&SourceRow| row.ingest_key.split('-').next() != Some(config_key.as_str());
        let mut outdated: HashSet<String> =
            self.rows.iter().filter(other_config).map(|row| row.source_id.clone()).collect();
        for source in sources {
            let row = self.decided(&source.id).filter(|row| row.source_path == source.shown_path());
            let Some(row) = row else { continue };
            let was_rejected = row.reason.as_deref() == Some(Reason::Metadata.code());
            let other_words = || row.metadata_key != source.metadata_key;
            let other_outcome = || metadata::judge(&source.path, rules).is_some() != was_rejected;
            if row.ingest_key != source.key || (other_words() && other_outcome()) {
                outdated.insert(row.source_id.clone());
            }
        }
        outdated
    }

    /// Sources that were rejected for one of these reasons.
    pub fn rejected_for(&self, reasons: &[Reason]) -> impl Iterator<Item = String> {
        let is_one = |row: &&SourceRow| {
            reasons.iter().any(|reason| row.reason.as_deref() == Some(reason.code()))
        };
        self.rows.iter().filter(is_one).map(|row| row.source_id.clone())
    }

    /// The rows as they are to stay, given the files that were found: with today's stamps, keys and, where a file was moved, path;
    /// and without what was said of a path before there was a usable file. `None` where that changes nothing.
    pub fn freshened(&self, sources: &[Source]) -> Option<Vec<SourceRow>> {
        let found: HashMap<String, &Source> =
            sources.iter().map(|source| (source.shown_path(), source)).collect();
        let elsewhere: HashMap<&str, &Source> = sources
            .iter()
            .filter(|source| {
                !source.id.is_empty() && self.row_of(&source.shown_path(), &source.id).is_none()
            })
            .map(|source| (source.id.as_str(), source))
            .collect();
        let mut rows = self.rows.clone();
        rows.retain_mut(|row| {
            let moved = elsewhere.get(row.source_id.as_str()).filter(|_| !is_duplicate(row));
            if let Some(source) = moved.filter(|_| !Path::new(&row.source_path).exists()) {
                row.source_path = source.shown_path();
            }
            let Some(source) = found.get(&row.source_path) else { return true };
            if row.source_id == source.id && !row.source_id.is_empty() {
                (row.bytes, row.modified_ns) = (source.stamp.bytes, source.stamp.modified_ns);
                row.metadata_key.clone_from(&source.metadata_key);
            }
            let outlived =
                row.source_id.is_empty() || row.reason.as_deref() == Some(Reason::Changed.code());
            let still =
                source.reject.as_ref().map(|reject| source.rejected(source.row(), reject).reason);
            !outlived || still == Some(row.reason.clone())
        });
        (rows != self.rows).then_some(rows)
    }

    /// The row that says what became of a file.
    pub fn row_of(&self, path: &str, source_id: &str) -> Option<&SourceRow> {
        self.of_path(path).find(|row| row.source_id == source_id)
    }

    fn of_path(&self, path: &str) -> impl Iterator<Item = &SourceRow> {
        self.by_path.get(path).into_iter().flatten().map(|&row| &self.rows[row])
    }
}

/// Drops sources with their clips, at once, so that no reader sees a mixture.
pub fn drop_sources(root: &Utf8Path, outdated: &HashSet<String>) -> Result<()> {
    let stays = |id: &str| !outdated.contains(id);
    let mut sources = read_sources(root)?;
    let mut clips = read_clip_rows(root)?;
    let before = sources.len();
    sources.retain(|row| stays(&row.source_id));
    clips.retain(|row| stays(&row.meta.source_id));
    tracing::info!(
        "ingest: {} sources are dropped, and made again if they are still there: the config, a sidecar or ingest.keep changed",
        before - sources.len()
    );
    republish(root, &sources, &clips)
}

/// Publishes other source rows, everything else staying as it is.
pub fn replace_sources(root: &Utf8Path, sources: &[SourceRow]) -> Result<()> {
    republish(root, sources, &read_clip_rows(root)?)
}

/// Publishes a dataset of exactly these rows, in one file a table: its shards hold the kept clips in the rows' splits and no
/// others. Clips cannot be added this way.
pub fn republish(root: &Utf8Path, sources: &[SourceRow], clips: &[ClipRow]) -> Result<()> {
    let shards = with_kept_only(root, Manifest::load(root)?.table(tables::CLIPS), clips)?;
    let files = Files::write(root, "all", shards, sources, clips)?;
    Manifest::commit(root, |manifest| {
        clear(manifest);
        files.add_to(manifest);
    })?;
    Ok(())
}

/// Takes everything that ingest published out of a manifest.
fn clear(manifest: &mut Manifest) {
    for table in TABLES {
        manifest.retain(table, |_| false);
    }
}

fn is_duplicate(row: &SourceRow) -> bool {
    row.reason.as_deref() == Some(Reason::Duplicate.code())
}

fn identity(row: &SourceRow) -> (String, String, Option<String>) {
    (row.source_id.clone(), row.source_path.clone(), row.reason.clone())
}
