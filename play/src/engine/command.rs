//! The commands that the engine's thread gets, and its limits.

use tokio::sync::{mpsc, oneshot};

use super::messages::{Futures, Input, NodeId, PageEvent, Refused, SessionView, Start};
use super::picture::StoredPicture;
use crate::record::ActionLog;

/// Limits of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest number of sessions at a time.
    pub sessions: usize,
    /// Largest number of frames that a session remembers.
    pub frames: usize,
    /// Seconds after which a session without a page is closed.
    pub idle_seconds: u64,
}

/// A command, and the channel for its answer.
pub enum Command {
    Start { start: Start, seed: Option<u64>, reply: Reply<SessionView> },
    View { id: String, reply: Reply<SessionView> },
    Close { id: String, reply: Reply<()> },
    Attach { id: String, reply: Reply<mpsc::Receiver<PageEvent>> },
    Input { id: String, input: Input, reply: Reply<()> },
    Futures { id: String, frames: usize, reply: Reply<Futures> },
    Frame { id: String, node: NodeId, reply: Reply<StoredPicture> },
    Path { id: String, from: usize, to: usize, reply: Reply<Vec<StoredPicture>> },
    Log { id: String, reply: Reply<ActionLog> },
}

/// The channel for an answer.
pub type Reply<T> = oneshot::Sender<Result<T, Refused>>;
