//! Bodies: pictures and JSON of players, also wrong, large and slow ones.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use genie_serve::HttpLimits;

use super::client::{Answer, ask, connect, get, post_json, read_answer};
use super::running::{Running, Setup, http};
use crate::pictures::png;
use crate::server::ServerLimits;

const PNG: (&str, &str) = ("Content-Type", "image/png");

fn upload(server: &Running, picture: &[u8]) -> Answer {
    ask(server.address, "POST /api/sessions?fit=pad&seed=3", &[PNG], picture)
}

/// Catches: an image starts no world, or the world of a clip.
#[test]
fn a_picture_starts_a_session() {
    let server = Running::start();
    let answer = upload(&server, &png(&[50; 8 * 6 * 3], (8, 6)));
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["start"], serde_json::json!({ "kind": "image" }));
    assert_eq!(answer.json()["seed"], 3);
}

/// Catches: a wrong body stops the server, starts a session, or gets the wrong status.
#[test]
fn wrong_bodies_are_refused() {
    let server = Running::start();
    let picture = png(&[50; 8 * 6 * 3], (8, 6));
    assert_eq!(upload(&server, b"no picture").status, 415);
    assert_eq!(upload(&server, b"").status, 415);
    assert_eq!(upload(&server, &picture[..40]).status, 400);
    let answer = ask(server.address, "POST /api/sessions?fit=stretch", &[PNG], &picture);
    assert_eq!(answer.status, 400);
    for kind in ["text/plain", "multipart/form-data", ""] {
        let answer = ask(server.address, "POST /api/sessions", &[("Content-Type", kind)], b"{}");
        assert_eq!(answer.status, 415, "{kind}");
        assert!(answer.error().contains("image/png"));
    }
    let wrong = [
        "",
        "{}",
        "{",
        "[]",
        r#"{"clip": "a", "first": -1}"#,
        r#"{"clip": 5}"#,
        r#"{"clip": "a", "frist": 1}"#,
        r#"{"clip": "a"} x"#,
    ];
    for json in wrong {
        let answer = post_json(server.address, "/api/sessions", json);
        assert_eq!(answer.status, 400, "{json}");
        assert!(answer.error().contains(r#"send {"clip""#), "{answer:?}");
    }
    assert_eq!(get(server.address, "/api/sessions/s1").status, 404);
}

/// Catches: a large body fills the memory, with and without its length in the header.
#[test]
fn large_bodies_are_refused() {
    let server = Running::start();
    // The fake world reads at most 100,000 bytes.
    assert_eq!(upload(&server, &vec![0; 100_000]).status, 415);
    let answer = upload(&server, &vec![0; 100_001]);
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("100.0 kB"), "{answer:?}");
    let long = format!(r#"{{"clip": "{}"}}"#, "a".repeat(5000));
    assert_eq!(post_json(server.address, "/api/sessions", &long).status, 413);

    let mut stream = connect(server.address);
    let head = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: {}\r\nContent-Type: image/png\r\n\
         Content-Length: 1000000000000\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).status, 413);

    let chunk = [&b"4000\r\n"[..], &[0; 0x4000], b"\r\n"].concat();
    let endless = [PNG, ("Transfer-Encoding", "chunked")];
    let answer = ask(
        server.address,
        "POST /api/sessions",
        &endless,
        &[&chunk.repeat(10)[..], b"0\r\n\r\n"].concat(),
    );
    assert_eq!(answer.status, 413);
    assert_eq!(get(server.address, "/api/world").status, 200);
}

/// Catches: a body of one byte a second keeps its place for ever.
#[test]
fn slow_bodies_are_refused() {
    let quick = Duration::from_millis(100);
    let limits = http(HttpLimits { body_part: quick, ..HttpLimits::default() });
    let stalled = Setup { limits, ..Setup::default() }.run();
    let limits = http(HttpLimits { body: Duration::from_millis(500), ..HttpLimits::default() });
    let trickling = Setup { limits, ..Setup::default() }.run();
    for (server, bytes) in [(&stalled, 1), (&trickling, 100)] {
        let mut stream = connect(server.address);
        let head = format!(
            "POST /api/sessions HTTP/1.1\r\nHost: {}\r\nContent-Type: image/png\r\n\
             Content-Length: 1000\r\n\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..bytes {
            if stream.write_all(b"x").is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(read_answer(&mut stream).status, 408);
    }
}

/// Catches: pictures that take long to decode stop other requests, or are never answered.
#[test]
fn slow_decoding_is_refused() {
    let limits = ServerLimits { decode: Duration::from_millis(50), ..ServerLimits::default() };
    let server = Setup { limits, ..Setup::default() }.run();
    thread::scope(|scope| {
        let slow = [(); 2].map(|()| scope.spawn(|| upload(&server, b"slow")));
        for _ in 0..10 {
            assert_eq!(get(server.address, "/api/clips/a/0.png").status, 200);
        }
        for slow in slow {
            let answer = slow.join().unwrap();
            assert_eq!(answer.status, 413, "{answer:?}");
            assert!(answer.error().contains("too long"), "{answer:?}");
        }
    });
}
