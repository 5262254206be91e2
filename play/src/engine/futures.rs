//! The futures of a session: each action, held for some frames, in one batch.
//!
//! They are generated frame by frame between the frames of the players, so they hold nobody up.

use genie_model::SamplerConfig;
use tokio::sync::oneshot;

use super::game::Game;
use super::messages::{Future, Futures, Refused};
use crate::world::{Move, PlayableWorld, PlayedFrame, Playthrough};

/// Most frames of a future.
const LONGEST: usize = 64;
/// Most frames of all futures together.
const MOST: usize = 1024;

/// Futures in progress.
pub struct FuturesJob {
    players: Vec<Playthrough>,
    sampler: SamplerConfig,
    futures: Futures,
    left: usize,
    reply: oneshot::Sender<Result<Futures, Refused>>,
}

impl FuturesJob {
    /// Starts the futures of a session's current state.
    ///
    /// Answers at once if `frames` is not valid.
    pub fn start(
        world: &PlayableWorld,
        game: &mut Game,
        frames: usize,
        reply: oneshot::Sender<Result<Futures, Refused>>,
    ) -> Option<Self> {
        let actions = world.num_actions();
        let most = LONGEST.min(MOST / actions).max(1);
        if frames == 0 || frames > most {
            let message = format!("a future has 1 to {most} frames, not {frames}");
            let _ = reply.send(Err(Refused::Wrong(message)));
            return None;
        }
        let node = game.world.timeline.current();
        let (player, sampler) = game.turn();
        let future = |action| Future { action, frames: Vec::new() };
        let futures = (0..=u8::MAX).take(actions).map(future).collect();
        Some(Self {
            players: vec![player.clone(); actions],
            sampler: sampler.clone(),
            futures: Futures { node, futures },
            left: frames,
            reply,
        })
    }

    /// The next frame of each future, to generate.
    pub fn moves(&mut self) -> impl Iterator<Item = Move<'_>> {
        let actions = self.futures.futures.iter().map(|future| future.action);
        let sampler = &self.sampler;
        self.players.iter_mut().zip(actions).map(move |(player, action)| Move {
            player,
            action,
            sampler,
        })
    }

    /// Number of moves of each frame.
    pub fn len(&self) -> usize {
        self.players.len()
    }

    /// Takes the generated frames. Whether more are wanted.
    pub fn take(&mut self, frames: impl Iterator<Item = PlayedFrame>) -> bool {
        for (future, frame) in self.futures.futures.iter_mut().zip(frames) {
            future.frames.push(frame.pixels);
        }
        self.left -= 1;
        self.left > 0 && !self.reply.is_closed()
    }

    /// Answers with all futures.
    pub fn finish(self) {
        let _ = self.reply.send(Ok(self.futures));
    }

    /// Answers with an error.
    pub fn fail(self, message: &str) {
        let _ = self.reply.send(Err(Refused::Failed(message.to_owned())));
    }
}
