//! HTTP and WebSocket clients for tests, which can also break the rules.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

/// Far longer than anything takes.
pub const LONG: Duration = Duration::from_secs(30);

pub type Socket = WebSocket<TcpStream>;

/// An answer to an HTTP request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The words of an error; fails if the answer is no error of the API.
    pub fn error(&self) -> String {
        assert!(self.status >= 400, "{self:?}");
        self.json()["error"].as_str().expect("an error has words").to_owned()
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads until the server closes the connection.
pub fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that refuses a body may reset the connection after its answer.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// Sends a request; `Host` is the address if the headers have none.
pub fn ask(address: SocketAddr, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut text = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
    if headers.iter().all(|(name, _)| *name != "Host") {
        let _ = write!(text, "Host: {address}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let chunked = headers.iter().any(|(name, _)| *name == "Transfer-Encoding");
    if !chunked && !request.starts_with("GET") {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    let mut stream = connect(address);
    stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    // A server that refuses a body may close the connection before it has all of it.
    let _ = stream.write_all(body);
    read_answer(&mut stream)
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path}"), &[], &[])
}

pub fn post_json(address: SocketAddr, path: &str, json: &str) -> Answer {
    let headers = [("Content-Type", "application/json")];
    ask(address, &format!("POST {path}"), &headers, json.as_bytes())
}

/// Starts a session from a clip, and returns its id.
pub fn start(address: SocketAddr) -> String {
    let answer = post_json(address, "/api/sessions", r#"{"clip": "a", "first": 0, "prompt": 1}"#);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Opens the WebSocket of a session, or returns the status of the refusal.
pub fn socket(
    address: SocketAddr,
    session: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, u16> {
    let url = format!("ws://{address}/api/sessions/{session}/socket");
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match tungstenite::client::client(request, connect(address)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

pub fn say(socket: &mut Socket, json: &str) {
    socket.send(Message::text(json)).unwrap();
}

/// Reads the next text message; frames before it are skipped.
pub fn hear(socket: &mut Socket) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        assert!(Instant::now() < deadline, "there is no text message");
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

/// Reads until the server closes the connection, and returns code and reason if they arrived.
pub fn closed(socket: &mut Socket) -> Option<(u16, String)> {
    let deadline = Instant::now() + LONG;
    loop {
        assert!(Instant::now() < deadline, "the server did not close the connection");
        match socket.read() {
            Ok(Message::Close(frame)) => {
                return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                panic!("the server did not close the connection");
            }
            Err(_) => return None,
        }
    }
}

/// Waits until something is true.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "it never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
