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
//! 5. Finalize the catalog ([`crate::catalog::Finalizer`]). If this frees clips whose better copies
//!    went, decode their sources again, and repeat.
//!
//! A process of an array job does steps 1, 2 and 4 for its share (`share`). With a cluster, step 4
//! is done by executors (`cluster`).
//!
//! The exit code depends on the sources that the user asks for, not on what is new. The same
//! command on the same files always ends with the same code.

mod cluster;
mod groups;
mod identify;
mod ingest_run;
mod ingest_source;
mod plan;
mod probe;
mod report;
mod share;
mod timing;

use std::collections::HashSet;
use std::time::Instant;

use anyhow::{Result, anyhow};
use genie_catalog::{Condition, one_line};
use genie_cluster::{ClusterConfig, ClusterDriver};
use genie_stage::Exit;
use genie_stage::config::DataConfig;
use genie_stage::exit::Usage;
use genie_stage::share::Share;
use genie_stage::stop::Stop;

use crate::catalog::{
    Finalized, Finalizer, FormerSplits, FoundChanges, KeepRules, NewFiles, Partitioning,
    QualityScores, SourceIndex, SourceUpdate, config_key, drop_older, lock, refuse_other_config,
    run_history, share_lock,
};
use crate::config::IngestConfig;
use crate::decode::{disable_huge_pages, return_freed_memory};
use crate::discover::{Found, SourceFile, SourceFiles, discover, videos};
use crate::reject::Reason;
use crate::worker::check_sandbox;
pub use cluster::{files_of_receipts, serve};
use groups::GroupIngester;
use identify::{identify, identify_known};
use ingest_run::IngestRun;
use plan::plan;
use report::{SourceCounts, log_splits};
use timing::log_timing;

/// Ingests the videos that `data.videos` names, or the sample videos of the root if it names none.
///
/// Sources that an earlier run rejected for one of the reasons in `retry` are decoded again. With
/// `replace` the clips of another config are replaced. Without it they are an error. A `share` of
/// an array job does a part of the work, and does not finalize the catalog. With an address in
/// `cluster`, executors decode.
pub fn run(
    data: &DataConfig,
    config: &IngestConfig,
    (retry, replace): (&[Reason], bool),
    (share, cluster): (Option<Share>, &ClusterConfig),
    stop: &Stop,
) -> Result<Exit> {
    return_freed_memory();
    let quality = QualityScores::read(&data.root, &config.quality)?;
    let rules = KeepRules::new(&config.keep, config.near_duplicates, quality)?;
    // Only training uses it. After hours of decoding, it is late to find a mistake in it.
    Condition::parse(&data.r#where)
        .map_err(|error| Usage(format!("[data] where: {}", error.with_cause())))?;
    let entries = videos(data)?;
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
        tracing::info!("{}", one_line(&skipped));
    }
    // Without the setting, the run is only slower.
    let _ = disable_huge_pages();
    check_sandbox(&config.decoder, stop)?;
    let root = data.root.as_path();
    if !replace {
        refuse_other_config(root, data.held_out, config)?;
    }
    let _lock = if share.is_some() {
        (share_lock(root)?, None)
    } else {
        let (lock, alone) = lock(root)?;
        (lock, Some(alone))
    };
    let threads =
        if config.threads == 0 { rayon::current_num_threads() } else { config.threads as usize };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let partitioning = Partitioning::default();
    let driver = ClusterDriver::start(cluster, cluster::identity)?;
    let run = IngestRun {
        data,
        config,
        rules: &rules,
        key: config_key(data.held_out, config),
        finalizer: Finalizer::new(root, data.held_out, &rules, partitioning, data.memory_mb),
        stop,
        driver: driver.as_ref(),
        begun: Instant::now(),
    };
    let ended = pool.install(|| {
        if let Some(share) = share {
            return run.share(files, share);
        }
        drop_older(root)?;
        let (mut done, mut files, mut retry) = (DoneWork::default(), files, retry);
        loop {
            if let Some(exit) = run.round(files, retry, &mut done)? {
                return Ok(exit);
            }
            files = discover(&entries)?.files;
            retry = &[];
        }
    });
    if let Some(driver) = &driver {
        driver.close(&ended, stop);
    }
    ended
}

/// What the rounds of a run did so far.
#[derive(Default)]
struct DoneWork {
    /// Sources that were decoded again to restore clips.
    restored: HashSet<String>,
    decoded: Vec<SourceFile>,
}

impl IngestRun<'_> {
    /// Ingests the found files, and finalizes the catalog.
    ///
    /// Returns `None` if clips whose better copies went must be decoded again: then call it again.
    fn round(
        &self,
        mut files: Vec<SourceFile>,
        retry: &[Reason],
        done: &mut DoneWork,
    ) -> Result<Option<Exit>> {
        let Self { data, config, key, finalizer, begun, .. } = self;
        let root = data.root.as_path();
        let was_finalized = finalizer.is_finalized()?;
        if !was_finalized {
            finalizer.judge()?;
        }
        identify_known(root, &mut files)?;
        identify(&mut files, key, &config.metadata, &self.probe())?;
        let files = SourceFiles::new(files);
        let mut update = SourceUpdate::new(&files, key, &config.metadata, retry);
        let FoundChanges { index: mut catalog, changes, is_outdated, outdated } =
            update.look(root)?;
        update.outdated = outdated;
        if !was_finalized {
            let gone = finalizer.gone(&|id| files.has(id))?;
            done.restored.extend(gone.iter().cloned());
            update.outdated.extend(gone);
        }
        if is_outdated || !update.outdated.is_empty() {
            finalizer.update(&|rows| update.edit(&rows))?;
            catalog = SourceIndex::read(root, &files)?;
        }
        drop(update);
        let former = FormerSplits::read(root, key)?;
        let mut plan = plan(&files, &catalog, (&changes, &former), &config.metadata);
        if !plan.is_empty() {
            self.write_config()?;
        }
        if !plan.rows.is_empty() {
            let name = format!("{key}-rows");
            NewFiles::write(root, &name, Vec::new(), &plan.rows, &[])?.commit(root)?;
        }
        if let Some(driver) = self.driver {
            self.ingest_on(driver, &plan.new)?;
        } else {
            let (held_out, ingester) = (data.held_out, self.ingester());
            GroupIngester { root, held_out, ingester }.ingest_all(&plan.new)?;
        }
        let is_up_to_date = plan.is_empty();
        done.decoded.append(&mut plan.new);

        // A plan that is not empty changes the manifest, so the catalog is then always finalized.
        let can_restore = |id: &str| files.has(id) && !done.restored.contains(id);
        let is_changed = match finalizer.finalize(&changes, &can_restore)? {
            Finalized::Restorable => return Ok(None),
            finalized => finalized == Finalized::Changed,
        };
        if is_changed {
            catalog = SourceIndex::read(root, &files)?;
            let decoded: Vec<&SourceFile> = done.decoded.iter().collect();
            run_history::record(root, &decoded, begun.elapsed())?;
        }
        let counts = SourceCounts::of(&files, &catalog, &done.decoded);
        counts.log(root, is_up_to_date);
        // A run that changes nothing does not repeat the warnings.
        if is_changed {
            log_splits(&catalog, data.held_out);
            log_timing(root, config.frame_format().rate)?;
        }
        Ok(Some(counts.exit()))
    }
}
