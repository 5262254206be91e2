//! `quality fit`: trains a network on the labels, and measures it on held-out sources.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_catalog::Catalog;
use genie_model::{QualityExamples, QualityModel, TRAINING_FORMAT, train_quality};
use genie_shards::{ClipStore, Manifest};
use genie_stage::Exit;
use genie_stage::config::Resolved;
use genie_stage::key::Key;
use genie_stage::lock::{InUse, Lock};
use genie_stage::step::StepDir;
use genie_training::{Fitted, ModelSections, QualitySection, fit, open_device};

use super::examples::ExampleStore;
use super::held_out::divide;
use super::labels::{MajorityLabel, MajorityLabels};
use super::measure::{Discrimination, HeldOutClip};
use super::models::{self, KIND};
use super::page::{LabelCounts, QualityReport};

/// File with the measurement, beside the checkpoints.
const REPORT: &str = "quality.json";

/// Trains a network if the labels or the config are new, and prints the measurement.
///
/// # Errors
/// When there are too few labels, or labels or clips cannot be read.
pub fn run(sections: &ModelSections, quality: &QualitySection, json: bool) -> Result<Exit> {
    let (root, config) = (sections.data.root.as_path(), &quality.0);
    let device = open_device(KIND, &config.device)?;
    let mut stored = ExampleStore::read(root)?;
    let catalog = Catalog::open(root, sections.data.memory_mb)?;
    let labels = MajorityLabels::read(&catalog, |clip| stored.has(clip))?;
    labels.check()?;
    if labels.without_frames > 0 {
        tracing::warn!(
            "quality: {} labelled clips are not kept, so their frames are not in the dataset",
            labels.without_frames
        );
    }
    let (train, held_out) = divide(&labels.clips, config.held_out, config.train.seed)?;
    let step = models::step(root, &key(quality, &labels.clips)?);
    // Before the manifest is read: `gc` deletes no file that this manifest names.
    let _in_use = InUse::mark(root)?;
    let manifest = Manifest::load(root)?;
    {
        let _lock = Lock::acquire(stored.dir().join(".lock"))?;
        let clips =
            ClipStore::of_manifest(root, &manifest, None).context("cannot read the clips")?;
        stored.add(&clips.with_cache_bytes(0), &labels.clips)?;
    }
    let examples = |labels: &[MajorityLabel]| stored.examples((root, &manifest), labels);
    let resolved = Resolved::new().with(&sections.data).with(quality);
    let fitted = fit(&step, &resolved, KIND, config.train.steps, |dir, observer| {
        Ok(train_quality(config, &examples(&train)?, dir, &device, observer)?)
    })?;
    if let Fitted::Stopped(_) = fitted {
        return Ok(fitted.into());
    }
    let report = report(&step, &train, &held_out, |dir| {
        Ok((QualityModel::load(dir, &device)?, examples(&held_out)?))
    })?;
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { report.page() };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// The work key of the network of these labels.
fn key(quality: &QualitySection, labels: &[MajorityLabel]) -> Result<Key> {
    let mut hasher = blake3::Hasher::new();
    for MajorityLabel { source_id, clip_id, good } in labels {
        hasher.update(format!("{source_id} {clip_id} {good}\n").as_bytes());
    }
    let labels = hasher.finalize().to_hex();
    let key = Key::builder(KIND, TRAINING_FORMAT).config(&quality.keyed()).input("labels", labels);
    Ok(match quality.0.train.import_hash()? {
        Some(hash) => key.input("import", hash),
        None => key,
    }
    .finish())
}

/// The measurement of a trained network, from its file if there is one.
fn report(
    step: &StepDir,
    train: &[MajorityLabel],
    held_out: &[MajorityLabel],
    load: impl FnOnce(&Utf8Path) -> Result<(QualityModel, QualityExamples)>,
) -> Result<QualityReport> {
    let dir = step.fetched()?;
    let path = dir.join(REPORT);
    let stored = genie_store::read(&path)?;
    if let Some(report) = stored.and_then(|text| serde_json::from_slice(&text).ok()) {
        return Ok(report);
    }
    let (model, data) = load(dir)?;
    let report = QualityReport {
        model: step.key().to_string(),
        trained_on: LabelCounts::of(train),
        held_out: LabelCounts::of(held_out),
        discrimination: measured(&model, &data, held_out)?,
    };
    genie_store::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    Ok(report)
}

/// Judges the held-out clips, whose examples are `data`.
fn measured(
    model: &QualityModel,
    data: &QualityExamples,
    held_out: &[MajorityLabel],
) -> Result<Discrimination> {
    let judged = held_out.iter().zip(&data.clips).map(|(label, clip)| {
        Ok(HeldOutClip {
            source_id: label.source_id.clone(),
            quality: f64::from(model.quality(clip)?),
            good: label.good,
        })
    });
    Ok(Discrimination::of(&judged.collect::<Result<Vec<_>>>()?))
}
