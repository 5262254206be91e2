//! A run of ingest: from what `data.videos` names to published clips.
//!
//! Find, hash what is not known by name, size and time, leave out what is known, decode the rest, then settle what concerns the dataset as a
//! whole. New sources are put in order of their content hash and cut into groups; a thread takes a group, has it decoded by a process of its
//! own ([`crate::worker`]), writes its shard and commits it. So what is done is kept when a run is stopped or killed, memory holds one
//! clip a thread, and neither the number of threads nor their pace shows in the bytes.
//!
//! The exit code tells of the sources that were asked for, not of what was new: the same command on the same files ends
//! with the same code, 2 where some cannot be used, however often it is run.

mod one;
mod plan;
mod source;
mod tally;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow};
use camino::Utf8Path;
use genie_shards::{Manifest, SourceRow};
use genie_stage::Exit;
use genie_stage::config::{DataConfig, Resolved};
use genie_stage::key::Key;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;

use crate::catalogue::{Catalogue, config_key, drop_sources, replace_sources};
use crate::config::IngestConfig;
use crate::discover::discover;
use crate::reject::Reason;
use crate::runs;
use crate::settle::Settler;
use crate::shard::ShardWriter;
use crate::split::split_of;
use crate::verdict::Judge;
use crate::worker::Worker;
use one::Ingest;
use plan::plan;
use tally::Tally;

pub use source::{Source, Stamp};

/// A group is closed at so many sources, or so many bytes of them.
const GROUP_SOURCES: usize = 16;
const GROUP_BYTES: u64 = 64 << 20;

/// The lock of everything that writes what ingest owns in a dataset root.
pub fn lock(root: &Utf8Path) -> Result<Lock> {
    Ok(Lock::acquire(root.join("ingest.lock"))?)
}

/// Ingests what `data.videos` names (the sample videos of the root, if it names nothing), and tries again what was rejected for
/// the reasons in `retry`.
pub fn run(
    data: &DataConfig,
    config: &IngestConfig,
    retry: &[Reason],
    stop: &Stop,
) -> Result<Exit> {
    let judge = Judge::new(config)?;
    let entries = videos(data);
    let found = discover(&entries)?;
    if found.is_empty() {
        return Err(anyhow!("no videos in {}: check data.videos", entries.join(", ")));
    }
    let root = data.root.as_path();
    let _lock = lock(root)?;
    let begun = Instant::now();
    let key = config_key(data, config);
    let threads =
        if config.threads == 0 { rayon::current_num_threads() } else { config.threads as usize };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let settler = Settler::new(data, config, &judge);

    let mut catalogue = Catalogue::load(root)?;
    let sources =
        pool.install(|| source::identify(found, &key, &config.metadata, &catalogue, stop))?;
    let mut outdated = catalogue.outdated(&key, &sources, &config.metadata);
    outdated.extend(catalogue.rejected_for(retry));
    let widened = settler.widened()?;
    outdated.extend(
        sources
            .iter()
            .filter(|source| widened.contains(&source.id))
            .map(|source| source.id.clone()),
    );
    if !outdated.is_empty() {
        drop_sources(root, &outdated)?;
        catalogue = Catalogue::load(root)?;
    }

    if let Some(rows) = catalogue.freshened(&sources) {
        replace_sources(root, &rows)?;
        catalogue = Catalogue::load(root)?;
    }

    let mut tally = Tally::new(&sources);
    let work = plan(sources, &catalogue, &config.metadata);
    if !work.is_empty() {
        genie_durable::write(
            root.join("clips/config.toml"),
            Resolved::new().with(data).with(config).to_string(),
        )?;
        publish_rows(root, &key, &work.rows)?;
        pool.install(|| ingest_all(&work.new, data, &Ingest { config, judge: &judge, stop }))?;
    }
    if settler.settle()? || !work.is_empty() {
        catalogue = Catalogue::load(root)?;
        runs::record(root, &work.new, &catalogue, begun.elapsed())?;
    }
    tally.count(&catalogue, &work);
    tally.report(data);
    Ok(tally.exit())
}

/// The entries to search: the user's, or the sample videos.
pub fn videos(data: &DataConfig) -> Vec<String> {
    if data.videos.is_empty() {
        vec![data.root.join("videos").to_string()]
    } else {
        data.videos.clone()
    }
}

fn publish_rows(root: &Utf8Path, key: &Key, rows: &[SourceRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut writer = ShardWriter::new(root, &format!("{key}-rows"));
    for row in rows {
        writer.source(row.clone());
    }
    let files = writer.publish()?;
    Manifest::commit(root, |manifest| files.add_to(manifest))?;
    Ok(())
}

/// Decodes all new sources, a group at a time on each thread. Where there are fewer groups than threads, decoders get several.
fn ingest_all(new: &[Source], data: &DataConfig, ingest: &Ingest<'_>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let root = data.root.as_path();
    let progress = Progress::new("ingest", new.len() as u64);
    let clips = AtomicUsize::new(0);
    let idle: Mutex<Vec<Worker>> = Mutex::default();
    let idle = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let groups = groups(new);
    // Several are one more, because frames in decoding wait for each other.
    let decoder_threads = match rayon::current_num_threads() / groups.len() {
        0 | 1 => 1,
        several => several + 1,
    };
    groups.into_par_iter().with_max_len(1).try_for_each(|group| {
        let mut worker = idle().pop().unwrap_or_default();
        let mut counted = 0;
        let mut count = |number: usize, row: &SourceRow| {
            if number < counted {
                return;
            }
            counted = number + 1;
            let so_far = clips.fetch_add(row.clips_kept as usize, Ordering::Relaxed)
                + row.clips_kept as usize;
            progress.set_message(format!("{so_far} clips"));
            progress.inc(1);
            tally::tell(row);
        };
        let mut threads = decoder_threads;
        let writer = loop {
            let begun = ShardWriter::new(root, &group_name(group));
            match ingest_group(
                group,
                data.held_out,
                ingest,
                (threads, &mut worker),
                begun,
                &mut count,
            )? {
                Some(writer) => break writer,
                None => threads = 1,
            }
        };
        let files = writer.publish()?;
        Manifest::commit(root, |manifest| files.add_to(manifest))?;
        idle().push(worker);
        anyhow::Ok(())
    })?;
    progress.finish();
    Ok(())
}

/// Decodes a group, with so many threads a decoder. `None` if that was more than one and a file is damaged: what a decoder makes up for
/// damage may depend on its threads, and bytes must not.
fn ingest_group(
    group: &[Source],
    held_out: f64,
    ingest: &Ingest<'_>,
    (threads, worker): (usize, &mut Worker),
    mut writer: ShardWriter,
    count: &mut dyn FnMut(usize, &SourceRow),
) -> Result<Option<ShardWriter>> {
    worker.set_decoder_threads(threads);
    for (number, source) in group.iter().enumerate() {
        ingest.stop.check()?;
        let (row, damaged) =
            ingest.one(source, split_of(&source.id, held_out), worker, &mut writer)?;
        if threads > 1 && damaged {
            return Ok(None);
        }
        count(number, &row);
        writer.source(row);
    }
    Ok(Some(writer))
}

/// Runs of sources in order; where they end depends on the sources alone.
fn groups(mut sources: &[Source]) -> Vec<&[Source]> {
    let mut groups = Vec::new();
    while !sources.is_empty() {
        let mut bytes = 0;
        let fits = |source: &&Source| {
            bytes += source.stamp.bytes;
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
fn group_name(group: &[Source]) -> String {
    let mut hasher = blake3::Hasher::new();
    for source in group {
        hasher.update(source.id.as_bytes());
        hasher.update(source.key.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
