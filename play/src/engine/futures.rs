//! The futures of a session: each action, held for some frames.
//!
//! They are generated a few frames at a time, while no player waits for a frame.

use genie_model::SamplerConfig;
use tokio::sync::oneshot;

use super::game::Game;
use super::messages::{Future, Futures, Refused};
use crate::world::{Move, PlayableWorld, Playthrough};

/// Largest number of frames of a future.
const LONGEST: usize = 64;
/// Largest number of frames of all futures together.
const MOST: usize = 1024;
/// Number of frames that are generated in one batch: a player waits for at most one batch.
const CHUNK: usize = 2;

/// Futures in progress.
pub struct FuturesJob {
    players: Vec<Playthrough>,
    sampler: SamplerConfig,
    futures: Futures,
    /// Number of frames of each future that are left.
    left: usize,
    /// The first future that still lacks the frame in progress.
    next: usize,
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
            next: 0,
            reply,
        })
    }

    /// Generates the next few frames. Returns whether more are left.
    ///
    /// # Errors
    /// When the models fail.
    pub fn step(&mut self, world: &PlayableWorld) -> anyhow::Result<bool> {
        let sampler = &self.sampler;
        let chunk = self.next..self.players.len().min(self.next + CHUNK);
        let players = self.players[chunk.clone()].iter_mut();
        let futures = &mut self.futures.futures[chunk.clone()];
        let mut moves: Vec<Move<'_>> = players
            .zip(&*futures)
            .map(|(player, future)| Move { player, action: future.action, sampler })
            .collect();
        for (future, frame) in futures.iter_mut().zip(world.step(&mut moves)?) {
            future.frames.push(frame.pixels);
        }
        self.next = chunk.end;
        if self.next == self.players.len() {
            self.next = 0;
            self.left -= 1;
        }
        Ok(self.left > 0 && !self.reply.is_closed())
    }

    /// Answers with all futures.
    pub fn finish(self) {
        let _ = self.reply.send(Ok(self.futures));
    }

    /// Answers with a refusal.
    pub fn refuse(self, refused: Refused) {
        let _ = self.reply.send(Err(refused));
    }
}
