//! Frames, tokens and actions of several windows.

/// RGB frames of clips of equal length: `[batch, frames, height, width, 3]`, 8 bits, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoBatch {
    pub batch: usize,
    pub frames: usize,
    pub height: usize,
    pub width: usize,
    pub data: Vec<u8>,
}

impl VideoBatch {
    /// Returns the number of bytes of one frame.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.height * self.width * 3
    }

    /// Returns all frames of clip `b`, `[frames, height, width, 3]`.
    #[must_use]
    pub fn clip(&self, b: usize) -> &[u8] {
        let len = self.frames * self.frame_len();
        &self.data[b * len..(b + 1) * len]
    }

    /// Returns frame `t` of clip `b`, `[height, width, 3]`.
    #[must_use]
    pub fn frame(&self, b: usize, t: usize) -> &[u8] {
        let len = self.frame_len();
        &self.clip(b)[t * len..(t + 1) * len]
    }

    /// Returns the first `frames` frames of every clip.
    #[must_use]
    pub fn prefix(&self, frames: usize) -> VideoBatch {
        self.between(0, frames)
    }

    /// Returns `frames` frames of every clip, from frame `first` on.
    #[must_use]
    pub fn between(&self, first: usize, frames: usize) -> VideoBatch {
        let len = self.frame_len();
        let data = (0..self.batch)
            .flat_map(|b| &self.clip(b)[first * len..(first + frames) * len])
            .copied()
            .collect();
        VideoBatch { frames, data, ..*self }
    }

    /// Returns a batch of clip `b` alone.
    #[must_use]
    pub fn single(&self, b: usize) -> VideoBatch {
        VideoBatch { batch: 1, data: self.clip(b).to_vec(), ..*self }
    }
}

/// Tokens of several windows: `[batch, frames, per_frame]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    pub batch: usize,
    pub frames: usize,
    pub per_frame: usize,
    pub data: Vec<u16>,
}

impl TokenBatch {
    /// Returns the tokens of window `b`, `[frames, per_frame]`.
    #[must_use]
    pub fn window(&self, b: usize) -> &[u16] {
        let len = self.frames * self.per_frame;
        &self.data[b * len..(b + 1) * len]
    }

    /// Returns the tokens of frame `t` of window `b`, `[per_frame]`.
    #[must_use]
    pub fn frame(&self, b: usize, t: usize) -> &[u16] {
        &self.window(b)[t * self.per_frame..(t + 1) * self.per_frame]
    }

    /// Returns the first `frames` frames of every window.
    #[must_use]
    pub fn prefix(&self, frames: usize) -> TokenBatch {
        let data = (0..self.batch)
            .flat_map(|b| &self.window(b)[..frames * self.per_frame])
            .copied()
            .collect();
        TokenBatch { batch: self.batch, frames, per_frame: self.per_frame, data }
    }

    /// Returns a batch of `times` copies of window `b`.
    #[must_use]
    pub fn repeat(&self, b: usize, times: usize) -> TokenBatch {
        TokenBatch { batch: times, data: self.window(b).repeat(times), ..*self }
    }
}

/// Windows that the dynamics model continued.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuation {
    /// The prompt and the generated frames.
    pub tokens: TokenBatch,
    /// Mean entropy of each generated frame's tokens when they were set, in nats.
    ///
    /// `[batch, generated frames]`, or empty if the model does not give it.
    pub entropy: Vec<f64>,
}

impl Continuation {
    /// Returns the entropies of the generated frames of window `b`, in nats.
    #[must_use]
    pub fn entropy(&self, b: usize) -> &[f64] {
        let len = self.entropy.len() / self.tokens.batch;
        &self.entropy[b * len..(b + 1) * len]
    }
}

/// Latent actions of several windows: `[batch, frames - 1]`.
///
/// Entry `t` lies between frame `t` and frame `t + 1`, and conditions frame `t + 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionBatch {
    pub batch: usize,
    pub steps: usize,
    pub data: Vec<u8>,
}

impl ActionBatch {
    /// Returns the actions of window `b`, `[frames - 1]`.
    #[must_use]
    pub fn window(&self, b: usize) -> &[u8] {
        &self.data[b * self.steps..(b + 1) * self.steps]
    }
}
