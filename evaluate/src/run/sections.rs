//! The config sections of this stage, and the work key and lineage of its report.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use genie_shards::{Manifest, tables};
use genie_stage::config::{Config, Resolved, Section as _};
use genie_stage::key::Key;
use genie_stage::lineage;
use genie_stage::status::StepStatus;
use genie_stage::step::StepDir;
use genie_training::{Chain, EvaluateConfig, find_finished};

use crate::networks::content_hash;
use crate::report::schema::{ReportLineage, SCHEMA_VERSION};
use crate::run::weights_args::WeightsArgs;

/// Version of the measurement; a higher version gives every report a new work key.
const FORMAT: u32 = 7;
const STEP: &str = "evaluate";

/// The config sections that this stage reads: its own, and those of the models.
pub struct EvaluateSections {
    pub models: genie_training::ModelSections,
    pub evaluate: EvaluateConfig,
}

impl EvaluateSections {
    /// Reads the sections; `device` and `weights` of the command line override the config.
    ///
    /// # Errors
    /// Fails if a value is invalid.
    pub fn read(
        config: &Config,
        device: Option<&str>,
        weights: &WeightsArgs,
    ) -> Result<EvaluateSections> {
        let mut evaluate: EvaluateConfig = config.section()?;
        weights.put(&mut evaluate);
        if let Some(device) = device {
            device.clone_into(&mut evaluate.device);
        }
        Ok(EvaluateSections { models: genie_training::ModelSections::read(config)?, evaluate })
    }

    /// Returns the section that has a device, with the name of the device.
    #[must_use]
    pub fn devices(&self) -> [(&'static str, &str); 1] {
        [(EvaluateConfig::NAME, &self.evaluate.device)]
    }

    /// Returns the resolved sections, for `config.toml`.
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        self.models.resolved().with(&self.evaluate)
    }

    /// Returns where the report is, or the command that has to run first.
    ///
    /// # Errors
    /// Fails if the manifest of the clips cannot be read.
    pub fn status(&self) -> Result<StepStatus> {
        Ok(match find_finished(&self.models)? {
            Ok(models) => self.step(&models)?.status("run")?,
            Err(missing) => StepStatus::waiting("run", missing.command),
        })
    }

    pub fn root(&self) -> &Utf8Path {
        &self.models.data.root
    }

    fn clips_hash(&self) -> Result<String> {
        let manifest =
            Manifest::load(self.root()).context("cannot read the manifest of the clips")?;
        Ok(manifest.table_hash(tables::CLIPS))
    }

    pub fn step(&self, models: &Chain) -> Result<StepDir> {
        let mut key = Key::builder(STEP, FORMAT)
            .config(&self.evaluate.keyed())
            .input("clips", self.clips_hash()?)
            .input("tokenizer", models.tokenizer.key())
            .input("lam", models.lam.key())
            .input("dynamics", models.dynamics.key());
        for (name, weights) in [("i3d", self.evaluate.i3d()), ("lpips", self.evaluate.lpips())] {
            if let Some(weights) = weights {
                key = key.input(name, content_hash(name, weights)?);
            }
        }
        let key = key.finish();
        Ok(StepDir::open(self.root().join("reports").join(key.as_str()), &key, STEP))
    }

    pub fn lineage(&self, models: &Chain, step: &StepDir) -> Result<ReportLineage> {
        let versions = [
            ("genie-evaluate", lineage::VERSION.to_owned()),
            ("git", lineage::git_revision().to_owned()),
            ("model format", genie_model::MODEL_FORMAT.to_string()),
            ("clips format", genie_shards::CLIPS_FORMAT.to_string()),
            ("report schema", SCHEMA_VERSION.to_string()),
        ];
        Ok(ReportLineage {
            data: self.clips_hash()?,
            tokenizer: models.tokenizer.key().to_string(),
            lam: models.lam.key().to_string(),
            dynamics: models.dynamics.key().to_string(),
            evaluate: step.key().to_string(),
            device: self.evaluate.device.clone(),
            config: serde_json::to_value(&self.evaluate)?,
            versions: versions
                .map(|(name, version)| (name.to_owned(), version))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        })
    }
}
