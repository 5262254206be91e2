//! What a trained model makes of every clip's windows, as published shards: tokens, latent actions. Only clips that lack them are worked
//! on, and each shard is published when it is full, so a stopped run has lost nothing.

use anyhow::{Context, Result, bail};
use genie_shards::{ClipMeta, ClipStore, Entry, Manifest, windows_of};
use genie_stage::Exit;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use serde_json::json;

use crate::Sections;

/// Windows that go through a model at once.
const BATCH: usize = 16;

/// A loaded model with what it makes of a window.
pub trait WindowModel {
    /// What it makes of a window.
    type Window;
    /// What people call the model.
    const MODEL: &'static str;
    /// What people call the windows.
    const WINDOWS: &'static str;
    /// The manifest's table of them.
    const TABLE: &'static str;
    /// Windows in a shard, about.
    const SHARD: usize;

    /// Height and width of the frames it takes, in pixels.
    fn size(&self) -> (usize, usize);

    /// Frames of a window.
    fn frames(&self) -> usize;

    /// Ids of the clips that lack windows.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    fn lacking(&self) -> Result<Vec<String>>;

    /// Windows of a clip that begin at frames `firsts`, of their `frames` as RGB bytes.
    ///
    /// # Errors
    /// The model's own.
    fn make(&self, clip: &ClipMeta, firsts: &[usize], frames: &[u8]) -> Result<Vec<Self::Window>>;

    /// Writes a shard.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, windows: &[Self::Window]) -> Result<Entry>;
}

/// Makes the windows that are outstanding in `step`'s directory with the model that `load` loads, once `model` is trained (by `command`).
///
/// # Errors
/// When the model is missing or does not fit the clips, another run is at it, or a file cannot be read or written.
pub fn fill<M: WindowModel>(
    sections: &Sections,
    step: &StepDir,
    model: &StepDir,
    command: &str,
    load: impl FnOnce() -> Result<M>,
) -> Result<Exit> {
    if step.is_done() {
        tracing::info!("{}: up to date", M::WINDOWS);
        return Ok(Exit::Done);
    }
    if !model.is_done() {
        bail!("the {} of this config is not trained yet: run `{command}`", M::MODEL);
    }
    let stop = Stop::install();
    step.create()?;
    let _lock = Lock::acquire(step.path().join(".lock"))?;
    step.write_config(&sections.resolved())?;
    let maker = load().with_context(|| format!("cannot load the {}", M::MODEL))?;
    let store = ClipStore::open(&sections.data.root, None).context("cannot read the clips")?;
    check_size(&maker, model, &store)?;

    let clips: Vec<usize> = maker.lacking()?.iter().filter_map(|id| store.position(id)).collect();
    let windows_in = |clip: usize| windows_of(store.clips()[clip].frame_count(), maker.frames());
    let total: usize = clips.iter().map(|clip| windows_in(*clip).count()).sum();
    let progress = Progress::new(M::WINDOWS, total as u64);
    let mut shard = Vec::new();
    for clip in &clips {
        if stop.requested() {
            publish(&maker, step, &mut shard)?;
            tracing::info!("{}: stopped; the same command goes on from here", M::WINDOWS);
            return Ok(stop.exit());
        }
        let firsts: Vec<usize> = windows_in(*clip).collect();
        for firsts in firsts.chunks(BATCH) {
            let mut frames = Vec::new();
            for first in firsts {
                frames.extend(store.window(*clip, *first, maker.frames())?.data);
            }
            shard.extend(maker.make(&store.clips()[*clip], firsts, &frames)?);
            progress.inc(firsts.len() as u64);
        }
        if shard.len() >= M::SHARD {
            publish(&maker, step, &mut shard)?;
        }
    }
    publish(&maker, step, &mut shard)?;
    progress.finish();
    let windows = Manifest::load(step.path())?.rows(M::TABLE);
    step.finish(json!({ "windows": windows, "windows_added": total, "clips_added": clips.len() }))?;
    Ok(Exit::Done)
}

/// Refuses clips of another size than the model's before any work.
fn check_size<M: WindowModel>(maker: &M, model: &StepDir, store: &ClipStore) -> Result<()> {
    let (height, width) = maker.size();
    let differs = |clip: &&ClipMeta| (clip.height as usize, clip.width as usize) != (height, width);
    if let Some(clip) = store.clips().iter().find(differs) {
        bail!(
            "{} {} takes {width}×{height} pixels, clip {} of {} has {}×{}: ingest each size into a [data] root of its own",
            M::MODEL,
            model.key(),
            clip.clip_id,
            clip.source_path,
            clip.width,
            clip.height
        );
    }
    Ok(())
}

fn publish<M: WindowModel>(maker: &M, step: &StepDir, windows: &mut Vec<M::Window>) -> Result<()> {
    if windows.is_empty() {
        return Ok(());
    }
    let entry = maker.write(windows)?;
    Manifest::commit(step.path(), |manifest| manifest.add(M::TABLE, entry))?;
    windows.clear();
    Ok(())
}
