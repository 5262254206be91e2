//! What the server allows a client to take.

use std::time::Duration;

use genie_serve::HttpLimits;

/// Most bytes of a JSON body.
pub const JSON_BYTES: usize = 4 << 10;
/// Most bytes of a WebSocket message.
pub const MESSAGE_BYTES: usize = 64 << 10;
/// Messages in a row that cannot be read; the last one closes the connection.
pub const MALFORMED: usize = 20;
/// Inputs of one connection that wait for the engine.
pub const INPUTS: usize = 64;
/// Uploads at a time; each holds a whole picture in memory.
pub const UPLOADS: usize = 4;
/// Frames that are encoded, and clips that are read, at a time.
pub const WORKERS: usize = 2;
/// Requests that wait for one of these workers.
pub const WORK_QUEUE: usize = 32;
/// Animations and strips that are encoded at a time; one can take seconds.
pub const ENCODERS: usize = 1;
/// Requests that wait for this encoder.
pub const ENCODE_QUEUE: usize = 8;
/// Pictures of players that are decoded at a time.
pub const DECODERS: usize = 2;

/// Limits of the server; tests choose shorter times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Limits of connections and bodies.
    pub http: HttpLimits,
    /// Time for decoding a picture.
    pub decode: Duration,
    /// Time for finding the clips of a condition.
    pub condition: Duration,
    /// Time between two pings of a WebSocket.
    pub ping: Duration,
    /// Time after which a WebSocket without messages and pongs is closed.
    pub silence: Duration,
    /// WebSocket messages in a second.
    pub messages: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            http: HttpLimits { blocking_threads: WORKERS + DECODERS, ..HttpLimits::default() },
            decode: Duration::from_secs(10),
            condition: Duration::from_secs(10),
            ping: Duration::from_secs(15),
            silence: Duration::from_secs(45),
            messages: 200,
        }
    }
}
