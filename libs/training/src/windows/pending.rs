//! Computes and publishes the windows that clips lack, for `encode` and `label`.
//!
//! Work is done only for clips that lack windows, in order of source and time. A shard ends with
//! the clip that fills it. The last shard is usually not full; the next run reads it again and
//! replaces it with a fuller one. So for a given set of clips the shards are the same, byte for
//! byte, even if runs were stopped or killed. Clips that come later are added behind the others,
//! and no window is computed twice.
//!
//! Three threads work at the same time. One reads the next batch of clips, the calling thread runs
//! the model, and one publishes shards. At most one batch waits between two threads, so memory is
//! bounded by the size of a batch and of a shard.

use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Context, Result, bail};
use genie_model::Device;
use genie_shards::{Alone, ClipMeta, ClipStore, Manifest, windows_of};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::lineage::Clock;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use serde_json::json;

use super::batch::{FrameBatch, batch_ranges};
use super::history::{RunEnd, WindowRun};
use super::incomplete::remove_incomplete;
use super::publisher::ShardPublisher;
use super::stored::StoredWindow;
use crate::models::ModelSections;

/// The number of pixels per batch of a model; a batch consists of whole clips.
///
/// More pixels do not make a CPU faster and need more memory (docs/log/, 2026-11-25). Fewer pixels
/// do not use a GPU fully. A model needs a few hundred bytes for each pixel.
#[must_use]
pub fn pixels_at_once(device: Device) -> usize {
    if device == Device::Cpu { 1 << 17 } else { 1 << 22 }
}

/// A loaded model that computes a value for every window of a clip.
pub trait WindowModel {
    /// The result of a model for one window.
    type Window: StoredWindow;

    /// Height and width of the frames that the model takes, in pixels.
    fn size(&self) -> (usize, usize);

    /// The number of frames in a window.
    fn frames(&self) -> usize;

    /// Ids of the clips that lack windows, by source, then time.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    fn pending(&self) -> Result<Vec<String>>;

    /// Computes the windows that begin at `firsts` (clip, first frame).
    ///
    /// `frames` are their RGB bytes, `[window, time, height, width, 3]`.
    ///
    /// # Errors
    /// When the model fails.
    fn compute(&self, firsts: &[(&ClipMeta, usize)], frames: &[u8]) -> Result<Vec<Self::Window>>;
}

/// Computes and publishes the pending windows in the directory of `step`.
///
/// `load` loads the model. `model` is the step of its training, and `command` is the command of
/// that step. A clip that cannot be read is logged and stays pending; the run continues with the
/// other clips and ends as failed.
///
/// # Errors
/// When the model is missing or does not fit the clips, another run is writing the directory, or a
/// file cannot be read or written.
pub fn write_pending<M: WindowModel>(
    sections: &ModelSections,
    device: Device,
    step: &StepDir,
    model: &StepDir,
    command: &str,
    load: impl FnOnce() -> Result<M>,
) -> Result<Exit> {
    let (name, kind) = (M::Window::NAME, M::Window::MODEL);
    if step.is_done() {
        tracing::info!("{name}: up to date, by {kind} {}", model.key());
        return Ok(Exit::Done);
    }
    if !model.is_done() {
        bail!("the {kind} of this config is not trained yet: run `{command}`");
    }
    let stop = Stop::install();
    step.create()?;
    let _lock = Lock::acquire(step.path().join(".lock"))?;
    let _alone = Alone::begin(step.path())?;
    let clock = Clock::start();
    let mut run = WindowRun::begin::<M::Window>(model.key().as_str());
    let finished = load().with_context(|| format!("cannot load the {kind}")).and_then(|loaded| {
        publish_pending(&loaded, sections, device, step, model, &stop, &mut run)
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
    let windows = Manifest::load(step.path())?.rows(M::Window::TABLE);
    step.finish(
        json!({ "windows": windows, "windows_added": run.windows, "clips_added": run.clips }),
    )?;
    Ok(Exit::Done)
}

/// Reads, computes and publishes; `false` when the run was asked to stop.
fn publish_pending<M: WindowModel>(
    loaded: &M,
    sections: &ModelSections,
    device: Device,
    step: &StepDir,
    model: &StepDir,
    stop: &Stop,
    run: &mut WindowRun,
) -> Result<bool> {
    let store = ClipStore::open(&sections.data.root, None).context("cannot read the clips")?;
    check_size(loaded, model, &store)?;
    step.write_config(&sections.resolved())?;
    let frames = loaded.frames();
    let windows = |clip: usize| windows_of(store.clips()[clip].frame_count(), frames).count();
    let mut pending = loaded.pending()?;
    if remove_incomplete::<M::Window>(step.path(), &pending)? {
        pending = loaded.pending()?;
    }
    let clips: Vec<usize> = pending.iter().filter_map(|id| store.position(id)).collect();
    let counts: Vec<usize> = clips.iter().map(|clip| windows(*clip)).collect();
    run.skipped = (0..store.len()).filter(|clip| windows(*clip) > 0).count() - clips.len();

    let mut publisher = ShardPublisher::<M::Window>::resume(step.path(), model.key().as_str())?;
    let pixels = frames * loaded.size().0 * loaded.size().1;
    let at_once = (pixels_at_once(device) / pixels.max(1)).max(1);
    let batches = batch_ranges(&counts, at_once, M::Window::SHARD, publisher.len());
    let progress = Progress::new(M::Window::NAME, counts.iter().sum::<usize>() as u64);

    let (read, batches_read) = sync_channel(1);
    let (computed, to_publish) = sync_channel(1);
    let (store, clips) = (&store, &clips);
    let finished = thread::scope(|scope| {
        scope.spawn(move || {
            for batch in batches {
                // An error means that the thread that runs the model has ended.
                if read.send(FrameBatch::read(store, &clips[batch], frames)).is_err() {
                    break;
                }
            }
        });
        let writer = scope.spawn(move || -> Result<()> {
            for windows in to_publish {
                publisher.push(windows)?;
            }
            publisher.finish()
        });
        let mut finished = Ok(true);
        for batch in batches_read {
            if stop.requested() {
                finished = Ok(false);
                break;
            }
            match compute(loaded, &batch, at_once, &progress) {
                Ok(windows) => {
                    run.add(batch.clips.len(), windows.len(), batch.failed);
                    // An error means that the writer has failed; it returns the reason below.
                    if computed.send(windows).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    finished = Err(error);
                    break;
                }
            }
        }
        drop(computed);
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        finished
    })?;
    if finished {
        progress.finish();
    }
    Ok(finished)
}

/// Computes the windows of a batch, at most `at_once` at a time.
fn compute<M: WindowModel>(
    loaded: &M,
    batch: &FrameBatch,
    at_once: usize,
    progress: &Progress,
) -> Result<Vec<M::Window>> {
    let firsts: Vec<(&ClipMeta, usize)> =
        batch.firsts.iter().map(|(clip, first)| (&batch.clips[*clip], *first)).collect();
    let bytes = batch.pixels.len() / firsts.len().max(1);
    let mut windows = Vec::with_capacity(firsts.len());
    // With its last clip, a batch can have more than `at_once` windows.
    for (firsts, pixels) in firsts.chunks(at_once).zip(batch.pixels.chunks(at_once * bytes.max(1)))
    {
        windows.extend(loaded.compute(firsts, pixels)?);
        progress.inc(firsts.len() as u64);
    }
    Ok(windows)
}

/// Refuses clips of another size than the model's before any work.
fn check_size<M: WindowModel>(loaded: &M, model: &StepDir, store: &ClipStore) -> Result<()> {
    let (height, width) = loaded.size();
    if let Some(clip) = store.clips().iter().position(|clip| clip.size() != (height, width)) {
        let clip = store.meta(clip)?;
        bail!(
            "{} {} takes {width}×{height} pixels, clip {} of {} has {}×{}: \
             ingest each size into a [data] root of its own",
            M::Window::MODEL,
            model.key(),
            clip.clip_id,
            clip.source_path,
            clip.width,
            clip.height
        );
    }
    Ok(())
}
