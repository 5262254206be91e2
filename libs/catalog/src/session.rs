//! The session of a catalog: threads, memory, and temporary files.
//!
//! Sorts, aggregations and joins share one memory limit. What does not fit is written to temporary
//! files in the dataset root, because the directory for temporary files of the system may be in
//! memory. They are in a directory that is removed with the session. If the process is killed, the
//! directory stays until `genie-ingest gc`.

use std::{num::NonZeroUsize, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use datafusion::{
    error::Result as DataFusionResult,
    execution::{
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::{SessionConfig, SessionContext},
};

use crate::error::{Error, Result};

/// Number of rows that operators pass on at once. A sort needs memory for several times as many.
const BATCH_ROWS: usize = 1024;

/// Number of operators that an error about too little memory names.
const NAMED: NonZeroUsize = NonZeroUsize::new(3).expect("not 0");

/// How names of directories for temporary files begin, with `DataFusion`.
const PREFIX: &str = "datafusion-";

/// A session on `threads` threads with a memory limit in bytes, and temporary files in `root`.
pub(crate) fn session(
    root: &Utf8Path,
    threads: usize,
    memory: usize,
) -> DataFusionResult<SessionContext> {
    let config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(true)
        // With statistics, planning a query would open every file of a table.
        .with_collect_statistics(false)
        // Each thread that sorts keeps this much for merging, so all together a quarter.
        .with_sort_spill_reservation_bytes(memory / threads / 4)
        // A hash join needs one of its sides in memory. A merge join writes temporary files.
        .set_bool("datafusion.optimizer.prefer_hash_join", false);
    Ok(SessionContext::new_with_config_rt(config, runtime(root, memory)?))
}

/// The directories for temporary files in a dataset root: of running queries, and of killed ones.
///
/// # Errors
/// If the root cannot be listed.
pub fn leftovers(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let failed = |source| Error::List { path: root.to_owned(), source };
    let mut leftovers = Vec::new();
    for item in root.read_dir_utf8().map_err(failed)? {
        let item = item.map_err(failed)?;
        if item.file_name().starts_with(PREFIX) && item.path().is_dir() {
            leftovers.push(item.into_path());
        }
    }
    leftovers.sort();
    Ok(leftovers)
}

fn runtime(root: &Utf8Path, memory: usize) -> DataFusionResult<Arc<RuntimeEnv>> {
    let build = |mode| {
        let pool = TrackConsumersPool::new(FairSpillPool::new(memory), NAMED);
        let disk =
            DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(u64::MAX);
        let builder = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            // Most queries read each file once.
            .with_metadata_cache_limit(0);
        builder.with_disk_manager_builder(disk).build_arc()
    };
    if root.is_dir() {
        // A root that cannot be written must still be readable.
        if let Ok(runtime) = build(DiskManagerMode::Directories(vec![root.into()])) {
            return Ok(runtime);
        }
    }
    build(DiskManagerMode::OsTmpDirectory)
}
