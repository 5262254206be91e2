//! The models as something that is played: start from frames, step with actions.

use anyhow::Result;
use genie_model::{Decoding, GeneratedFrame, SamplerConfig, Session, SessionSnapshot, Turn};
use genie_training::{SignalTrust, TrainedModels};

use super::doubt::doubt;
use super::played_models::PlayedModels;
use crate::actions::ActionTable;
use crate::record::hash;

/// The models, and what a report says about them.
pub struct PlayableWorld {
    pub(super) models: TrainedModels,
    pub(super) lineage: PlayedModels,
    pub(super) actions: ActionTable,
    /// The signal that a warning may depend on.
    pub(super) trust: Option<SignalTrust>,
}

/// A world in progress: what the models remember of it.
#[derive(Clone)]
pub struct Playthrough {
    session: Session,
    decoding: Decoding,
}

/// The exact state of a playthrough, to go back to; it needs little memory.
#[derive(Clone)]
pub struct PlaythroughState {
    snapshot: SessionSnapshot,
    decoding: Decoding,
}

impl PlaythroughState {
    /// Returns how many of the last frames the next frame is predicted from.
    ///
    /// `window` is the length of the models' window. A full window slides, and keeps its last half.
    pub fn seen(&self, window: usize) -> usize {
        let seen = Session::restore(&self.snapshot).seen();
        if seen < window { seen } else { window / 2 }
    }
}

impl Playthrough {
    /// The exact state.
    pub fn state(&self) -> PlaythroughState {
        let decoding = self.decoding.without_memory();
        PlaythroughState { snapshot: self.session.snapshot(), decoding }
    }

    /// Returns a playthrough that continues exactly from the state.
    pub fn restore(state: &PlaythroughState) -> Self {
        let session = Session::restore(&state.snapshot);
        Self { session, decoding: state.decoding.clone() }
    }

    /// Tokens of the last frame `[space]`.
    pub fn tokens(&self) -> &[u16] {
        self.session.last()
    }
}

/// A frame to generate: the playthrough that it continues, its action, and the sampler.
pub struct Move<'a> {
    pub player: &'a mut Playthrough,
    /// The action that leads to the frame.
    pub action: u8,
    pub sampler: &'a SamplerConfig,
}

/// A frame that was generated, or a frame of a prompt.
#[derive(Clone, Debug)]
pub struct PlayedFrame {
    /// RGB, `[height, width, 3]`.
    pub pixels: Vec<u8>,
    /// How it was generated; none in a prompt.
    pub generated: Option<GeneratedFrame>,
    /// The signal of doubt, if there is one that can be trusted.
    pub doubt: Option<f32>,
}

impl PlayedFrame {
    /// The hash of the pixels.
    pub fn hash(&self) -> String {
        hash(&self.pixels)
    }
}

impl PlayableWorld {
    /// Starts a world from the frames of a prompt `[p, height, width, 3]`.
    ///
    /// `actions` `[p-1]` lead from each frame to the next. Returns, for each frame, the playthrough
    /// that continues after it, and the frame as the model sees it.
    ///
    /// # Errors
    /// When the frames or the actions do not fit the models, or the models fail.
    pub fn start(
        &self,
        frames: &[u8],
        actions: &[u8],
        seed: u64,
    ) -> Result<Vec<(Playthrough, PlayedFrame)>> {
        let TrainedModels { tokenizer, dynamics, .. } = &self.models;
        let tokens = tokenizer.encode_start(frames)?;
        let space = dynamics.positions();
        let mut decoding = Decoding::new();
        let mut started = Vec::new();
        for (i, last) in tokens.chunks_exact(space).enumerate() {
            let session = dynamics.start(&tokens[..(i + 1) * space], &actions[..i], seed)?;
            let pixels = tokenizer.decode_next(&mut [&mut decoding], last)?;
            let frame = PlayedFrame { pixels, generated: None, doubt: None };
            started.push((Playthrough { session, decoding: decoding.clone() }, frame));
        }
        Ok(started)
    }

    /// Generates the next frame of each playthrough, in one batch.
    ///
    /// # Errors
    /// When an action or a sampler is not valid, or the models fail. After an error the state of
    /// the playthroughs is undefined: restore them.
    pub fn step(&self, moves: &mut [Move<'_>]) -> Result<Vec<PlayedFrame>> {
        let TrainedModels { tokenizer, dynamics, .. } = &self.models;
        let mut turns: Vec<Turn<'_>> = moves
            .iter_mut()
            .map(|Move { player, action, sampler }| Turn {
                session: &mut player.session,
                action: *action,
                sampler,
            })
            .collect();
        let generated = dynamics.step(&mut turns)?;
        let tokens: Vec<u16> = generated.iter().flat_map(|frame| &frame.tokens).copied().collect();
        let mut decodings: Vec<_> =
            moves.iter_mut().map(|each| &mut each.player.decoding).collect();
        let pixels = tokenizer.decode_next(&mut decodings, &tokens)?;
        let size = pixels.len() / moves.len().max(1);
        let frame = |(generated, pixels): (GeneratedFrame, &[u8])| {
            let doubt = doubt(self.trust.as_ref(), tokenizer, &generated, pixels)?;
            Ok(PlayedFrame { pixels: pixels.to_vec(), generated: Some(generated), doubt })
        };
        generated.into_iter().zip(pixels.chunks_exact(size.max(1))).map(frame).collect()
    }

    /// The signal that a warning may depend on; none if no signal can be trusted.
    pub fn trust(&self) -> Option<&SignalTrust> {
        self.trust.as_ref()
    }

    /// The names of the actions.
    pub fn actions(&self) -> &ActionTable {
        &self.actions
    }

    /// Which models these are.
    pub fn lineage(&self) -> &PlayedModels {
        &self.lineage
    }

    /// The number of actions.
    pub fn num_actions(&self) -> usize {
        self.models.dynamics.num_actions()
    }

    /// Rows and columns of a frame's tokens.
    pub fn grid(&self) -> (usize, usize) {
        self.models.tokenizer.grid()
    }

    /// Height and width of a frame in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.models.size()
    }

    /// Largest number of frames that the models see together.
    pub fn window(&self) -> usize {
        self.models.dynamics.frames()
    }

    /// Largest number of frames of a prompt.
    pub fn longest_prompt(&self) -> usize {
        self.models.frames()
    }
}
