//! Reading, making and publishing at the same time: a thread reads the next batch of clips while the model is at one, another publishes
//! shards. At most one batch waits at each hand-over, so memory is bounded by the batch and the shard.

use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::Result;
use genie_shards::{ClipMeta, ClipStore, windows_of};
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;

use crate::WindowModel;
use crate::made::Made;
use crate::publish::Publisher;
use crate::runs::Run;

/// Clips whose windows are to be made.
pub(crate) struct Outstanding<'a> {
    pub store: &'a ClipStore,
    /// Of a window.
    pub frames: usize,
    pub clips: &'a [usize],
    /// Windows that go through the model at once.
    pub at_once: usize,
    /// Windows that the shard which they go on with has.
    pub begun: usize,
}

/// Whole clips as they go through the model together.
#[derive(Default)]
struct Batch {
    clips: usize,
    /// Clip and first frame of each window.
    firsts: Vec<(usize, usize)>,
    /// Of all windows.
    pixels: Vec<u8>,
    /// Clips that cannot be read.
    failed: usize,
}

impl Outstanding<'_> {
    /// Makes all windows with `maker`, and notes in `run` what it made. Whether it was not asked to stop.
    ///
    /// # Errors
    /// The model's own; when a shard cannot be published.
    pub fn make<M: WindowModel>(
        &self,
        maker: &M,
        mut publisher: Publisher<M::Window>,
        stop: &Stop,
        run: &mut Run,
        progress: &Progress,
    ) -> Result<bool> {
        let (read, batches) = sync_channel(1);
        let (made, windows) = sync_channel::<Vec<M::Window>>(1);
        thread::scope(|scope| {
            scope.spawn(move || {
                // The model's side going away is the end.
                let _ = self
                    .batches(M::Window::SHARD)
                    .into_iter()
                    .try_for_each(|clips| read.send(self.read(clips)));
            });
            let writer = scope.spawn(move || -> Result<()> {
                for windows in windows {
                    publisher.push(windows)?;
                }
                publisher.finish()
            });
            let mut finished = Ok(true);
            for batch in batches {
                if stop.requested() {
                    finished = Ok(false);
                    break;
                }
                match self.make_batch(maker, &batch, progress) {
                    Ok(windows) => {
                        run.note(batch.clips, windows.len(), batch.failed);
                        // Where that fails, the writer says why.
                        if made.send(windows).is_err() {
                            break;
                        }
                    }
                    Err(error) => {
                        finished = Err(error);
                        break;
                    }
                }
            }
            drop(made);
            writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            finished
        })
    }

    fn make_batch<M: WindowModel>(
        &self,
        maker: &M,
        batch: &Batch,
        progress: &Progress,
    ) -> Result<Vec<M::Window>> {
        let firsts: Vec<(&ClipMeta, usize)> =
            batch.firsts.iter().map(|(clip, first)| (&self.store.clips()[*clip], *first)).collect();
        let bytes = batch.pixels.len() / firsts.len().max(1);
        let mut windows = Vec::with_capacity(firsts.len());
        // A batch is more than goes through at once by what its last clip has too many.
        for (firsts, pixels) in
            firsts.chunks(self.at_once).zip(batch.pixels.chunks(self.at_once * bytes.max(1)))
        {
            windows.extend(maker.make(firsts, pixels)?);
            progress.inc(firsts.len() as u64);
        }
        Ok(windows)
    }

    /// The clips of each batch. A batch ends with a clip, and a shard with a batch, so that a run that goes on after a stop or a kill has the
    /// same batches: a model's sums may depend on what is computed beside them.
    fn batches(&self, shard: usize) -> Vec<&[usize]> {
        let (mut batches, mut from, mut windows, mut filled) = (Vec::new(), 0, 0, self.begun);
        for (index, clip) in self.clips.iter().enumerate() {
            windows += self.firsts(*clip).count();
            let fills = filled + windows >= shard;
            if windows >= self.at_once || fills || index + 1 == self.clips.len() {
                batches.push(&self.clips[from..=index]);
                filled = if fills { 0 } else { filled + windows };
                (from, windows) = (index + 1, 0);
            }
        }
        batches
    }

    fn firsts(&self, clip: usize) -> impl Iterator<Item = usize> + use<> {
        windows_of(self.store.clips()[clip].frame_count(), self.frames)
    }

    fn read(&self, clips: &[usize]) -> Batch {
        let read = |clip: &usize| -> genie_shards::Result<Vec<Vec<u8>>> {
            let window = |first| Ok(self.store.window(*clip, first, self.frames)?.data);
            self.firsts(*clip).map(window).collect()
        };
        let read: Vec<_> = clips.par_iter().map(read).collect();
        let mut batch = Batch::default();
        for (clip, windows) in clips.iter().zip(read) {
            match windows {
                Ok(windows) => {
                    batch.clips += 1;
                    batch.firsts.extend(self.firsts(*clip).map(|first| (*clip, first)));
                    batch.pixels.extend(windows.into_iter().flatten());
                }
                Err(error) => {
                    batch.failed += 1;
                    tracing::error!(
                        "clip {}: {:#}",
                        self.store.clips()[*clip].clip_id,
                        anyhow::Error::from(error)
                    );
                }
            }
        }
        batch
    }
}
