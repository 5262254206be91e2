//! The reasons for which a WebSocket ends, and the close frame of each.

use axum::extract::ws::{CloseFrame, close_code};

/// Why a WebSocket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it, or the connection broke.
    Gone,
    /// The client sent nothing, not even pongs.
    Silent,
    /// The client does not read.
    Blocked,
    /// The client sent too many messages.
    Flood,
    /// The client sent messages that cannot be read.
    Malformed,
    /// The client sent a text that is not UTF-8.
    NotText,
    /// The client sent a message that is too large, or broke the WebSocket protocol.
    Broken,
    /// The session is gone, or its events came faster than this client reads.
    Session,
    /// The server stops.
    Stopping,
}

impl End {
    /// The close frame, if the client can still receive one.
    pub fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone | Self::Blocked => return None,
            Self::Silent => (close_code::POLICY, "the client was silent for too long"),
            Self::Flood => (close_code::POLICY, "too many messages in a second"),
            Self::Malformed => (close_code::POLICY, "too many messages that cannot be read"),
            Self::NotText => (close_code::INVALID, "a text was not UTF-8"),
            Self::Broken => (close_code::SIZE, "a message was too large or broken"),
            Self::Session => (close_code::NORMAL, "the session has ended; load the page again"),
            Self::Stopping => (close_code::AWAY, "genie-play stops"),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}
