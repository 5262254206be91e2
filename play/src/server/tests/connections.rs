//! Connections: how many, how slow, how long.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use genie_serve::HttpLimits;
use tungstenite::Message;

use super::client::{LONG, ask, connect, eventually, get, hear, say, socket, start};
use super::running::{Setup, http};

/// Catches: a request of one byte at a time, or none, keeps its place for ever (slow loris).
#[test]
fn slow_headers_are_closed() {
    let limits = http(HttpLimits { headers: Duration::from_millis(300), ..HttpLimits::default() });
    let server = Setup { limits, ..Setup::default() }.run();
    let mut nothing = connect(server.address);
    let mut idle = connect(server.address);
    let request = format!("GET /api/world HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    idle.write_all(request.as_bytes()).unwrap();
    let mut slow = connect(server.address);
    let deadline = Instant::now() + LONG;
    let mut bytes = b"GET /".iter().chain(std::iter::repeat(&b'x'));
    while slow.write_all(&[*bytes.next().unwrap()]).is_ok() {
        assert!(Instant::now() < deadline, "the slow request is still read");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut answer = String::new();
    idle.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    nothing.read_to_end(&mut Vec::new()).unwrap();
    eventually("all are closed", || server.open_sockets() <= 3);
}

/// Catches: a client that does not fetch its answer keeps its place for ever.
#[test]
fn an_answer_that_nobody_reads_is_closed() {
    let limits = http(HttpLimits { write: Duration::from_millis(300), ..HttpLimits::default() });
    let server = Setup { limits, padding: 40_000_000, ..Setup::default() }.run();
    let mut stream = connect(server.address);
    let request = format!("GET /api/world HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let tasks = || server.runtime.metrics().num_alive_tasks();
    eventually("the answer begins", || tasks() > 0);
    eventually("the answer is given up", || tasks() == 0);
}

/// Catches: connections take all file descriptors; a full server says nothing, or stays full.
#[test]
fn connections_are_limited() {
    let limits = http(HttpLimits { connections: 3, ..HttpLimits::default() });
    let server = Setup { limits, ..Setup::default() }.run();
    let session = start(server.address);
    eventually("the place is free", || server.runtime.metrics().num_alive_tasks() == 0);
    let mut pages = [(); 3].map(|()| socket(server.address, &session, &[]).unwrap());
    for _ in 0..30 {
        let answer = get(server.address, "/api/world");
        assert_eq!(answer.status, 503);
        assert!(answer.error().contains("too many connections"));
    }
    for page in &mut pages {
        hear(page);
    }
    pages[0].close(None).unwrap();
    while pages[0].read().is_ok() {}
    eventually("a place is free", || get(server.address, "/api/world").status == 200);
}

/// Catches: a connection that ends leaves a task, a socket or memory behind.
#[test]
fn connections_leave_nothing_behind() {
    come_and_go(1);
}

/// Catches: like `connections_leave_nothing_behind`, for a slow leak.
#[test]
#[ignore = "takes a minute"]
fn connections_leave_nothing_behind_in_a_minute() {
    let deadline = Instant::now() + Duration::from_mins(1);
    come_and_go(2);
    let before = memory();
    while Instant::now() < deadline {
        come_and_go(5);
    }
    let after = memory();
    assert!(after < before + (16 << 20), "{before} bytes before, {after} after");
}

/// 50 pages connect at the same time and end in several ways, some times.
fn come_and_go(times: usize) {
    let limits = http(HttpLimits { connections: 500, ..HttpLimits::default() });
    let server = Setup { limits, ..Setup::default() }.run();
    let session = start(server.address);
    for _ in 0..times {
        let pages = (0..50).map(|_| socket(server.address, &session, &[]).unwrap());
        for (i, mut page) in pages.collect::<Vec<_>>().into_iter().enumerate() {
            match i % 5 {
                // A killed browser: the socket is closed without a close frame.
                0 => {}
                1 => page.close(None).unwrap(),
                2 => say(&mut page, r#"{"type": "play"}"#),
                3 => drop(page.get_mut().write_all(&[0xff; 7])),
                _ => {
                    hear(&mut page);
                    page.send(Message::Ping(vec![1].into())).unwrap();
                }
            }
        }
    }
    eventually("all tasks end", || server.runtime.metrics().num_alive_tasks() == 0);
    eventually("all sockets are closed", || server.open_sockets() == 0);
    ask(server.address, &format!("DELETE /api/sessions/{session}"), &[], &[]);
}

/// Resident memory of this process in bytes.
fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
