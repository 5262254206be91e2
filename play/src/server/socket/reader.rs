//! The reading half of a WebSocket: the player's inputs.

use std::error::Error as _;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, SplitStream};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::end::End;
use super::wire;
use crate::engine::{Engine, Input, Refused};
use crate::server::limits::{INPUTS, MALFORMED};
use crate::server::state::ServerState;

/// Reads until the client closes the connection, or breaks a rule.
///
/// Inputs reach the engine in their order. Later ones do not wait for the answers to earlier ones,
/// which take as long as a batch of the models.
pub async fn read(
    stream: &mut SplitStream<WebSocket>,
    server: &ServerState,
    session: &str,
    replies: mpsc::Sender<Message>,
) -> End {
    let mut rate = MessageRate::new(server.limits.messages);
    let mut malformed = 0;
    let mut asked = FuturesUnordered::<BoxFuture<'_, Result<(), Refused>>>::new();
    let mut heard = Instant::now();
    // A client that sends faster than it reads loses errors, and costs no memory.
    let refuse = |words: &str| drop(replies.try_send(wire::error(words)));
    loop {
        let message = tokio::select! {
            message = timeout_at(heard + server.limits.silence, stream.next()),
                if asked.len() < INPUTS => message,
            Some(answer) = asked.next() => {
                if let Err(refused) = answer {
                    refuse(&refused.to_string());
                }
                continue;
            }
        };
        let message = match message {
            Err(_) => return End::Silent,
            Ok(None | Some(Ok(Message::Close(_)))) => return End::Gone,
            Ok(Some(Err(error))) => return broken(&error),
            Ok(Some(Ok(message))) => message,
        };
        heard = Instant::now();
        if !rate.admits(heard) {
            return End::Flood;
        }
        let input = match message {
            Message::Text(text) => serde_json::from_str(&text).map_err(|error| {
                format!("the message cannot be read: {error}; load the page again")
            }),
            Message::Binary(_) => Err("a binary message has no meaning; send JSON".to_owned()),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
        };
        match input {
            Ok(input) => {
                malformed = 0;
                let mut answer = ask(&server.engine, session, input).boxed();
                // The first poll sends the command, so the order is the client's.
                match answer.as_mut().now_or_never() {
                    None => asked.push(answer),
                    Some(Ok(())) => {}
                    Some(Err(refused)) => refuse(&refused.to_string()),
                }
            }
            Err(words) => {
                refuse(&words);
                malformed += 1;
                if malformed == MALFORMED {
                    return End::Malformed;
                }
            }
        }
    }
}

/// Gives an input to the engine.
async fn ask(engine: &Engine, session: &str, input: Input) -> Result<(), Refused> {
    engine.input(session, input).await
}

/// Tells a client that broke the protocol from a connection that broke.
fn broken(error: &axum::Error) -> End {
    use std::io;
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<io::Error>() {
            return End::Gone;
        }
        source = error.source();
    }
    // The type of the error is not part of axum's interface, but its words are.
    let words = error.to_string();
    if words.starts_with("UTF-8 encoding error") {
        End::NotText
    } else if words.to_ascii_lowercase().contains("closed") {
        End::Gone
    } else {
        End::Broken
    }
}

/// Counts messages in each second.
struct MessageRate {
    most: usize,
    since: Instant,
    count: usize,
}

impl MessageRate {
    fn new(most: usize) -> Self {
        Self { most, since: Instant::now(), count: 0 }
    }

    /// Whether one more message is allowed.
    fn admits(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.count) = (now, 0);
        }
        self.count += 1;
        self.count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a player who presses many keys is thrown out; a flood is not.
    #[test]
    fn messages_are_counted_in_each_second() {
        let mut rate = MessageRate::new(200);
        let start = rate.since;
        let burst = |rate: &mut MessageRate, ms| {
            let now = start + Duration::from_millis(ms);
            (0..250).filter(|_| rate.admits(now)).count()
        };
        assert_eq!(burst(&mut rate, 10), 200);
        assert_eq!(burst(&mut rate, 999), 0);
        assert_eq!(burst(&mut rate, 1000), 200);
        assert_eq!(burst(&mut rate, 5000), 200);
    }
}
