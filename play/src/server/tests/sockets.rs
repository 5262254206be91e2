//! The WebSocket: the protocol, floods, slow and silent clients.

use std::time::{Duration, Instant};

use genie_serve::HttpLimits;
use tungstenite::Message;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::client::{LONG, ask, closed, eventually, hear, say, socket, start};
use super::running::{Running, Setup, http};
use crate::server::ServerLimits;

/// Catches: a page does not learn the state of its session, or a frame has wrong pixels.
#[test]
fn a_page_hears_the_state_and_then_frames() {
    let server = Running::start();
    let session = start(server.address);
    let mut page = socket(server.address, &session, &[]).unwrap();
    let first = hear(&mut page);
    assert_eq!((&first["type"], &first["session"]["id"]), (&"session".into(), &session.into()));
    say(&mut page, r#"{"type": "step", "action": 3, "count": 2}"#);
    for expected in 0..3_u8 {
        let bytes = loop {
            match page.read().unwrap() {
                Message::Binary(bytes) => break bytes,
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        };
        let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[4..4 + length]).unwrap();
        assert_eq!(header["frame"], expected);
        assert_eq!(bytes[4 + length..], [expected; 48]);
    }
}

/// Catches: a key is processed before an earlier one; a slow batch delays each key by a frame.
#[test]
fn inputs_keep_their_order() {
    let server = Running::start();
    let mut page = socket(server.address, &start(server.address), &[]).unwrap();
    hear(&mut page);
    for id in 0..150 {
        say(&mut page, &format!(r#"{{"type": "ping", "id": {id}}}"#));
    }
    for id in 0..150 {
        assert_eq!(hear(&mut page), serde_json::json!({ "type": "pong", "id": id }));
    }
}

/// Catches: an unknown action or a message of a newer page ends the game.
#[test]
fn refused_inputs_do_not_close_the_connection() {
    let server = Running::start();
    let mut page = socket(server.address, &start(server.address), &[]).unwrap();
    hear(&mut page);
    let wrong = [
        (r#"{"type": "hold", "action": 9}"#, "no action 9"),
        (r#"{"type": "hold", "action": 256}"#, "cannot be read"),
        (r#"{"type": "dance"}"#, "unknown variant `dance`"),
        (r#"{"type": "play", "speed": 2}"#, "unknown field `speed`"),
        (r#"{"type": "rate", "fps": "fast"}"#, "invalid type"),
        ("{", "cannot be read"),
        ("", "cannot be read"),
    ];
    for (message, words) in wrong {
        say(&mut page, message);
        let answer = hear(&mut page);
        assert_eq!(answer["type"], "error");
        assert!(answer["error"].as_str().unwrap().contains(words), "{message}: {answer}");
    }
    page.send(Message::binary(vec![1])).unwrap();
    assert!(hear(&mut page)["error"].as_str().unwrap().contains("send JSON"));
    say(&mut page, r#"{"type": "ping", "id": 5}"#);
    assert_eq!(hear(&mut page), serde_json::json!({ "type": "pong", "id": 5 }));
}

/// Catches: a client that sends nonsense is answered for ever.
#[test]
fn twenty_unreadable_messages_close_the_connection() {
    let server = Running::start();
    let mut page = socket(server.address, &start(server.address), &[]).unwrap();
    hear(&mut page);
    for i in 0..39 {
        let good = i == 19;
        say(&mut page, if good { r#"{"type": "ping", "id": 1}"# } else { "nonsense" });
        assert_eq!(hear(&mut page)["type"], if good { "pong" } else { "error" }, "{i}");
    }
    say(&mut page, "nonsense");
    let (code, reason) = closed(&mut page).unwrap();
    assert_eq!(code, 1008);
    assert!(reason.contains("cannot be read"), "{reason}");
}

/// Catches: a flood of messages, or a huge one, takes the server's time and memory.
#[test]
fn floods_close_the_connection() {
    let server = Running::start();
    let session = start(server.address);
    for message in [Message::text(r#"{"type": "pause"}"#), Message::Ping(vec![0; 100].into())] {
        let mut page = socket(server.address, &session, &[]).unwrap();
        // The server may close the connection before all are sent.
        let _ = (0..1000).try_for_each(|_| page.send(message.clone()));
        if let Some((code, reason)) = closed(&mut page) {
            assert_eq!(code, 1008);
            assert!(reason.contains("too many messages"), "{reason}");
        }
    }
    let mut page = socket(server.address, &session, &[]).unwrap();
    let huge = format!(r#"{{"type": "hold", "x": "{}"}}"#, "x".repeat(64 << 10));
    let _ = page.send(Message::text(huge));
    if let Some((code, _)) = closed(&mut page) {
        assert_eq!(code, 1009);
    }
    eventually("all floods are closed", || server.open_sockets() == 0);
}

/// Catches: the close frame after broken text says that the message is too large.
#[test]
fn a_text_that_is_not_utf8_has_its_own_code() {
    let server = Running::start();
    let mut page = socket(server.address, &start(server.address), &[]).unwrap();
    hear(&mut page);
    let kind = OpCode::Data(Data::Text);
    page.send(Message::Frame(Frame::message(vec![0xff, 0xfe], kind, true))).unwrap();
    assert_eq!(closed(&mut page).unwrap().0, 1007);
}

/// Catches: a page that does not read holds up other pages, or is kept for ever.
#[test]
fn a_slow_reader_is_closed_and_disturbs_nobody() {
    // On a busy machine, the quick reader may also stand still for a moment.
    let limits = http(HttpLimits { write: Duration::from_secs(2), ..HttpLimits::default() });
    let server = Setup { limits, size: (256, 256), ..Setup::default() }.run();
    let session = start(server.address);
    let slow = socket(server.address, &session, &[]).unwrap();
    let mut quick = socket(server.address, &session, &[]).unwrap();
    say(&mut quick, r#"{"type": "play"}"#);
    let (mut frames, deadline) = (0, Instant::now() + LONG);
    while server.open_sockets() > 1 || frames < 200 {
        frames += usize::from(quick.read().unwrap().is_binary());
        assert!(Instant::now() < deadline, "the slow reader is still connected");
    }
    drop(slow);
}

/// Catches: a browser that vanished without a word keeps its connection for ever.
#[test]
fn a_silent_client_is_closed() {
    let limits = ServerLimits {
        ping: Duration::from_millis(200),
        silence: Duration::from_secs(2),
        ..ServerLimits::default()
    };
    let server = Setup { limits, ..Setup::default() }.run();
    let session = start(server.address);
    let mut silent = socket(server.address, &session, &[]).unwrap();
    let mut alive = socket(server.address, &session, &[]).unwrap();
    // Reading sends pongs. The silent client does not read until the server has closed.
    let mut pings = 0;
    while pings < 15 {
        pings += usize::from(alive.read().unwrap().is_ping());
    }
    let (code, reason) = closed(&mut silent).unwrap();
    assert_eq!(code, 1008);
    assert!(reason.contains("silent"), "{reason}");
}

/// Catches: a page waits for the frames of a session that has ended.
#[test]
fn the_end_of_a_session_closes_its_pages() {
    let server = Running::start();
    let session = start(server.address);
    let mut page = socket(server.address, &session, &[]).unwrap();
    ask(server.address, &format!("DELETE /api/sessions/{session}"), &[], &[]);
    assert_eq!(closed(&mut page).unwrap().0, 1000);
    assert_eq!(socket(server.address, &session, &[]).unwrap_err(), 404);
}
