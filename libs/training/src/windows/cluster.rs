//! `encode` and `label` on executors: each computes shares of one shard.
//!
//! The driver counts the shards that are pending, and hands out as many shares. An executor
//! computes and publishes a share as a process of an array job does. Then the driver goes on as a
//! run without shares: it computes what is still missing, and finishes the step.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use camino::Utf8PathBuf;
use genie_cluster::{
    Attempt, BuildIdentity, ClusterConfig, ClusterDriver, ExecutorArgs, UnitRunner, WorkFolder,
    WorkUnit, serve,
};
use genie_shards::{ClipStore, Manifest, windows_of};
use genie_stage::Exit;
use genie_stage::config::{DataConfig, from_text};
use genie_stage::progress::Progress;
use genie_stage::share::Share;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::stored::StoredWindow;
use crate::models::ModelSections;

/// A share of a step, and the config of the driver.
#[derive(Debug, Serialize, Deserialize)]
struct ShareSpec {
    /// TOML.
    config: String,
    index: u32,
    of: u32,
}

/// Has pending windows computed by executors, if there is a cluster; then calls `finish`.
///
/// `program` is the name of this binary. `pending` returns the ids of the clips that lack windows.
///
/// # Errors
/// The errors of `pending` and `finish`, and if the executors cannot do the work.
pub fn on_cluster<W: StoredWindow>(
    (cluster, program): (&ClusterConfig, &str),
    sections: &ModelSections,
    (step, model): (&StepDir, &StepDir),
    pending: impl FnOnce() -> Result<Vec<String>>,
    stop: &Stop,
    finish: impl FnOnce() -> Result<Exit>,
) -> Result<Exit> {
    let identity = || BuildIdentity::of_this_program(program, "");
    let Some(driver) = ClusterDriver::start(cluster, identity)? else { return finish() };
    let compute = || {
        // `finish` says what is missing.
        if !step.is_done()? && model.is_done()? {
            compute_on::<W>(&driver, sections, step, &pending()?, stop)?;
        }
        finish()
    };
    let ended = compute();
    driver.close(&ended, stop);
    ended
}

fn compute_on<W: StoredWindow>(
    driver: &ClusterDriver,
    sections: &ModelSections,
    step: &StepDir,
    pending: &[String],
    stop: &Stop,
) -> Result<()> {
    let root = sections.data.root.as_path();
    let store = ClipStore::open(root, None).context("cannot read the clips")?;
    let frames = sections.tokenizer.0.frames;
    let clips = pending.iter().filter_map(|id| store.position(id));
    let count = |clip: usize| windows_of(store.clips()[clip].frame_count(), frames).count();
    let shards = u32::try_from(clips.map(count).sum::<usize>().div_ceil(W::SHARD))?;
    let mut for_others = sections.clone();
    for_others.data = for_others.data.for_other_machines()?;
    let config = for_others.resolved().to_string();
    // Which clips a share contains follows from the published clips and windows.
    let content =
        Manifest::load(root)?.content_hash() + &Manifest::load(step.path())?.content_hash();
    let content = &blake3::hash(content.as_bytes()).to_hex()[..16];
    let unit = |index: u32| -> Result<WorkUnit> {
        let spec = ShareSpec { config: config.clone(), index, of: shards };
        let name = format!("{}-{content}-{index:06}", step.key());
        Ok(WorkUnit { name, spec: serde_json::to_value(spec)? })
    };
    let units: Vec<WorkUnit> = (0..shards).map(unit).collect::<Result<_>>()?;
    let folder = WorkFolder::new(root, W::PLACE);
    let progress = Progress::new(format!("shards of {}", W::NAME), u64::from(shards));
    driver.run(&folder, &units, (&progress, stop), &mut |_, _| {
        progress.inc(1);
        Ok(())
    })?;
    progress.finish();
    folder.remove()
}

/// Serves a driver: `compute` computes a share of the step.
///
/// Of `data`, only the cache is used. `device` replaces the devices of the driver's config.
///
/// # Errors
/// If the driver rejects this build, or is not there for too long.
pub fn serve_shares(
    (args, program): (&ExecutorArgs, &str),
    (data, device): (&DataConfig, Option<&str>),
    compute: impl Fn(ModelSections, Share, &Stop) -> Result<Exit> + Send + Sync + 'static,
    stop: &Stop,
) -> Result<Exit> {
    let (data, device) = (data.clone(), device.map(str::to_owned));
    let runner: Arc<dyn UnitRunner> = Arc::new(ShareRunner { data, device, compute });
    let identity = BuildIdentity::of_this_program(program, "")?;
    // A model uses all processors.
    serve(args, &identity, (&runner, 1), stop)
}

/// Computes shares on an executor.
struct ShareRunner<F> {
    /// The section of this machine.
    data: DataConfig,
    device: Option<String>,
    compute: F,
}

impl<F> ShareRunner<F> {
    /// The driver's sections, with the cache and the device of this machine.
    fn sections(&self, spec: &ShareSpec) -> Result<ModelSections> {
        let DataConfig { cache, cache_gb, .. } = &self.data;
        // A string of JSON is one of TOML, too.
        let cache = serde_json::to_string(cache)?;
        let set = [format!("data.cache={cache}"), format!("data.cache_gb={cache_gb}")];
        let mut sections = ModelSections::read(&from_text(&spec.config, &set)?)?;
        if let Some(device) = &self.device {
            sections.run_on(device);
        }
        Ok(sections)
    }
}

impl<F> UnitRunner for ShareRunner<F>
where
    F: Fn(ModelSections, Share, &Stop) -> Result<Exit> + Send + Sync + 'static,
{
    fn root(&self, spec: &Value) -> Result<Utf8PathBuf> {
        Ok(self.sections(&ShareSpec::deserialize(spec)?)?.data.root)
    }

    fn run(&self, spec: &Value, _attempt: &Attempt, stop: &Stop) -> Result<Value> {
        let spec = ShareSpec::deserialize(spec)?;
        let share = Share::new(spec.index, spec.of);
        match (self.compute)(self.sections(&spec)?, share, stop)? {
            Exit::Done => Ok(json!({})),
            Exit::Stopped(_) => bail!("stopped"),
            _ => bail!("{share} failed: the messages of the executor say why"),
        }
    }
}
