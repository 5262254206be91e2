//! The engine's loop: takes commands, generates the frames that are due, and forgets idle sessions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::command::{Command, Limits, Reply};
use super::futures::FuturesJob;
use super::game::Game;
use super::messages::{Futures, Refused, SessionView, Start};
use super::start::start;
use crate::world::{Clips, Move, PlayableWorld};

/// Longest time between two checks for idle sessions.
const LOOK: Duration = Duration::from_secs(1);
/// Largest number of commands between two batches of frames, so that many commands stop no game.
const AT_ONCE: usize = 64;

/// Largest number of sessions whose futures are generated at a time.
const FUTURES: usize = 2;
/// Largest number of pictures of a path in one answer; a longer answer is cut.
const PATH: usize = 1200;

struct EngineThread {
    world: PlayableWorld,
    clips: Clips,
    limits: Limits,
    games: BTreeMap<String, Game>,
    /// The sessions whose futures are generated. The first one is next.
    futures: VecDeque<(String, FuturesJob)>,
    started: Instant,
}

/// Runs until all senders of commands are gone.
pub fn run(world: PlayableWorld, clips: Clips, limits: Limits, commands: &Receiver<Command>) {
    let started = Instant::now();
    let (games, futures) = (BTreeMap::new(), VecDeque::new());
    let mut engine = EngineThread { world, clips, limits, games, futures, started };
    loop {
        let now = Instant::now();
        let due = engine.games.values().filter_map(|game| game.due(now)).min();
        let wait = match due {
            _ if !engine.futures.is_empty() => Duration::ZERO,
            Some(due) => due.saturating_duration_since(now).min(LOOK),
            None => LOOK,
        };
        match commands.recv_timeout(wait) {
            Ok(command) => {
                engine.command(command);
                commands.try_iter().take(AT_ONCE).for_each(|command| engine.command(command));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if !engine.generate() {
            engine.continue_futures();
        }
        engine.forget_idle();
    }
}

impl EngineThread {
    fn command(&mut self, command: Command) {
        match command {
            Command::Start { start, seed, reply } => {
                let _ = reply.send(self.start(start, seed));
            }
            Command::View { id, reply } => {
                let _ = reply.send(self.game(&id).map(|game| game.view()));
            }
            Command::Close { id, reply } => {
                let gone = self.game(&id).map(drop);
                self.games.remove(&id);
                let _ = reply.send(gone);
            }
            Command::Attach { id, reply } => {
                let attached = find(&mut self.games, &id).map(|game| {
                    let events = game.welcome(&self.world);
                    game.feeds.attach(events)
                });
                let _ = reply.send(attached);
            }
            Command::Input { id, input, reply } => {
                let game = find(&mut self.games, &id);
                let _ = reply
                    .send(game.and_then(|game| game.input(&self.world, input, Instant::now())));
            }
            Command::Futures { id, frames, reply } => self.start_futures(id, frames, reply),
            Command::Frame { id, node, reply } => {
                let game = find(&mut self.games, &id);
                let _ = reply.send(game.and_then(|game| game.picture(node)));
            }
            Command::Path { id, from, to, reply } => {
                let game = find(&mut self.games, &id);
                let pictures = game.and_then(|game| {
                    let most = from.saturating_add(PATH - 1);
                    game.pictures(from, to.min(most))
                });
                let _ = reply.send(pictures);
            }
            Command::Log { id, reply } => {
                let game = find(&mut self.games, &id);
                let _ = reply.send(game.and_then(|game| game.log(&self.world)));
            }
        }
    }

    fn game(&mut self, id: &str) -> Result<&mut Game, Refused> {
        find(&mut self.games, id)
    }

    fn start(&mut self, from: Start, seed: Option<u64>) -> Result<SessionView, Refused> {
        if self.games.len() >= self.limits.sessions {
            return Err(Refused::Full(format!(
                "all {} places are taken; try again later, or start genie-play with a larger \
                 --sessions",
                self.limits.sessions
            )));
        }
        let started =
            start(&self.world, &self.clips, from, seed, rand::random(), self.limits.frames)?;
        let id = format!("{:032x}", rand::random::<u128>());
        let sampler = &self.world.lineage().sampler;
        let game = Game::new(id.clone(), started, sampler, self.clips.fps());
        let view = game.view();
        self.games.insert(id, game);
        Ok(view)
    }

    /// Starts the futures of a session. They replace older ones of the same session.
    fn start_futures(&mut self, id: String, frames: usize, reply: Reply<Futures>) {
        if let Some(old) = self.futures.iter().position(|(session, _)| *session == id) {
            let replaced = "a newer request for futures replaced this one".to_owned();
            if let Some((_, job)) = self.futures.remove(old) {
                job.refuse(Refused::Wrong(replaced));
            }
        }
        let refused = match find(&mut self.games, &id) {
            Ok(_) if self.futures.len() >= FUTURES => Refused::Full(
                "the futures of other players are generated now; try again in a moment".to_owned(),
            ),
            Ok(game) => {
                let job = FuturesJob::start(&self.world, game, frames, reply);
                self.futures.extend(job.map(|job| (id, job)));
                return;
            }
            Err(refused) => refused,
        };
        let _ = reply.send(Err(refused));
    }

    /// Generates the next few frames of some futures.
    fn continue_futures(&mut self) {
        let Some((id, mut job)) = self.futures.pop_front() else { return };
        match job.step(&self.world) {
            Ok(true) => self.futures.push_back((id, job)),
            Ok(false) => job.finish(),
            Err(error) => job.refuse(Refused::Failed(format!("{error:#}"))),
        }
    }

    /// Generates the frames that are due now, in one batch. Returns whether there were any.
    fn generate(&mut self) -> bool {
        let now = Instant::now();
        let world = &self.world;
        let mut due: Vec<(&mut Game, u8)> = Vec::new();
        for game in self.games.values_mut() {
            match game.next_action(world, now) {
                Ok(Some(action)) => due.push((game, action)),
                Ok(None) => {}
                Err(error) => game.fail(&format!("{error:#}")),
            }
        }
        if due.is_empty() {
            return false;
        }
        let mut moves: Vec<Move<'_>> =
            due.iter_mut().map(|(game, action)| turn(game, *action)).collect();
        let generated = world.step(&mut moves);
        drop(moves);
        let spent = now.elapsed();
        match generated {
            Ok(frames) => {
                for ((game, action), frame) in due.iter_mut().zip(frames) {
                    game.advance(world, *action, frame, spent);
                    game.plan(self.started, now);
                }
            }
            // One session must not stop the others, so the frames are generated again one by one.
            Err(error) => {
                tracing::warn!("a batch of frames failed: {error:#}");
                for (game, action) in &mut due {
                    game.go_back();
                    match game.step(world, *action) {
                        Ok(()) => game.plan(self.started, now),
                        Err(error) => game.fail(&format!("{error:#}")),
                    }
                }
            }
        }
        true
    }

    fn forget_idle(&mut self) {
        let now = Instant::now();
        let idle = Duration::from_secs(self.limits.idle_seconds);
        self.games.retain(|id, game| {
            let watched = game.feeds.is_watched();
            if watched {
                game.seen = now;
            }
            let kept = watched || now.saturating_duration_since(game.seen) < idle;
            if !kept {
                tracing::info!("session {id} had no page for {} s and is closed", idle.as_secs());
            }
            kept
        });
    }
}

fn find<'a>(games: &'a mut BTreeMap<String, Game>, id: &str) -> Result<&'a mut Game, Refused> {
    let game = games.get_mut(id).ok_or_else(|| {
        Refused::NotFound("this session does not exist any more; start a new one".to_owned())
    })?;
    game.seen = Instant::now();
    Ok(game)
}

fn turn(game: &mut Game, action: u8) -> Move<'_> {
    let (player, sampler) = game.turn();
    Move { player, action, sampler }
}
