//! Finds and loads the models of a config, and the newest report about them.

use std::collections::BTreeMap;
use std::fs::File;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::newest_weights;
use genie_shards::{Manifest, read_measured, tables};
use genie_stage::config::{Config, Section as _};
use genie_stage::lineage::Lineage;
use genie_stage::step::read_record;
use genie_training::{
    Chain, ClipFilter, EvaluateConfig, ModelSections, TrainedModels, Trust, find_finished,
    open_device,
};
use serde_json::Value;

use super::keys::ModelKeys;
use super::playable::PlayableWorld;
use super::played_models::PlayedModels;
use crate::actions::ActionTable;

/// The config sections that this stage reads.
pub struct PlaySections {
    models: ModelSections,
    evaluate: EvaluateConfig,
}

impl PlaySections {
    /// Reads the sections; `device` overrides the config's.
    ///
    /// # Errors
    /// When a value is wrong.
    pub fn read(config: &Config, device: Option<&str>, filter: ClipFilter) -> Result<Self> {
        let mut evaluate: EvaluateConfig = config.section()?;
        if let Some(device) = device {
            device.clone_into(&mut evaluate.device);
        }
        Ok(Self { models: ModelSections::read(config)?.with_filter(filter)?, evaluate })
    }

    /// The directory of the dataset.
    pub fn root(&self) -> &Utf8Path {
        &self.models.data.root
    }
}

/// Loads the models of a config.
///
/// # Errors
/// When a model is missing, damaged, or does not fit the others, or when the device cannot be
/// used. The error for a missing model names the command that makes it.
pub fn load(sections: &PlaySections) -> Result<PlayableWorld> {
    let device = open_device(EvaluateConfig::NAME, &sections.evaluate.device)?;
    let chain = find_finished(&sections.models)?.map_err(anyhow::Error::new).context(
        "this config has nothing to play yet: give a config with --config; `make demo` makes \
             the models of pipelines/demo.toml",
    )?;
    let models = TrainedModels::load(&chain, device)?;
    let report = newest_report(sections.root(), &chain)?;
    let (directory, report) = report.unzip();
    let measured: Option<EvaluateConfig> = report
        .as_ref()
        .and_then(|report| serde_json::from_value(report["lineage"]["config"].clone()).ok());
    let settings = measured.as_ref().unwrap_or(&sections.evaluate);
    let lineage = PlayedModels {
        keys: ModelKeys::of(&chain, |step| Ok(step.key().to_string()))?,
        weights: ModelKeys::of(&chain, |step| hash_of_weights(step.path()))?,
        device: sections.evaluate.device.clone(),
        seeds: directory.as_deref().map(seeds).unwrap_or_default(),
        report: directory,
        sampler: settings.sampler(),
        prompt: settings.prompt_frames.min(models.frames()),
    };
    let actions = ActionTable::from_report(report.as_ref(), models.dynamics.num_actions());
    let trust: Option<Trust> =
        report.and_then(|mut report| serde_json::from_value(report["trust"].take()).ok());
    let trust = trust.and_then(|trust| trust.warning().cloned());
    Ok(PlayableWorld { models, lineage, actions, trust })
}

/// The newest finished report about the models of a chain.
fn newest_report(root: &Utf8Path, chain: &Chain) -> Result<Option<(Utf8PathBuf, Value)>> {
    let ours = ModelKeys::of(chain, |step| Ok(step.key().to_string()))?;
    let mut newest: Option<(Lineage, Utf8PathBuf, Value)> = None;
    for directory in genie_store::list(&root.join("reports"))?.directories {
        let Some(done) = read_record(&directory)?.map(|record| record.lineage) else { continue };
        let path = directory.join("report.json");
        let text = genie_store::read(&path)?.unwrap_or_default();
        let Ok(report) = serde_json::from_slice::<Value>(&text) else {
            tracing::warn!("{path} cannot be read; actions get no names from it");
            continue;
        };
        let of = |kind: &str| report["lineage"][kind].as_str().map(str::to_owned);
        let theirs = ModelKeys {
            tokenizer: of("tokenizer").unwrap_or_default(),
            lam: of("lam").unwrap_or_default(),
            dynamics: of("dynamics").unwrap_or_default(),
        };
        if theirs == ours && newest.as_ref().is_none_or(|(last, ..)| last.finished < done.finished)
        {
            newest = Some((done, directory, report));
        }
    }
    Ok(newest.map(|(_, directory, report)| (directory, report)))
}

/// The seeds of a report's rollouts; none if the report is older than this column.
fn seeds(report: &Utf8Path) -> BTreeMap<(String, usize), u64> {
    let read = || -> genie_shards::Result<_> {
        let mut seeds = BTreeMap::new();
        for entry in Manifest::load(report)?.table(tables::WINDOWS) {
            for row in read_measured(report, entry)? {
                seeds.insert((row.clip_id, row.first_frame as usize), row.sampler_seed);
            }
        }
        Ok(seeds)
    };
    read().unwrap_or_else(|error| {
        tracing::warn!("the windows of {report} cannot be read ({error}); clips get other seeds");
        BTreeMap::new()
    })
}

fn hash_of_weights(run: &Utf8Path) -> Result<String> {
    let (_, path) = newest_weights(run)?.with_context(|| format!("{run} has no weights"))?;
    let mut hash = blake3::Hasher::new();
    let file = File::open(&path).with_context(|| format!("cannot read {path}"))?;
    hash.update_reader(file).with_context(|| format!("cannot read {path}"))?;
    Ok(hash.finalize().to_hex()[..16].to_owned())
}
