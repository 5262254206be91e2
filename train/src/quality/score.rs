//! `quality score`: scores the clips that a network has not judged yet.
//!
//! All kept clips are scored, of both splits. A score is never changed: it depends on the frames of
//! the clip and on the network alone. It stays when the clip is dropped, so that the verdict stays.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_catalog::Catalog;
use genie_model::QualityModel;
use genie_shards::{ClipKey, ClipStore, Manifest, QualityRow, scan_qualities, tables};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::lock::{InUse, Lock};
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use genie_training::{ModelSections, QualitySection, open_device};
use serde::Deserialize;

use super::inputs::{TOGETHER, read};
use super::models::{self, KIND};
use super::publisher::ScorePublisher;

/// Number of scores between two commits.
const COMMIT: usize = 1024;

/// Scores the clips without a score, and prints the network's key.
///
/// # Errors
/// When there is no network, or its scores or clips cannot be read or written.
pub fn run(
    sections: &ModelSections,
    quality: &QualitySection,
    model: Option<&str>,
) -> Result<Exit> {
    let root = &sections.data.root;
    let device = open_device(KIND, &quality.0.device)?;
    let key = models::chosen(root, model)?;
    let stop = Stop::install();
    let dir = models::score_dir(root, &key);
    let _lock = Lock::acquire(dir.join(".lock"))?;
    // Before the manifest is read: `gc` deletes no file that this manifest names.
    let _in_use = InUse::mark(root)?;
    let store = ClipStore::of_manifest(root, &Manifest::load(root)?, None)
        .context("cannot read the clips")?
        .with_cache_bytes(0);
    let scored = scored(&dir)?;
    let is_pending = |clip: &usize| !scored.contains(&store.clips()[*clip].key);
    let pending: Vec<usize> = (0..store.len()).filter(is_pending).collect();
    if pending.is_empty() {
        tracing::info!("quality: up to date: all {} clips have a score", store.len());
        println!("{key}");
        return Ok(Exit::Done);
    }
    let network = models::model_dir(root, &key);
    genie_store::pull(&network)?;
    let network = QualityModel::load(&network, &device)?;
    let mut publisher = ScorePublisher::resume(&dir)?;
    let progress = Progress::new(KIND, pending.len() as u64);
    let (mut done, mut failed, mut published) = (0, 0, 0);
    for clips in pending.chunks(TOGETHER) {
        for (clip_id, input) in read(&store, clips)? {
            if stop.requested() {
                publisher.publish()?;
                return Ok(stop.exit());
            }
            match input {
                Ok(input) => {
                    let quality = network.quality(&input)?;
                    publisher.push(QualityRow { clip_id, quality, model: key.clone() });
                    done += 1;
                }
                Err(error) => {
                    tracing::error!("quality: cannot read the clip {clip_id}: {error:#}");
                    failed += 1;
                }
            }
            progress.inc(1);
        }
        if done - published >= COMMIT {
            publisher.publish()?;
            published = done;
        }
    }
    publisher.publish()?;
    progress.finish();
    tracing::info!(
        "quality: scored {done} clips, {} had a score before. Set `quality = \"{key}\"` in \
         [ingest], so that `genie-ingest run` uses the scores",
        store.len() - pending.len()
    );
    println!("{key}");
    if failed > 0 {
        tracing::error!("quality: {failed} clips cannot be read: run `genie-ingest verify`");
        return Ok(Exit::Failed(FAILED));
    }
    Ok(Exit::Done)
}

/// The clips that a network has judged.
fn scored(dir: &Utf8Path) -> Result<HashSet<ClipKey>> {
    let mut scored = HashSet::new();
    for entry in Manifest::load(dir)?.table(tables::QUALITY) {
        scan_qualities(dir, entry, &mut |id, _| {
            scored.insert(id.into());
        })?;
    }
    Ok(scored)
}

/// The number of kept clips that a network has not judged yet.
///
/// # Errors
/// When the catalog or the scores cannot be read.
pub fn pending(sections: &ModelSections, key: &str) -> Result<usize> {
    #[derive(Deserialize)]
    struct Count {
        clips: usize,
    }
    let catalog = Catalog::open(&sections.data.root, sections.data.memory_mb)?;
    let sql = format!(
        "select count(*) as clips from clips left anti join \
         (select clip_id from quality where model = '{key}') as judged \
         on judged.clip_id = clips.clip_id where clips.kept"
    );
    let mut counts = catalog.query::<Count>(&sql)?;
    Ok(counts.next().transpose()?.map_or(0, |count| count.clips))
}
