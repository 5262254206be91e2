//! The engine: one thread that owns the models and all sessions.
//!
//! The server's async tasks send commands and wait for answers. They never compute. The thread
//! collects the sessions that are due and generates their frames in one batch.
//!
//! Guarantees:
//!
//! - A session's frames depend on its own inputs only, not on other sessions.
//! - A page that reads slowly loses frames. It needs no more memory, and delays no other player.
//! - The number of sessions and the frames of each are limited.

mod command;
mod feed;
mod futures;
mod game;
mod input;
mod messages;
mod moment;
mod picture;
mod start;
mod thread;
mod timeline;
mod view;

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use command::Reply;
pub use command::{Command, Limits};
pub use game::Game;
pub use messages::{
    FrameEvent, Futures, Input, NodeId, PageEvent, Refused, SamplerSettings, SessionView, Start,
};
#[cfg(test)]
pub use messages::{FrameHeader, Future, PathFrame, StartView};
pub use picture::StoredPicture;
pub use start::{start, start_of_log};

use crate::record::ActionLog;
use crate::world::{Clips, PlayableWorld};

/// Largest number of commands in the thread's queue; other senders wait for a place.
const COMMANDS: usize = 256;
/// Length and number of the pauses in which a sender waits for a place: five seconds in all.
const PAUSE: Duration = Duration::from_millis(10);
const PATIENCE: usize = 500;

/// A handle of the engine's thread.
#[derive(Clone)]
pub struct Engine {
    commands: SyncSender<Command>,
}

impl Engine {
    /// A handle whose commands go to a test.
    #[cfg(test)]
    pub(crate) fn of_test(commands: SyncSender<Command>) -> Self {
        Self { commands }
    }

    /// Starts the thread. It ends when all handles are gone.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn spawn(
        world: PlayableWorld,
        clips: Clips,
        limits: Limits,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (commands, received) = sync_channel(COMMANDS);
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || thread::run(world, clips, limits, &received))?;
        Ok((Self { commands }, thread))
    }

    /// Starts a session.
    ///
    /// # Errors
    /// When the limit of sessions is reached, or the start is not valid.
    pub async fn start(&self, start: Start, seed: Option<u64>) -> Result<SessionView, Refused> {
        self.ask(|reply| Command::Start { start, seed, reply }).await
    }

    /// The state of a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn view(&self, id: &str) -> Result<SessionView, Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::View { id, reply }).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn close(&self, id: &str) -> Result<(), Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Close { id, reply }).await
    }

    /// The events of a session from now on: its state, then its current frame, then what happens.
    ///
    /// The channel ends when the session ends, or when its reader is too slow even for states.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn attach(&self, id: &str) -> Result<mpsc::Receiver<PageEvent>, Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Attach { id, reply }).await
    }

    /// Gives a player's input to a session.
    ///
    /// # Errors
    /// When there is no such session, or the input is not valid.
    pub async fn input(&self, id: &str, input: Input) -> Result<(), Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Input { id, input, reply }).await
    }

    /// The next frames for each action, held from the current frame on.
    ///
    /// # Errors
    /// When there is no such session, or `frames` is too large.
    pub async fn futures(&self, id: &str, frames: usize) -> Result<Futures, Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Futures { id, frames, reply }).await
    }

    /// The picture of one frame of a session's timeline.
    ///
    /// # Errors
    /// When there is no such session or frame.
    pub async fn frame(&self, id: &str, node: NodeId) -> Result<StoredPicture, Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Frame { id, node, reply }).await
    }

    /// The pictures of the frames `from ..= to` of the current path.
    ///
    /// # Errors
    /// When there is no such session, or the path has no such frames.
    pub async fn path(
        &self,
        id: &str,
        from: usize,
        to: usize,
    ) -> Result<Vec<StoredPicture>, Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Path { id, from, to, reply }).await
    }

    /// The action log of the current path, up to the current frame.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn log(&self, id: &str) -> Result<ActionLog, Refused> {
        let id = id.to_owned();
        self.ask(|reply| Command::Log { id, reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        let gone = || Refused::Failed("the engine has stopped; start genie-play again".to_owned());
        let mut command = command(reply);
        let mut patience = PATIENCE;
        loop {
            match self.commands.try_send(command) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(gone()),
                // The thread is generating a batch. A lost input could leave a key pressed.
                Err(TrySendError::Full(again)) if patience > 0 => {
                    command = again;
                    patience -= 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TrySendError::Full(_)) => {
                    let message = "the models cannot keep up; try again in a moment";
                    return Err(Refused::Full(message.to_owned()));
                }
            }
        }
        answer.await.map_err(|_| gone())?
    }
}
