//! What a trained model makes of every clip's windows, as published shards: tokens, latent actions.
//!
//! Only clips that lack them are worked on, in order of source and time, and a shard ends with the clip that fills it. The last one, which is not
//! full, is taken up again by the next run and replaced by a fuller one. So for the clips that there are, the shards are the same, byte for
//! byte, wherever runs were stopped or killed; clips that come later are added behind them, and nothing is made twice.

use anyhow::{Context, Result, bail};
use genie_model::Device;
use genie_shards::{ClipMeta, ClipStore, Manifest, windows_of};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::lineage::Clock;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use serde_json::json;

use crate::Sections;
use crate::made::Made;
use crate::overlap::Outstanding;
use crate::publish::Publisher;
use crate::runs::{Ended, Run};

/// Pixels that go through a model at once, in whole clips. More do not make a CPU faster, and take memory (LOG.md, 2026-11-25); a GPU is not busy with
/// less. A model at work needs some hundred bytes for each.
#[must_use]
pub fn pixels_at_once(device: Device) -> usize {
    if device == Device::Cpu { 1 << 17 } else { 1 << 22 }
}

/// A loaded model with what it makes of a window.
pub trait WindowModel {
    /// What it makes of a window.
    type Window: Made;

    /// Height and width of the frames it takes, in pixels.
    fn size(&self) -> (usize, usize);

    /// Frames of a window.
    fn frames(&self) -> usize;

    /// Ids of the clips that lack windows, by source, then time.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    fn lacking(&self) -> Result<Vec<String>>;

    /// The windows that begin at `firsts`, in clips, of their `frames` as RGB bytes.
    ///
    /// # Errors
    /// The model's own.
    fn make(&self, firsts: &[(&ClipMeta, usize)], frames: &[u8]) -> Result<Vec<Self::Window>>;
}

/// Makes the windows that are outstanding in `step`'s directory with the model that `load` loads, once `model` is trained (by `command`). A clip
/// that cannot be read is told and left outstanding, and the run goes on and ends as failed.
///
/// # Errors
/// When the model is missing or does not fit the clips, another run is at it, or a file cannot be read or written.
pub fn fill<M: WindowModel>(
    sections: &Sections,
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
    let clock = Clock::start();
    let mut run = Run::begin::<M::Window>(model.key().as_str());
    let done = load()
        .with_context(|| format!("cannot load the {kind}"))
        .and_then(|maker| filled(sections, device, step, model, &maker, &stop, &mut run));
    let ended = match &done {
        Ok(_) if run.failed > 0 => Ended::Failed,
        Ok(true) => Ended::Done,
        Ok(false) => Ended::Stopped,
        Err(_) => Ended::Failed,
    };
    let run = run.ended(ended, &clock.lineage());
    run.record(&sections.data.root, M::Window::PLACE)?;
    if !done? {
        tracing::info!("{name}: stopped; the same command goes on from here");
        return Ok(stop.exit());
    }
    tracing::info!("{}", run.in_words(kind));
    if run.failed > 0 {
        tracing::error!(
            "{name}: {} clips cannot be read: see genie-ingest verify, which can make them again",
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

/// Makes what is outstanding, and notes it in `run`. Whether it was not asked to stop.
fn filled<M: WindowModel>(
    sections: &Sections,
    device: Device,
    step: &StepDir,
    model: &StepDir,
    maker: &M,
    stop: &Stop,
    run: &mut Run,
) -> Result<bool> {
    let store = ClipStore::open(&sections.data.root, None).context("cannot read the clips")?;
    check_size(maker, model, &store)?;
    step.write_config(&sections.resolved())?;
    let clips: Vec<usize> = maker.lacking()?.iter().filter_map(|id| store.position(id)).collect();
    let windows =
        |clip: usize| windows_of(store.clips()[clip].frame_count(), maker.frames()).count();
    run.skipped = (0..store.len()).filter(|clip| windows(*clip) > 0).count() - clips.len();
    let progress =
        Progress::new(M::Window::NAME, clips.iter().map(|clip| windows(*clip) as u64).sum());
    let publisher = Publisher::<M::Window>::take_up(step.path(), model.key().as_str())?;
    let pixels = maker.frames() * maker.size().0 * maker.size().1;
    let work = Outstanding {
        store: &store,
        frames: maker.frames(),
        clips: &clips,
        at_once: (pixels_at_once(device) / pixels.max(1)).max(1),
        begun: publisher.begun(),
    };
    let finished = work.make(maker, publisher, stop, run, &progress)?;
    if finished {
        progress.finish();
    }
    Ok(finished)
}

/// Refuses clips of another size than the model's before any work.
fn check_size<M: WindowModel>(maker: &M, model: &StepDir, store: &ClipStore) -> Result<()> {
    let (height, width) = maker.size();
    let differs = |clip: &&ClipMeta| (clip.height as usize, clip.width as usize) != (height, width);
    if let Some(clip) = store.clips().iter().find(differs) {
        bail!(
            "{} {} takes {width}×{height} pixels, clip {} of {} has {}×{}: ingest each size into a [data] root of its own",
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
