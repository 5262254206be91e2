//! Computes the windows of clips, batch after batch, with the model of `encode` or `label`.
//!
//! Three threads work at the same time: one reads the next batch of clips, this one runs the model,
//! one publishes shards. At most one batch waits between two threads, so memory is bounded by the
//! size of a batch and of a shard.

use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Result, bail};
use genie_model::Device;
use genie_shards::{ClipMeta, ClipStore, windows_of};
use genie_stage::progress::Progress;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;

use super::batch::FrameBatch;
use super::history::WindowRun;
use super::stored::StoredWindow;

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

/// Clips, and a loaded model that computes their windows.
pub(super) struct WindowComputer<'a, M> {
    pub loaded: &'a M,
    pub store: &'a ClipStore,
    pub device: Device,
    pub stop: &'a Stop,
}

/// The windows of a batch of clips.
pub(super) struct ComputedBatch<W> {
    /// The position of the batch among those of the run.
    pub number: usize,
    pub windows: Vec<W>,
    /// The number of its clips that cannot be read; their windows are missing.
    pub failed: usize,
}

impl<M: WindowModel> WindowComputer<'_, M> {
    /// The number of windows of a clip.
    pub fn windows_of(&self, clip: usize) -> usize {
        windows_of(self.store.clips()[clip].frame_count(), self.loaded.frames()).count()
    }

    /// The number of windows that the model gets at once.
    pub fn at_once(&self) -> usize {
        let pixels = self.loaded.frames() * self.loaded.size().0 * self.loaded.size().1;
        (pixels_at_once(self.device) / pixels.max(1)).max(1)
    }

    /// Computes batches of clips in order. `publish` gets each of them, on another thread.
    ///
    /// Returns `false` when the run was asked to stop. `run` counts what is computed.
    ///
    /// # Errors
    /// The errors of `publish`, and when the model fails.
    pub fn run(
        &self,
        batches: &[&[usize]],
        progress: &Progress,
        run: &mut WindowRun,
        mut publish: impl FnMut(ComputedBatch<M::Window>) -> Result<()> + Send,
    ) -> Result<bool> {
        let (store, frames) = (self.store, self.loaded.frames());
        let (read, batches_read) = sync_channel(1);
        let (computed, to_publish) = sync_channel(1);
        let finished = thread::scope(|scope| {
            scope.spawn(move || {
                for batch in batches {
                    // An error means that the model's side has ended.
                    if read.send(FrameBatch::read(store, batch, frames)).is_err() {
                        break;
                    }
                }
            });
            let writer = scope.spawn(move || to_publish.into_iter().try_for_each(&mut publish));
            let mut finished = Ok(true);
            for (number, batch) in batches_read.into_iter().enumerate() {
                if self.stop.requested() {
                    finished = Ok(false);
                    break;
                }
                match self.compute(&batch, progress) {
                    Ok(windows) => {
                        run.add(batch.clips.len(), windows.len(), batch.failed);
                        let batch = ComputedBatch { number, windows, failed: batch.failed };
                        // An error means that the writer has failed; it returns the reason below.
                        if computed.send(batch).is_err() {
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

    /// Computes the windows of a batch, at most [`Self::at_once`] at a time.
    fn compute(&self, batch: &FrameBatch, progress: &Progress) -> Result<Vec<M::Window>> {
        let at_once = self.at_once();
        let firsts: Vec<(&ClipMeta, usize)> =
            batch.firsts.iter().map(|(clip, first)| (&batch.clips[*clip], *first)).collect();
        let bytes = batch.pixels.len() / firsts.len().max(1);
        let mut windows = Vec::with_capacity(firsts.len());
        // The last clip of a batch can take it above `at_once` windows.
        let parts = batch.pixels.chunks(at_once * bytes.max(1));
        for (firsts, pixels) in firsts.chunks(at_once).zip(parts) {
            windows.extend(self.loaded.compute(firsts, pixels)?);
            progress.inc(firsts.len() as u64);
        }
        Ok(windows)
    }
}

/// Refuses clips of another size than the model's before any work.
pub(super) fn check_size<M: WindowModel>(
    loaded: &M,
    model: &StepDir,
    store: &ClipStore,
) -> Result<()> {
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
