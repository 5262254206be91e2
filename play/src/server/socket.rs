//! The WebSocket of a session: inputs in; states, messages and frames out.
//!
//! One task per connection reads and writes at the same time, so a page that reads slowly can still
//! steer. The engine drops frames that such a page does not fetch. Nothing here waits without a
//! limit: a write, a silent client and the close frame each have their time.

mod end;
mod reader;
mod wire;
mod writer;

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use genie_serve::ApiError;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::limits::MESSAGE_BYTES;
use super::state::ServerState;
use crate::engine::PageEvent;
use end::End;

/// Error messages that wait for a slow reader; more are lost.
const REPLIES: usize = 32;

/// `GET /api/sessions/<s>/socket`
pub async fn open(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|error| {
        let words = format!("{error}; this address is for a WebSocket");
        ApiError::new(StatusCode::UPGRADE_REQUIRED, words)
    })?;
    let events = server.engine.attach(&session).await?;
    let upgrade = upgrade
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .read_buffer_size(MESSAGE_BYTES)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| talk(socket, server, session, events)))
}

/// Serves a connection until one side ends it.
async fn talk(
    socket: WebSocket,
    server: Arc<ServerState>,
    session: String,
    events: mpsc::Receiver<PageEvent>,
) {
    let (mut sink, mut stream) = socket.split();
    let (replies, waiting) = mpsc::channel(REPLIES);
    let mut closing = server.closing.clone();
    let end = tokio::select! {
        end = reader::read(&mut stream, &server, &session, replies) => end,
        end = writer::write(&mut sink, events, waiting, &server.limits) => end,
        () = closing.wait() => End::Stopping,
    };
    tracing::debug!("the WebSocket of session {session} ends: {end:?}");
    let goodbye = async {
        if let Some(frame) = end.frame() {
            sink.send(Message::Close(Some(frame))).await?;
        }
        // Reading sends the answer to the client's close frame, and waits for the answer to ours.
        while stream.next().await.transpose()?.is_some() {}
        Ok::<_, axum::Error>(())
    };
    // A client that does not answer loses its connection.
    let _ = timeout(server.limits.http.closing, goodbye).await;
}
