//! A run of ingest: from the videos that `data.videos` names to published clips.
//!
//! 1. Find the files ([`crate::discover`]).
//! 2. Identify each file by the hash of its content. The catalog already has the hash of a file
//!    whose path, size and modification time did not change. A large file that is no video is
//!    rejected without a hash.
//! 3. Follow known sources to where their files are now. Drop the sources that must be decoded
//!    again, and plan which files to decode.
//! 4. Decode the planned files in groups. Each group is one shard and one commit, so a stopped or
//!    killed run keeps the groups that it committed.
//! 5. Finalize the catalog ([`crate::catalog::Finalizer`]).
//!
//! The exit code depends on the sources that the user asks for, not on what is new. The same
//! command on the same files always ends with the same code.

mod groups;
mod identify;
mod ingest_source;
mod plan;
mod probe;
mod report;
mod timing;

use std::time::Instant;

use anyhow::{Result, anyhow};
use genie_stage::Exit;
use genie_stage::config::{DataConfig, Resolved};
use genie_stage::stop::Stop;

use crate::catalog::{
    Finalizer, KeepRules, NewFiles, SourceIndex, config_key, lock, refuse_other_config, run_history,
};
use crate::config::IngestConfig;
use crate::decode::disable_huge_pages;
use crate::discover::{Found, discover, videos};
use crate::reject::Reason;
use crate::worker::check_sandbox;
use groups::GroupIngester;
use identify::identify;
use ingest_source::SourceIngester;
use plan::plan;
use probe::VideoProbe;
use report::{AskedSource, SourceCounts, log_splits};
use timing::log_timing;

/// Ingests the videos that `data.videos` names, or the sample videos of the root if it names none.
///
/// Sources that an earlier run rejected for one of the reasons in `retry` are decoded again. With
/// `replace` the clips of another config are replaced. Without it they are an error.
pub fn run(
    data: &DataConfig,
    config: &IngestConfig,
    (retry, replace): (&[Reason], bool),
    stop: &Stop,
) -> Result<Exit> {
    let rules = KeepRules::new(&config.keep, config.near_duplicates)?;
    let entries = videos(data);
    let Found { files, skipped } = discover(&entries)?;
    let skipped = skipped.report();
    if files.is_empty() {
        let skipped = skipped.map_or(String::new(), |skipped| format!(" ({skipped})"));
        return Err(anyhow!(
            "no videos in {}: set data.videos to files or directories with videos{skipped}",
            entries.join(", ")
        ));
    }
    if let Some(skipped) = skipped {
        tracing::info!("{skipped}");
    }
    // Without the setting, the run is only slower.
    let _ = disable_huge_pages();
    check_sandbox(&config.decoder, stop)?;
    let root = data.root.as_path();
    if !replace {
        refuse_other_config(root, data.held_out, config)?;
    }
    let _lock = lock(root)?;
    let begun = Instant::now();
    let key = config_key(data.held_out, config);
    let threads =
        if config.threads == 0 { rayon::current_num_threads() } else { config.threads as usize };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let finalizer = Finalizer::new(root, data.held_out, &rules);

    let catalog = SourceIndex::load(root)?;
    let probe = VideoProbe { format: config.frame_format(), limits: &config.decoder, stop };
    let sources = pool.install(|| identify(files, &key, &config.metadata, &catalog, &probe))?;
    let (mut catalog, changes) = catalog.follow(&sources, &key);
    let mut outdated = catalog.outdated(&key, &sources, &config.metadata);
    outdated.extend(catalog.rejected_for(retry));
    let widened = finalizer.widened(catalog.rows())?;
    let ids = sources.iter().map(|source| &source.id);
    outdated.extend(ids.filter(|&id| widened.contains(id)).cloned());
    catalog = catalog.update(root, Some(&key), &outdated, &sources)?;

    let asked: Vec<AskedSource> = sources.iter().map(AskedSource::from).collect();
    let plan = plan(sources, &catalog, &changes, &config.metadata);
    if !plan.is_empty() {
        let resolved = Resolved::new().with(data).with(config).to_string();
        genie_durable::write(root.join("clips/config.toml"), resolved)?;
    }
    if !plan.rows.is_empty() {
        NewFiles::write(root, &format!("{key}-rows"), Vec::new(), &plan.rows, &[])?.commit(root)?;
    }
    let ingester = SourceIngester {
        format: config.clip_format(),
        limits: &config.decoder,
        rules: &rules,
        stop,
    };
    let groups = GroupIngester { root, held_out: data.held_out, ingester };
    pool.install(|| groups.ingest_all(&plan.new))?;

    // A plan that is not empty changes the manifest, so the catalog is then always finalized.
    let mut finalized_clips = None;
    if let Some((finalized, clips)) = finalizer.finalize(&changes)? {
        (catalog, finalized_clips) = (finalized, Some(clips));
        run_history::record(root, &plan.new, &catalog, begun.elapsed())?;
    }
    let counts = SourceCounts::of(&asked, &catalog, &plan.new);
    counts.log(root, plan.is_empty());
    // A run that changes nothing does not repeat the warnings.
    if let Some(clips) = finalized_clips {
        log_splits(&clips, data.held_out);
        log_timing(&clips, config.frame_format().rate);
    }
    Ok(counts.exit())
}
