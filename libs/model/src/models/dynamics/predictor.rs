//! A loaded dynamics model as the sampler's predictor, with a cache of the earlier frames.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::config::DynamicsDescription;
use super::sampler::{self, Predictor};
use super::session::{GeneratedFrame, SeenFrame, Turn};
use crate::error::ModelError;
use crate::host;
use crate::kernels::Kernels;
use crate::layers::{Grid, Past, PastRow, apply, indices};
use crate::models::lifecycle::Loaded;
use crate::models::sequence::FrameReader;

/// The frames of a session so far: a row of a cache, and the last frame's tokens.
#[derive(Clone)]
pub struct History<B: Backend> {
    past: PastRow<B>,
    last: Vec<u16>,
}

/// The frames so far of several sessions.
pub struct Histories<B: Backend> {
    pasts: Vec<Arc<Past<B>>>,
    /// The last frames' tokens `[batch*space]`.
    last: Vec<u16>,
}

impl<B: Kernels> FrameReader for Loaded<B, DynamicsDescription> {
    type Frame = SeenFrame;
    type Past = History<B>;

    fn start(&self) -> History<B> {
        let last = vec![self.mask_token(); self.description.vocabulary.positions];
        History { past: PastRow::new(), last }
    }

    fn window(&self) -> usize {
        self.description.vocabulary.frames
    }

    fn read(
        &self,
        frames: &[&SeenFrame],
        pasts: &[&History<B>],
    ) -> Result<Vec<History<B>>, ModelError> {
        let tokens: Vec<u16> = frames.iter().flat_map(|frame| &frame.tokens).copied().collect();
        let actions: Vec<Option<u8>> = frames.iter().map(|frame| frame.action).collect();
        let (_, longer) = self.next_frame(&tokens, &actions, &self.gather(pasts));
        let rows = longer.into_iter().flat_map(Past::into_rows);
        Ok(rows
            .zip(frames)
            .map(|(past, frame)| History { past, last: frame.tokens.clone() })
            .collect())
    }
}

impl<B: Kernels> Predictor for Loaded<B, DynamicsDescription> {
    type Batch = Histories<B>;

    fn mask_token(&self) -> u16 {
        self.description.vocabulary.codes as u16
    }

    fn gather(&self, pasts: &[&History<B>]) -> Histories<B> {
        let rows: Vec<&PastRow<B>> = pasts.iter().map(|history| &history.past).collect();
        let last = pasts.iter().flat_map(|history| &history.last).copied().collect();
        Histories { pasts: PastRow::gather(&rows), last }
    }

    fn logits(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        histories: &Histories<B>,
    ) -> Result<Vec<f32>, ModelError> {
        let (hidden, _) = self.next_frame(tokens, actions, histories);
        host::floats(apply(&self.net.logits, hidden))
    }
}

impl<B: Kernels> Loaded<B, DynamicsDescription> {
    /// Hidden rows `[batch*space, d]` of one more frame of each session, and the longer caches.
    ///
    /// No action leads to a frame without history: its action is ignored.
    fn next_frame(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        histories: &Histories<B>,
    ) -> (Tensor<B, 2>, Vec<Past<B>>) {
        let vocabulary = self.description.vocabulary;
        let grid = Grid { b: actions.len(), t: 1, s: vocabulary.positions };
        let row = |tokens: &[u16]| {
            indices::<B>(tokens.iter().map(|token| i64::from(*token)), &self.device)
        };
        let frames = Past::frames_of_each(&histories.pasts);
        let led = actions.iter().zip(&frames).map(|(action, frame)| match action {
            Some(action) if *frame > 0 => i64::from(*action),
            _ => vocabulary.actions as i64,
        });
        let led = indices::<B>(led, &self.device);
        let (x, grid) = self.net.embed(row(tokens), row(&histories.last), led, grid);
        let x = self.net.positions.add_frames(x, &frames);
        let (hidden, longer) = self.net.stack.next_frame(x, &histories.pasts);
        (self.net.token_rows(hidden, grid), longer)
    }
}

/// The operation of a dynamics model on some backend.
pub trait Stepper: Send {
    /// See [`sampler::step`].
    fn step(&self, turns: &mut [Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError>;
}

impl<B: Kernels> Stepper for Loaded<B, DynamicsDescription> {
    fn step(&self, turns: &mut [Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError> {
        sampler::step(self, turns)
    }
}
