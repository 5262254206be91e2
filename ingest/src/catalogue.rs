//! What is published already: which sources need no work, and which must be done again.
//!
//! A source's work key is made of the resolved config (what changes pixels, clips or splits), the clip format's
//! version and the sidecar's content; with the content of the file it says whether there is anything to do. One dataset
//! root holds clips of one config: when it changes, what was made with another is dropped and made again.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{CLIPS_FORMAT, ClipStore, Manifest, SourceRow, Split, Status, read_clip_rows, read_sources, tables};
use genie_stage::config::DataConfig;
use genie_stage::key::Key;
use serde_json::json;

use crate::config::IngestConfig;
use crate::reject::Reason;
use crate::shard::ShardWriter;

/// Version of this stage's code; another number when the same config gives other clips.
const CODE_FORMAT: u32 = 2;

/// The work key of a config: the head of every source's.
pub fn config_key(data: &DataConfig, config: &IngestConfig) -> Key {
    // Not `threads`: it changes nothing. Not the paths: content counts.
    let decides = json!({
        "fps": config.fps,
        "width": config.width,
        "height": config.height,
        "aspect": config.aspect,
        "clip_seconds": config.clip_seconds,
        "min_frames": config.min_frames,
        "held_out": data.held_out,
    });
    Key::builder("ingest", CODE_FORMAT).config(&decides).input("clips_format", CLIPS_FORMAT).finish()
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
}

impl Catalogue {
    pub fn load(root: &Utf8Path) -> Result<Self> {
        let rows = read_sources(root).with_context(|| format!("cannot read the catalog in {root}"))?;
        let known = rows.iter().map(identity).collect();
        let settles = |row: &SourceRow| !row.source_id.is_empty() && !is_duplicate(row);
        let decided = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| settles(row))
            .map(|(n, row)| (row.source_id.clone(), n))
            .collect();
        Ok(Self { rows, known, decided })
    }

    /// The row of a content that has been ingested or rejected: there is nothing to do.
    pub fn decided(&self, source_id: &str) -> Option<&SourceRow> {
        self.decided.get(source_id).map(|&row| &self.rows[row])
    }

    /// Whether the very row is there.
    pub fn has_row(&self, row: &SourceRow) -> bool {
        self.known.contains(&identity(row))
    }

    /// The splits that have clips.
    pub fn splits(root: &Utf8Path) -> Result<HashSet<Split>> {
        Ok(read_clip_rows(root)?.iter().filter(|row| row.kept).map(|row| row.meta.split).collect())
    }

    /// Sources whose rows are not to stay: made with another config, or (where the very file was found again, `keys` by
    /// content and path) with another sidecar.
    pub fn outdated(&self, config_key: &Key, keys: &HashMap<(String, String), String>) -> HashSet<String> {
        let stale = |row: &&SourceRow| {
            let other_config = row.ingest_key.split('-').next() != Some(config_key.as_str());
            let now = keys.get(&(row.source_id.clone(), row.source_path.clone()));
            other_config || (!is_duplicate(row) && now.is_some_and(|key| *key != row.ingest_key))
        };
        self.rows.iter().filter(stale).map(|row| row.source_id.clone()).collect()
    }

    /// Publishes the dataset without some sources: at once, so that no reader sees a mixture.
    pub fn drop_sources(&self, root: &Utf8Path, outdated: &HashSet<String>) -> Result<()> {
        let mut writer = ShardWriter::new(root, "kept");
        let store = ClipStore::open(root, None)?;
        for index in 0..store.len() {
            if !outdated.contains(&store.clips()[index].source_id) {
                writer.clip(store.read(index)?, None)?;
            }
        }
        let kept = |id: &str| !outdated.contains(id);
        writer.rejected_clips(read_clip_rows(root)?.into_iter().filter(|row| !row.kept && kept(&row.meta.source_id)));
        for row in self.rows.iter().filter(|row| kept(&row.source_id)) {
            writer.source(row.clone());
        }
        let files = writer.publish()?;
        Manifest::commit(root, |manifest| {
            for table in [tables::CLIPS, tables::SOURCES, tables::CLIP_ROWS] {
                manifest.retain(table, |_| false);
            }
            files.add_to(manifest);
        })?;
        let dropped = self.rows.iter().filter(|row| !kept(&row.source_id) && row.status == Status::Accepted).count();
        if dropped > 0 {
            tracing::info!(
                "ingest: the config or a sidecar changed: {dropped} sources are dropped and made again if they are still there"
            );
        }
        Ok(())
    }
}

fn is_duplicate(row: &SourceRow) -> bool {
    row.reason.as_deref() == Some(Reason::Duplicate.code())
}

fn identity(row: &SourceRow) -> (String, String, Option<String>) {
    (row.source_id.clone(), row.source_path.clone(), row.reason.clone())
}
