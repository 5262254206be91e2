//! What the server allows a client to take.

use std::time::Duration;

/// Most bytes that are read of a request before its headers are complete.
pub(crate) const HEADER_BYTES: usize = 64 << 10;

/// Limits of connections and bodies; tests choose shorter times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections at a time, so that file descriptors do not run out.
    pub connections: usize,
    /// Time for the headers of a request, and time that a connection may be idle.
    pub headers: Duration,
    /// Time between two parts of a body.
    pub body_part: Duration,
    /// Time for a whole body.
    pub body: Duration,
    /// Time that a client may leave written bytes unread.
    pub write: Duration,
    /// Time that connections have to close when the server stops.
    pub closing: Duration,
    /// Threads for work that blocks; [`crate::Workers`] run there.
    pub blocking_threads: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 64,
            headers: Duration::from_secs(15),
            body_part: Duration::from_secs(10),
            body: Duration::from_mins(2),
            write: Duration::from_secs(30),
            closing: Duration::from_secs(1),
            blocking_threads: 4,
        }
    }
}
