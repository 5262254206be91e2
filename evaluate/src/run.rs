//! `genie-evaluate run`: finds the models, measures, writes the report.
//!
//! The report's directory is named by a work key over the clips, the three models and the config. Everything that can
//! fail is done before the first byte of the report is written; `step.json` comes last, so a killed run never looks finished. What
//! it has measured by then lies in `parts/`, for the next.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, MeasuredWindow, publish_measured, tables};
use genie_stage::Exit;
use genie_stage::config::{Config, Resolved, Section as _};
use genie_stage::key::Key;
use genie_stage::lineage::{self, Clock};
use genie_stage::lock::Lock;
use genie_stage::status::StepStatus;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use genie_training::{Chain, open_device};

use crate::config::{EvaluateConfig, WeightsArgs};
use crate::distance::warnings;
use crate::encoders::{self, content_hash};
use crate::footage::Footage;
use crate::html;
use crate::lpips::WithLpips;
use crate::models::find;
use crate::parts;
use crate::perceptual::FrameDistance;
use crate::pictures::{ScenePictures, draw};
use crate::report::{Lineage, Report, SCHEMA_VERSION};
use crate::rows::Stamp;
use crate::summary::{Origin, summarise};
use crate::trained::Trained;
use crate::work::{Measured, Work};

/// Version of what is measured and how: raised when old reports should be made anew.
const FORMAT: u32 = 3;
const STEP: &str = "evaluate";

/// The sections this stage reads: its own, and those that say which models.
pub struct Sections {
    models: genie_training::ModelSections,
    evaluate: EvaluateConfig,
}

impl Sections {
    /// Reads them; `device` and `weights` of the command line go before the config's.
    ///
    /// # Errors
    /// When a value is wrong.
    pub fn read(config: &Config, device: Option<&str>, weights: &WeightsArgs) -> Result<Sections> {
        let mut evaluate: EvaluateConfig = config.section()?;
        weights.put(&mut evaluate);
        if let Some(device) = device {
            device.clone_into(&mut evaluate.device);
        }
        Ok(Sections { models: genie_training::ModelSections::read(config)?, evaluate })
    }

    /// The section that has a device, with the device's name.
    #[must_use]
    pub fn devices(&self) -> [(&'static str, &str); 1] {
        [(EvaluateConfig::NAME, &self.evaluate.device)]
    }

    /// As TOML.
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        self.models.resolved().with(&self.evaluate)
    }

    /// Where the report is, or what it waits for.
    ///
    /// # Errors
    /// When the manifest of the clips cannot be read.
    pub fn status(&self) -> Result<StepStatus> {
        Ok(match find(&self.models)? {
            Ok(models) => self.step(&models)?.status("run"),
            Err(missing) => StepStatus::waiting("run", missing.command),
        })
    }

    fn root(&self) -> &Utf8Path {
        &self.models.data.root
    }

    fn clips_hash(&self) -> Result<String> {
        let manifest =
            Manifest::load(self.root()).context("cannot read the manifest of the clips")?;
        Ok(manifest.table_hash(tables::CLIPS))
    }

    fn step(&self, models: &Chain) -> Result<StepDir> {
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

    fn lineage(&self, models: &Chain, step: &StepDir) -> Result<Lineage> {
        let versions = [
            ("genie-evaluate", lineage::VERSION.to_owned()),
            ("git", lineage::git_revision().to_owned()),
            ("model format", genie_model::MODEL_FORMAT.to_string()),
            ("clips format", genie_shards::CLIPS_FORMAT.to_string()),
            ("report schema", SCHEMA_VERSION.to_string()),
        ];
        Ok(Lineage {
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

/// Makes the report if it is not there; prints its directory.
///
/// # Errors
/// When models or held-out clips are missing or do not fit each other, or the report cannot be written. Then no report was
/// written over.
pub fn run(sections: &Sections) -> Result<Exit> {
    let (root, evaluate) = (sections.root(), &sections.evaluate);
    let device = open_device(EvaluateConfig::NAME, &evaluate.device)?;
    let models = find(&sections.models)??;
    let output = sections.step(&models)?;
    if output.is_done() {
        // Of a run that was killed in its very last moment.
        parts::discard(output.path())?;
        tracing::info!("evaluate: up to date");
        println!("{}", output.path());
        return Ok(Exit::Done);
    }
    let _lock = Lock::acquire(root.join("reports/.lock"))?;
    let stop = Stop::install();
    let model = Trained::load(&models, evaluate.sampler(), device)?;
    let footage =
        Footage::open(root, model.size(), model.frames(), evaluate.windows, evaluate.seed)?;
    let settings = evaluate.settings(model.takes_true_actions());
    let windows = footage.windows.len();
    tracing::info!("evaluate: {windows} held-out windows, dynamics {}", models.dynamics.key());

    let mut notes = footage.warnings.clone();
    let comparison =
        encoders::choose(evaluate, device, &footage.windows, model.frames(), &mut notes)?;
    let lpips =
        evaluate.lpips().map(|path| WithLpips::load(path, model.size(), device)).transpose()?;
    notes.extend(lpips.as_ref().and_then(WithLpips::warning));
    let mean_frame = footage.mean_frame(root, settings.seed)?;
    let work = Work {
        model: &model,
        windows: &footage.windows,
        frames: model.frames(),
        load: &|index| footage.load(index),
        mean_frame: mean_frame.as_deref(),
        frame_distance: lpips.as_ref().map(|lpips| lpips as &dyn FrameDistance),
        device: &evaluate.device,
        settings: &settings,
        bootstrap: evaluate.bootstrap,
        root,
        report: output.path(),
        stamp: Stamp {
            report: output.key().to_string(),
            dynamics: models.dynamics.key().to_string(),
            prompt_frames: settings.prompt_frames,
        },
        stop: &stop,
    };
    let Some(Measured { found, distances, speed, rows }) = work.run(comparison)? else {
        tracing::info!("evaluate: stopped; the same command goes on from there");
        return Ok(stop.exit());
    };
    notes.extend(distances.iter().flat_map(warnings));

    if settings.true_actions {
        notes.push(
            "This dynamics model was trained with the actions that were played: what this report calls latent actions are those, and \
             their agreement with the truth is one by definition."
                .to_owned(),
        );
    }
    let origin = Origin {
        created: format!("{:.0}", Clock::start().lineage().finished),
        lineage: sections.lineage(&models, &output)?,
        windows_asked: evaluate.windows,
        bootstrap_draws: evaluate.bootstrap,
        distances,
        speed: Some(speed),
        lpips_weights: lpips.map(|lpips| lpips.weights),
        warnings: notes,
    };
    let report = summarise(&found, &footage.windows, &footage.names, &settings, origin);
    let pictures = draw(&found.scenes, &footage.windows, settings.prompt_frames, footage.fps)?;
    write(&output, sections, &rows, &report, &pictures)?;
    parts::discard(output.path())?;
    tell(&report);
    println!("{}", output.path());
    Ok(Exit::Done)
}

/// Everything is rendered before anything is written; `step.json` is last.
fn write(
    step: &StepDir,
    sections: &Sections,
    rows: &[MeasuredWindow],
    report: &Report,
    pictures: &[ScenePictures],
) -> Result<()> {
    let json = report.to_json()?;
    let page = html::render(report, pictures)?;
    step.create()?;
    step.write_config(&sections.resolved())?;
    let folder: Utf8PathBuf = step.path().join("pictures");
    for picture in
        pictures.iter().flat_map(|scene| [Some(&scene.compare), scene.held.as_ref()]).flatten()
    {
        genie_durable::write(folder.join(format!("{}.png", picture.name)), &picture.animation)?;
        genie_durable::write(folder.join(format!("{}-film.png", picture.name)), &picture.film)?;
    }
    publish_measured(step.path(), rows)?;
    genie_durable::write(step.path().join("report.html"), page)?;
    genie_durable::write(step.path().join("report.json"), json)?;
    step.finish(serde_json::to_value(&report.headline)?)?;
    Ok(())
}

/// The headline numbers, for the person who waited.
fn tell(report: &Report) {
    for warning in &report.warnings {
        tracing::warn!("{warning}");
    }
    for card in crate::verdict::cards(report) {
        tracing::info!(
            "  {:<40} {:>12}   ({}; baseline: {})",
            card.title,
            card.value,
            card.interval,
            card.baseline
        );
    }
}
