//! A recording beside a world: the frames of a clip, and the actions that were inferred from them.

use std::sync::Arc;

use anyhow::{Context, Result};
use genie_shards::Frames;

use super::clips::Clips;
use super::playable::PlayableWorld;

/// The frames of a clip from the first frame of a prompt on.
pub struct Recording {
    frames: Frames,
    /// Index of the prompt's first frame in `frames`.
    first: usize,
    /// Actions between the frames from `first` on, as far as they are known.
    actions: Vec<u8>,
}

impl Recording {
    /// Number of frames from the first frame of the prompt on.
    pub fn len(&self) -> usize {
        self.frames.t - self.first
    }

    /// RGB of frame `index`, `[height, width, 3]`; none after the end.
    ///
    /// Index 0 is the first frame of the prompt.
    pub fn frame(&self, index: usize) -> Option<Arc<[u8]>> {
        let size = self.frames.height * self.frames.width * 3;
        let from = self.first.checked_add(index)?.checked_mul(size)?;
        self.frames.data.get(from..from + size).map(Arc::from)
    }
}

impl PlayableWorld {
    /// Reads the recording of a clip from frame `first` on.
    ///
    /// # Errors
    /// When the clip cannot be read.
    pub fn recording(&self, clips: &Clips, id: &str, first: usize) -> Result<Recording> {
        let meta = clips.get(id).context("there is no such held-out clip")?;
        let frames = clips.frames(id, 0, meta.frame_count())?;
        let truth = meta.actions.as_deref().filter(|_| self.models.takes_true_actions());
        let known = self.num_actions();
        let actions = truth.unwrap_or_default().iter().skip(first).copied();
        let actions = actions.take_while(|action| usize::from(*action) < known).collect();
        Ok(Recording { frames, first, actions })
    }

    /// The action that leads to frame `index`; `None` for the first frame, and after the last one.
    ///
    /// Actions are inferred from windows of the models' length. The first window begins with the
    /// prompt, as in a report. The next window begins with the last frame of the one before.
    ///
    /// # Errors
    /// When the latent action model fails.
    pub fn recorded_action(&self, recording: &mut Recording, index: usize) -> Result<Option<u8>> {
        let Some(wanted) = index.checked_sub(1).filter(|_| index < recording.len()) else {
            return Ok(None);
        };
        let window = self.models.frames();
        while recording.actions.len() <= wanted
            && recording.frames.t >= window
            && !self.models.takes_true_actions()
        {
            let known = recording.first + recording.actions.len();
            let start = known.min(recording.frames.t - window);
            let size = recording.frames.height * recording.frames.width * 3;
            let frames = &recording.frames.data[start * size..][..window * size];
            let inferred = self.models.labeller.actions(frames, window)?;
            recording.actions.extend(&inferred[known - start..]);
        }
        Ok(recording.actions.get(wanted).copied())
    }
}
