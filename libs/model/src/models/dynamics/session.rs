//! Sessions: rollouts that are played frame by frame, several of them in one batch.
//!
//! Guarantees:
//!
//! - A session depends on its own prompt, actions, seed and sampler. It does not depend on the
//!   other sessions in a batch, on their number, or on the time of a step.
//! - A restored session goes on exactly as the one of which the snapshot was taken.
//! - A session may be longer than the model's window. When the window is full, it continues from
//!   the window's later half, as if it had begun there. That step takes no longer than others.

use super::sampler::SamplerConfig;
use crate::models::sequence::Sequence;

/// A frame that the model sees, and the action that leads to it.
#[derive(Debug)]
pub struct SeenFrame {
    pub tokens: Vec<u16>,
    pub action: Option<u8>,
}

/// A rollout that is played frame by frame.
///
/// A clone goes on in the same way, and shares what the model remembers. [`Session::snapshot`] is
/// smaller.
#[derive(Clone, Debug)]
pub struct Session {
    frames: Sequence<SeenFrame>,
    seed: u64,
}

/// The exact state of a session, without the model's memory, which can be computed again.
#[derive(Clone, Debug)]
pub struct SessionSnapshot(Session);

/// One frame of one session to generate.
pub struct Turn<'a> {
    pub session: &'a mut Session,
    /// The action that leads to the new frame.
    pub action: u8,
    pub sampler: &'a SamplerConfig,
}

/// A generated frame.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedFrame {
    /// Tokens `[space]`.
    pub tokens: Vec<u16>,
    /// The sampling step at which each token was set, from 0 `[space]`.
    pub set_at: Vec<u32>,
    /// The entropy of each token's distribution at that step, in nats `[space]`.
    ///
    /// It is the entropy of the model's prediction, before the temperature.
    pub entropy: Vec<f32>,
}

impl GeneratedFrame {
    /// The mean entropy of the tokens, in nats.
    pub fn mean_entropy(&self) -> f64 {
        let sum: f64 = self.entropy.iter().copied().map(f64::from).sum();
        sum / self.entropy.len() as f64
    }
}

impl Session {
    /// A session that begins with the frames `prompt` `[p, space]`; `actions` `[p-1]` are between.
    ///
    /// If `steady`, every step takes about equally long, also beyond the window. That costs some
    /// work, which a rollout within the window does not need.
    pub(super) fn new(
        prompt: &[u16],
        actions: &[u8],
        space: usize,
        seed: u64,
        steady: bool,
    ) -> Self {
        let mut frames = if steady { Sequence::steady() } else { Sequence::new() };
        let led = std::iter::once(None).chain(actions.iter().copied().map(Some));
        for (tokens, action) in prompt.chunks_exact(space).zip(led) {
            frames.push(SeenFrame { tokens: tokens.to_vec(), action });
        }
        Self { frames, seed }
    }

    /// Number of frames so far, with the prompt.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Number of frames in the window. A full window slides before the next frame.
    pub fn seen(&self) -> usize {
        self.frames.seen().count()
    }

    /// Tokens of the last frame `[space]`.
    pub fn last(&self) -> &[u16] {
        self.frames.seen().next_back().map_or(&[], |frame| &frame.tokens)
    }

    /// The exact state, to go back to.
    pub fn snapshot(&self) -> SessionSnapshot {
        SessionSnapshot(Self { frames: self.frames.without_memory(), seed: self.seed })
    }

    /// A session that goes on exactly as the one of which `snapshot` was taken.
    ///
    /// Its first step takes longer, because the model reads the frames of the window again.
    pub fn restore(snapshot: &SessionSnapshot) -> Self {
        snapshot.0.clone()
    }
}

impl Turn<'_> {
    /// The frames of the session.
    pub(super) fn frames(&mut self) -> &mut Sequence<SeenFrame> {
        &mut self.session.frames
    }

    /// Number of frames of the session so far: the number of the frame to generate.
    pub(super) fn frame(&self) -> usize {
        self.session.frames.len()
    }

    /// Seed of the session.
    pub(super) fn seed(&self) -> u64 {
        self.session.seed
    }

    /// What the model remembers of the session.
    pub(super) fn past<P: 'static>(&self) -> &P {
        self.session.frames.past().expect("the session has caught up with this model")
    }
}
