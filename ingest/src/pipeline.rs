//! A run of ingest: from what `data.videos` names to published clips.
//!
//! Find, hash, leave out what is known, decide splits, then decode. New sources are put in order of their content hash and cut
//! into groups; a worker takes a group, writes its shard and commits it. So what is done is kept when a run is
//! stopped or killed, memory holds one clip a worker, and neither the number of workers nor their pace shows in the bytes.
//!
//! The exit code tells of the sources that were asked for, not of what was new: the same command on the same files ends
//! with the same code, 2 where some cannot be used, however often it is run.

mod one;
mod plan;
mod source;
mod tally;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow};
use camino::Utf8Path;
use genie_shards::{Manifest, SourceRow, Split, Status};
use genie_stage::config::{DataConfig, Resolved};
use genie_stage::key::Key;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use genie_stage::{Exit, atomic};
use rayon::prelude::*;

use crate::catalogue::{Catalogue, config_key};
use crate::config::IngestConfig;
use crate::decode;
use crate::discover::discover;
use crate::shard::ShardWriter;
use crate::split::held_out;
use one::ingest_one;
use plan::plan;
use source::{Source, identify};
use tally::Tally;

/// A group is closed at so many sources, or so many bytes of them.
const GROUP_SOURCES: usize = 16;
const GROUP_BYTES: u64 = 256 << 20;

/// Ingests what `data.videos` names (the sample videos of the root, if it names nothing).
pub fn run(data: &DataConfig, config: &IngestConfig, stop: &Stop) -> Result<Exit> {
    let entries = videos(data);
    let found = discover(&entries)?;
    if found.is_empty() {
        return Err(anyhow!("no videos in {}: check data.videos", entries.join(", ")));
    }
    let root = data.root.as_path();
    let _lock = Lock::acquire(root.join("ingest.lock"))?;
    let key = config_key(data, config);
    let threads = if config.threads == 0 { rayon::current_num_threads() } else { config.threads as usize };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;

    let sources = pool.install(|| identify(found, &key, stop))?;
    let mut catalogue = Catalogue::load(root)?;
    let keys = sources.iter().map(|source| ((source.id.clone(), source.shown_path()), source.key.clone())).collect();
    let outdated = catalogue.outdated(&key, &keys);
    if !outdated.is_empty() {
        catalogue.drop_sources(root, &outdated)?;
        catalogue = Catalogue::load(root)?;
    }

    let (work, mut tally) = plan(sources, &catalogue);
    tally.new_rows += work.rows.len() as u64;
    if !(work.new.is_empty() && work.rows.is_empty()) {
        atomic::write(root.join("clips/config.toml"), Resolved::new().with(data).with(config).to_string())?;
    }
    let held = splits(&work.new, data, config)?;
    publish_rows(root, &key, work.rows)?;
    let done = pool.install(|| ingest_all(&work.new, &held, root, config, stop))?;
    tally.add(&done);
    tally.report(data);
    Ok(tally.exit())
}

/// The entries to search: the user's, or the sample videos.
pub fn videos(data: &DataConfig) -> Vec<String> {
    if data.videos.is_empty() { vec![data.root.join("videos").to_string()] } else { data.videos.clone() }
}

/// Which of the new sources are held out.
fn splits(new: &[Source], data: &DataConfig, config: &IngestConfig) -> Result<Vec<Split>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let by_id: HashMap<&str, &Source> = new.iter().map(|source| (source.id.as_str(), source)).collect();
    let ids: Vec<&str> = new.iter().map(|source| source.id.as_str()).collect();
    let published = Catalogue::splits(&data.root)?;
    let shortest = f64::from(config.min_frames) / config.fps;
    let usable = |id: &str| {
        let probe = |source: &&Source| catch_unwind(AssertUnwindSafe(|| decode::probe(&source.path, shortest)));
        by_id.get(id).is_some_and(|source| probe(source).unwrap_or(false))
    };
    let held = held_out(&ids, &published, data.held_out, usable);
    Ok(ids.iter().map(|id| if held.contains(id) { Split::HeldOut } else { Split::Train }).collect())
}

fn publish_rows(root: &Utf8Path, key: &Key, rows: Vec<SourceRow>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut writer = ShardWriter::new(root, &format!("{key}-rows"));
    for row in rows {
        writer.source(row);
    }
    let files = writer.publish()?;
    Manifest::commit(root, |manifest| files.add_to(manifest))?;
    Ok(())
}

/// Decodes all new sources, a group at a time on each worker.
fn ingest_all(new: &[Source], splits: &[Split], root: &Utf8Path, config: &IngestConfig, stop: &Stop) -> Result<Tally> {
    if new.is_empty() {
        return Ok(Tally::default());
    }
    let progress = Progress::new("ingest", new.len() as u64);
    let clips = AtomicUsize::new(0);
    let total = Mutex::new(Tally::default());
    let sources: Vec<(&Source, Split)> = new.iter().zip(splits.iter().copied()).collect();
    groups(&sources).into_par_iter().with_max_len(1).try_for_each(|group| {
        let mut tally = Tally::default();
        let mut writer = ShardWriter::new(root, &group_name(group));
        for (source, split) in group {
            stop.check()?;
            let row = ingest_one(source, *split, config, stop, &mut writer)?;
            let so_far = clips.fetch_add(row.clips_kept as usize, Ordering::Relaxed) + row.clips_kept as usize;
            progress.set_message(format!("{so_far} clips"));
            progress.inc(1);
            tally.ingested(source, &row);
            if !(source.guess && row.status == Status::Rejected) {
                writer.source(row);
            }
        }
        let files = writer.publish()?;
        Manifest::commit(root, |manifest| files.add_to(manifest))?;
        lock(&total).add(&tally);
        anyhow::Ok(())
    })?;
    progress.finish();
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Runs of sources in order; where they end depends on the sources alone.
fn groups<'a, 'b>(mut sources: &'a [(&'b Source, Split)]) -> Vec<&'a [(&'b Source, Split)]> {
    let mut groups = Vec::new();
    while !sources.is_empty() {
        let mut bytes = 0;
        let fits = |(source, _): &&(&Source, Split)| {
            bytes += source.bytes;
            bytes <= GROUP_BYTES
        };
        let count = sources.iter().take(GROUP_SOURCES).take_while(fits).count().max(1);
        let (group, rest) = sources.split_at(count);
        groups.push(group);
        sources = rest;
    }
    groups
}

/// A name made of what is in the group.
fn group_name(group: &[(&Source, Split)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (source, _) in group {
        hasher.update(source.id.as_bytes());
        hasher.update(source.key.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use genie_shards::{ClipStore, Manifest, tables};
    use genie_stage::exit::code_of;

    use super::*;
    use crate::config::SampleConfig;
    use crate::sample;

    /// Would catch a stopped run that leaves half a dataset, or one that cannot be gone on with.
    #[test]
    fn a_stopped_run_publishes_whole_groups_and_goes_on_later() {
        decode::init(false);
        let place = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(place.path()).unwrap().to_owned();
        let data = DataConfig { root: root.clone(), ..DataConfig::default() };
        let config = IngestConfig { width: 16, height: 16, threads: 1, ..IngestConfig::default() };
        let samples = SampleConfig { episodes: 20, seconds: 2, ..SampleConfig::default() };
        sample::run(&root.join("videos"), &samples, &Stop::manual()).unwrap();

        let stop = Stop::manual();
        stop.request();
        assert_eq!(code_of(&run(&data, &config, &stop).unwrap_err()), 130);
        assert_eq!(Manifest::load(&root).unwrap().rows(tables::CLIPS), 0);
        assert_eq!(run(&data, &config, &Stop::manual()).unwrap(), Exit::Done);
        assert_eq!(ClipStore::open(&root, None).unwrap().len(), 20);
    }
}
