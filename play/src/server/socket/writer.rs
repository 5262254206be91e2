//! The writing half of a WebSocket: events, errors and pings.

use axum::extract::ws::{Message, WebSocket};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::end::End;
use super::wire;
use crate::engine::PageEvent;
use crate::server::limits::ServerLimits;

/// Writes until the session ends, the connection breaks, or the client stops reading.
pub async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    mut events: mpsc::Receiver<PageEvent>,
    mut replies: mpsc::Receiver<Message>,
    limits: &ServerLimits,
) -> End {
    let mut pings = interval(limits.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            event = events.recv() => match event {
                Some(event) => wire::message(&event),
                None => return End::Session,
            },
            Some(reply) = replies.recv() => reply,
            _ = pings.tick() => Message::Ping(Vec::new().into()),
        };
        match timeout(limits.http.write, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => return End::Blocked,
        }
    }
}
