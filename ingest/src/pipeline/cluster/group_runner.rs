//! Decoding on executors: the executor's side.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::Utf8PathBuf;
use genie_cluster::{Attempt, ExecutorArgs, UnitRunner};
use genie_shards::SourceRow;
use genie_stage::Exit;
use genie_stage::config::DataConfig;
use genie_stage::stop::Stop;
use serde::Deserialize as _;
use serde_json::Value;

use super::group_spec::{GroupResult, GroupSpec};
use super::identity;
use crate::catalog::{KeepRules, QualityScores, config_key};
use crate::decode::disable_huge_pages;
use crate::discover::SourceFile;
use crate::pipeline::groups::GroupIngester;
use crate::pipeline::ingest_source::SourceIngester;
use crate::pipeline::report::log_source;
use crate::reject::{Reason, Reject};
use crate::worker::Worker;

/// The number of executors that a video may end before it is rejected.
const LOST_EXECUTORS: usize = 2;

/// Serves a driver of `genie-ingest run --cluster`.
///
/// Of `data`, only the cache is used. Everything else comes from the driver.
///
/// # Errors
/// If the driver rejects this build, or is not there for too long.
pub fn serve(args: &ExecutorArgs, data: DataConfig, stop: &Stop) -> Result<Exit> {
    // Without the setting, decoding is only slower.
    let _ = disable_huge_pages();
    let runner: Arc<dyn UnitRunner> = Arc::new(GroupRunner { data, idle: Mutex::default() });
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    genie_cluster::serve(args, &identity()?, (&runner, processors), stop)
}

/// Decodes groups of sources.
struct GroupRunner {
    /// The section of this machine.
    data: DataConfig,
    /// Decoders that wait for a group.
    idle: Mutex<Vec<Worker>>,
}

impl GroupRunner {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver's section, mounted below the cache of this machine.
    fn mounted(&self, data: &DataConfig) -> Result<DataConfig> {
        let DataConfig { cache, cache_gb, .. } = self.data.clone();
        Ok(DataConfig { cache, cache_gb, ..data.clone() }.mounted()?)
    }
}

impl UnitRunner for GroupRunner {
    fn root(&self, spec: &Value) -> Result<Utf8PathBuf> {
        let data = DataConfig::deserialize(&spec["data"])?;
        Ok(self.mounted(&data)?.root)
    }

    fn run(&self, spec: &Value, attempt: &Attempt, stop: &Stop) -> Result<Value> {
        let GroupSpec { data, config, directory, sources } = GroupSpec::deserialize(spec)?;
        let data = self.mounted(&data)?;
        let key = config_key(data.held_out, &config);
        let group: Vec<SourceFile> = (sources.into_iter())
            .map(|source| source.find(&key, &directory))
            .collect::<Result<_>>()?;
        let quality = QualityScores::read(&data.root, &config.quality)?;
        let rules = KeepRules::new(&config.keep, config.near_duplicates, quality)?;
        let (format, limits) = (config.clip_format(), &config.decoder);
        let ingester = SourceIngester { format, limits, rules: &rules, stop };
        let groups = GroupIngester { root: &data.root, held_out: data.held_out, ingester };
        let before = |source: &SourceFile| -> Result<Option<Reject>> {
            let lost = attempt.lost(&source.id)?;
            if lost >= LOST_EXECUTORS {
                let detail = format!("{lost} executors were lost while they decoded the video");
                return Ok(Some(Reject::new(Reason::DecoderCrashed, detail)));
            }
            attempt.works_on(&source.id)?;
            Ok(None)
        };
        let mut problems = Vec::new();
        let mut count = |row: &SourceRow| {
            log_source(row);
            let (reason, detail) = (row.reason.clone(), row.detail.clone());
            if reason.is_some() || detail.is_some() {
                let words = [reason, detail].map(Option::unwrap_or_default);
                let [reason, detail] = words;
                problems.push([row.source_path.clone(), reason, detail]);
            }
        };
        let mut worker = self.idle().pop().unwrap_or_default();
        let files = groups.ingest_group(&group, &mut worker, &before, &mut count)?;
        self.idle().push(worker);
        files.upload(&data.root)?;
        Ok(serde_json::to_value(GroupResult { files, problems })?)
    }
}
