//! The `run` command: finds the models, measures, and writes the report.
//!
//! The report's directory is named by a work key over the clips, the three models and the config.
//! All fallible work is done before the first byte of the report is written. `step.json` is written
//! last, so a killed run never looks finished. Batches that are already measured stay in `parts/`,
//! and the next run continues from them.

mod agreement;
mod long;
mod sections;
mod weights_args;

use anyhow::Result;
use camino::Utf8PathBuf;
use genie_model::Device;
use genie_shards::{MeasuredWindow, publish_agreement, publish_measured};
use genie_stage::Exit;
use genie_stage::config::Section as _;
use genie_stage::lineage::Clock;
use genie_stage::lock::Lock;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use genie_training::{Chain, EvaluateConfig, TrainedModels, find_finished, open_device};

pub use sections::EvaluateSections;
pub use weights_args::WeightsArgs;

use crate::distance::warnings;
use crate::evaluation::{Evaluation, EvaluationResult, RowHeader, discard};
use crate::held_out::HeldOutSet;
use crate::long::LongSettings;
use crate::measure::{FrameDistance, Settings};
use crate::networks::{self, LpipsDistance, Trained};
use crate::page::{self, ReportPictures, cards, draw, draw_strips};
use crate::report::schema::Report;
use crate::report::{Provenance, summarise};
use crate::run::agreement::AgreementRun;
use crate::run::long::LongRun;

const TRUE_ACTIONS: &str = "The dynamics model was trained with true actions. Everything that this \
    report calls latent actions is a true action, so agreement with true actions is 1 by \
    definition.";

/// Makes the report if it does not exist, and prints its directory.
///
/// # Errors
/// Fails if models or held-out clips are missing or do not fit each other, or if the report cannot
/// be written. An existing report is never overwritten.
pub fn run(sections: &EvaluateSections) -> Result<Exit> {
    let device = open_device(EvaluateConfig::NAME, &sections.evaluate.device)?;
    let models = find_finished(&sections.models)??;
    let output = sections.step(&models)?;
    if output.is_done()? {
        // A run that was killed just before it ended may have left `parts/`.
        discard(output.path())?;
        tracing::info!("evaluate: up to date");
        println!("{}", output.fetched()?);
        return Ok(Exit::Done);
    }
    let _lock = Lock::acquire(sections.root().join("reports/.lock"))?;
    make(sections, device, &models, &output)
}

/// Measures everything, and writes the report.
fn make(
    sections: &EvaluateSections,
    device: Device,
    models: &Chain,
    output: &StepDir,
) -> Result<Exit> {
    let (root, evaluate) = (sections.root(), &sections.evaluate);
    let stop = Stop::install();
    let trained = TrainedModels::load(models, device)?;
    let (size, frames) = (trained.size(), trained.frames());
    let held_out = HeldOutSet::open(root, size, frames, evaluate.windows, evaluate.seed)?;
    let settings = Settings::new(evaluate, trained.takes_true_actions());
    let model = Trained { models: trained, sampler: evaluate.sampler() };
    let windows = held_out.windows.len();
    tracing::info!(
        "evaluate: {windows} held-out windows, dynamics model {}",
        models.dynamics.key()
    );

    let mut notes = held_out.warnings.clone();
    let comparison = networks::choose(evaluate, device, &held_out.windows, frames, &mut notes)?;
    let encoders = comparison.as_ref().map(|(_, encoders)| encoders.clone()).unwrap_or_default();
    let lpips = evaluate.lpips().map(|path| LpipsDistance::load(path, size, device)).transpose()?;
    notes.extend(lpips.as_ref().and_then(LpipsDistance::warning));
    let mean_frame = held_out.mean_frame(root, settings.seed)?;
    let header = RowHeader {
        report: output.key().to_string(),
        dynamics: models.dynamics.key().to_string(),
        prompt_frames: settings.prompt_frames,
        seed: settings.seed,
    };
    let evaluation = Evaluation {
        model: &model,
        windows: &held_out.windows,
        frames,
        load: &|index| held_out.load(index),
        mean_frame: mean_frame.as_deref(),
        frame_distance: lpips.as_ref().map(|lpips| lpips as &dyn FrameDistance),
        device: &evaluate.device,
        settings: &settings,
        bootstrap: evaluate.bootstrap,
        root,
        report: output.path(),
        header: header.clone(),
        stop: &stop,
    };
    let Some(EvaluationResult { found, distances, speed, rows }) = evaluation.run(comparison)?
    else {
        return Ok(stopped(&stop));
    };
    notes.extend(distances.iter().flat_map(warnings));
    let agreement = AgreementRun {
        sections,
        device,
        model: &model,
        held_out: &held_out,
        settings: &settings,
        frames,
        stop: &stop,
    };
    let Some(agreement) = agreement.run(&mut notes)? else {
        return Ok(stopped(&stop));
    };
    if settings.true_actions {
        notes.push(TRUE_ACTIONS.to_owned());
    }
    let provenance = Provenance {
        created: format!("{:.0}", Clock::start().lineage().finished),
        lineage: sections.lineage(models, output)?,
        windows_asked: evaluate.windows,
        bootstrap_draws: evaluate.bootstrap,
        ceiling: agreement.ceiling.clone(),
        distances,
        speed: Some(speed),
        lpips_weights: lpips.as_ref().map(|lpips| lpips.weights.clone()),
        warnings: notes,
    };
    let labelled = agreement.windows(&found, &held_out);
    let mut report = summarise(&found, &held_out.windows, &labelled, &settings, provenance);
    let latent = agreement.latent.as_deref().unwrap_or_default();
    let agreement_rows = header.agreement_rows(&agreement.labelled.windows, latent);
    let long = LongRun {
        model: &model,
        held_out: &held_out,
        config: evaluate,
        settings: LongSettings::new(evaluate, &settings, frames),
        encoders: &encoders,
        mean_frame: mean_frame.as_deref(),
        frame_distance: lpips.as_ref().map(|lpips| lpips as &dyn FrameDistance),
        effects: report.effects.as_ref(),
        report: output.path(),
        stop: &stop,
    };
    let Some(long) = long.run()? else {
        return Ok(stopped(&stop));
    };
    report.long = long.section;
    report.warnings.extend(long.warnings);
    let pictures = ReportPictures {
        scenes: draw(&found, &held_out.windows, settings.prompt_frames, held_out.fps)?,
        strips: draw_strips(&long.strips, &long.clips)?,
    };
    write(output, sections, [&rows, &agreement_rows], &report, &pictures)?;
    discard(output.path())?;
    log_headline(&report);
    println!("{}", output.path());
    Ok(Exit::Done)
}

/// Says how to continue, and returns the exit code of a stop.
fn stopped(stop: &Stop) -> Exit {
    tracing::info!("evaluate: stopped; run the same command to continue");
    stop.exit()
}

/// Renders everything, then writes it; `step.json` is last.
fn write(
    step: &StepDir,
    sections: &EvaluateSections,
    [rows, agreement]: [&[MeasuredWindow]; 2],
    report: &Report,
    pictures: &ReportPictures,
) -> Result<()> {
    let json = report.to_json()?;
    let page = page::render(report, pictures)?;
    step.create()?;
    step.write_config(&sections.resolved())?;
    let folder: Utf8PathBuf = step.path().join("pictures");
    let scenes = pictures.scenes.iter();
    for picture in scenes.flat_map(|scene| [Some(&scene.compare), scene.held.as_ref()]).flatten() {
        genie_durable::write(folder.join(format!("{}.png", picture.name)), &picture.animation)?;
        genie_durable::write(folder.join(format!("{}-film.png", picture.name)), &picture.film)?;
    }
    for strip in &pictures.strips {
        genie_durable::write(folder.join(format!("{}.png", strip.name)), &strip.film)?;
    }
    publish_measured(step.path(), rows)?;
    if !agreement.is_empty() {
        publish_agreement(step.path(), agreement)?;
    }
    genie_durable::write(step.path().join("report.html"), page)?;
    genie_durable::write(step.path().join("report.json"), json)?;
    step.finish(serde_json::to_value(&report.headline)?)?;
    Ok(())
}

/// Logs the warnings and the headline numbers.
fn log_headline(report: &Report) {
    for warning in &report.warnings {
        tracing::warn!("{warning}");
    }
    for card in cards(report) {
        tracing::info!(
            "  {:<40} {:>12}   ({}; baseline: {})",
            card.title,
            card.value,
            card.interval,
            card.baseline
        );
    }
}
