//! Computes and publishes the windows that clips lack, for `encode` and `label`.
//!
//! Work is done only for clips that lack windows, in order of source and time. A shard ends with
//! the clip that fills it. The last shard is usually not full; the next run reads it again and
//! replaces it with a fuller one. So for a given set of clips the shards are the same, byte for
//! byte, even if runs were stopped or killed. Clips that come later are added behind the others,
//! and no window is computed twice.
//!
//! The processes of an array job each compute a share of the shards (`share`). Then a run without a
//! share finds nothing to compute, and finishes the step.

use anyhow::{Context, Result, bail};
use genie_model::Device;
use genie_shards::{Alone, ClipStore, Manifest};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::lineage::Clock;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::share::Share;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use serde_json::json;

use super::batch::batch_ranges;
use super::compute::{WindowComputer, WindowModel, check_size};
use super::history::{RunEnd, WindowRun};
use super::incomplete::IncompleteShards;
use super::publisher::ShardPublisher;
use super::share::publish_share;
use super::stored::StoredWindow;
use crate::models::ModelSections;

/// Computes and publishes the pending windows in the directory of `step`, or a share of them.
///
/// `load` loads the model; `model` is its step, which `command` trains. A share does not finish the
/// step. A clip that cannot be read is logged and stays pending; the run continues with the other
/// clips and ends as failed.
///
/// # Errors
/// When the model is missing or does not fit the clips, another run is writing the directory, or a
/// file cannot be read or written.
pub fn write_pending<M: WindowModel>(
    sections: &ModelSections,
    (device, stop): (Device, &Stop),
    (step, share): (&StepDir, Option<Share>),
    (model, command): (&StepDir, &str),
    load: impl FnOnce() -> Result<M>,
) -> Result<Exit> {
    let (name, kind) = (M::Window::NAME, M::Window::MODEL);
    if step.is_done()? {
        tracing::info!("{name}: up to date, by {kind} {}", model.key());
        return Ok(Exit::Done);
    }
    if !model.is_done()? {
        bail!("the {kind} of this config is not trained yet: run `{command}`");
    }
    step.create()?;
    let lock = step.path().join(".lock");
    let _lock = if share.is_some() { Lock::share(lock)? } else { Lock::acquire(lock)? };
    let _alone = share.is_none().then(|| Alone::begin(step.path())).transpose()?;
    let clock = Clock::start();
    let mut run = WindowRun::begin::<M::Window>(model.key().as_str());
    let finished = load().with_context(|| format!("cannot load the {kind}")).and_then(|loaded| {
        let store = ClipStore::open(&sections.data.root, None).context("cannot read the clips")?;
        check_size(&loaded, model, &store)?;
        step.write_config(&sections.resolved())?;
        let computer = WindowComputer { loaded: &loaded, store: &store, device, stop };
        match share {
            Some(share) => publish_share(&computer, (step, model), share, &mut run),
            None => publish_pending(&computer, step, model, &mut run),
        }
    });
    let end = match &finished {
        Ok(true) if run.failed == 0 => RunEnd::Done,
        Ok(false) if run.failed == 0 => RunEnd::Stopped,
        _ => RunEnd::Failed,
    };
    let run = run.ended(end, &clock.lineage());
    run.record(&sections.data.root, M::Window::PLACE)?;
    if !finished? {
        tracing::info!("{name}: stopped; run the same command to resume");
        return Ok(stop.exit());
    }
    tracing::info!("{}", run.in_words(kind));
    if run.failed > 0 {
        tracing::error!(
            "{name}: {} clips cannot be read: run `genie-ingest verify --forget`, \
             then `genie-ingest run`",
            run.failed
        );
        return Ok(Exit::Failed(FAILED));
    }
    if let Some(share) = share {
        tracing::info!(
            "{name}: {share} is done; when all shares are done, a run without shares finishes the \
             step"
        );
        return Ok(Exit::Done);
    }
    let windows = Manifest::load(step.path())?.rows(M::Window::TABLE);
    step.finish(
        json!({ "windows": windows, "windows_added": run.windows, "clips_added": run.clips }),
    )?;
    Ok(Exit::Done)
}

/// Reads, computes and publishes; `false` when the run was asked to stop.
///
/// # Errors
/// When a file cannot be read or written, or the model fails.
pub(super) fn publish_pending<M: WindowModel>(
    computer: &WindowComputer<'_, M>,
    step: &StepDir,
    model: &StepDir,
    run: &mut WindowRun,
) -> Result<bool> {
    let (loaded, store) = (computer.loaded, computer.store);
    let pending = loaded.pending()?;
    let incomplete = IncompleteShards::find::<M::Window>(step.path(), &pending)?;
    let mut clips: Vec<usize> = pending.iter().filter_map(|id| store.position(id)).collect();
    let again = incomplete.clips().filter_map(|clip| store.position_of(clip));
    clips.extend(again.filter(|clip| computer.windows_of(*clip) > 0));
    clips.sort_unstable();
    clips.dedup();
    let counts: Vec<usize> = clips.iter().map(|clip| computer.windows_of(*clip)).collect();
    let all = (0..store.len()).filter(|clip| computer.windows_of(*clip) > 0).count();
    run.skipped = all - clips.len();

    let mut publisher =
        ShardPublisher::<M::Window>::resume(step.path(), model.key().as_str(), incomplete)?;
    let batches =
        batch_ranges(&counts, computer.at_once(), M::Window::SHARD, publisher.len()).into_iter();
    let batches: Vec<&[usize]> = batches.map(|batch| &clips[batch]).collect();
    let progress = Progress::new(M::Window::NAME, counts.iter().sum::<usize>() as u64);
    let finished = computer.run(&batches, &progress, run, |batch| publisher.push(batch.windows));
    publisher.finish()?;
    finished
}
