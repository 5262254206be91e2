//! A running server of a page, and a player who talks to `genie-play` as the page does.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket, client};

use crate::tools::{Ended, end};

/// A running server, which is killed when it is dropped.
pub struct Playing {
    child: Option<Child>,
    shown: String,
    /// The address that it printed, without the slash at the end.
    pub url: String,
}

impl Playing {
    /// Starts the server, and waits until it prints its address.
    pub fn start(mut command: Command) -> Self {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line with the address");
        assert!(line.starts_with("http://"), "the first line is the address: {line:?}");
        Self { child: Some(child), shown, url: line.trim().trim_end_matches('/').to_owned() }
    }

    /// The id of the server's process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the child is waited for once").id()
    }

    /// Sends a signal and waits for the end.
    pub fn stop(mut self, signal: rustix::process::Signal) -> Ended {
        let child = self.child.take().expect("the child is waited for once");
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal)
            .expect("the server runs");
        end(std::mem::take(&mut self.shown), child)
    }

    /// The answer to a GET request, as bytes.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().expect(path);
        answer.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a body")
    }

    /// The answer to a GET request, as JSON.
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path)).expect("JSON")
    }

    /// The answer to a GET request that may be refused: the status, and the JSON.
    pub fn try_json(&self, path: &str) -> (u16, Value) {
        let request = ureq::get(format!("{}{path}", self.url));
        let request = request.config().http_status_as_error(false).build();
        let mut answer = request.call().expect(path);
        (answer.status().as_u16(), answer.body_mut().read_json().expect("an answer is JSON"))
    }

    /// Posts JSON; the status, and the answer as JSON.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(path, "application/json", body.to_string().as_bytes())
    }

    /// Posts bytes; the status, and the answer as JSON.
    pub fn send(&self, path: &str, kind: &str, body: &[u8]) -> (u16, Value) {
        let request = ureq::post(format!("{}{path}", self.url)).header("Content-Type", kind);
        let request = request.config().http_status_as_error(false).build();
        let mut answer = request.send(body).expect(path);
        let json = answer.body_mut().read_json().expect("an answer is JSON");
        (answer.status().as_u16(), json)
    }

    /// Starts a session, and connects a player.
    pub fn player(&self, start: &Value) -> PlayerClient {
        let (status, session) = self.post("/api/sessions", start);
        assert_eq!(status, 201, "{session}");
        self.connect(session["id"].as_str().expect("an id"))
    }

    /// Connects to a session.
    pub fn connect(&self, id: &str) -> PlayerClient {
        let host = self.url.strip_prefix("http://").expect("an address");
        let stream = TcpStream::connect(host).expect("the server listens");
        // Browsers send at once, too.
        stream.set_nodelay(true).expect("a socket");
        let path = format!("ws://{host}/api/sessions/{id}/socket");
        let mut request = path.into_client_request().expect("an address");
        let origin = self.url.parse().expect("a header");
        request.headers_mut().insert("Origin", origin);
        let (socket, _) = client(request, stream).expect("a WebSocket");
        let mut player =
            PlayerClient { id: id.to_owned(), socket, welcome: (Value::Null, Vec::new()) };
        player.welcome = player.frame();
        player
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A connected player.
pub struct PlayerClient {
    pub id: String,
    /// The frame that the server shows at first.
    pub welcome: (Value, Vec<u8>),
    socket: WebSocket<TcpStream>,
}

/// A message of the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A message in JSON.
    Text(Value),
    /// A frame: its header, and the pixels of the generated frame.
    Frame(Value, Vec<u8>),
}

impl PlayerClient {
    /// Sends a message.
    pub fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).expect("the server reads");
    }

    /// The next message.
    pub fn hear(&mut self) -> Told {
        loop {
            match self.socket.read().expect("the server speaks") {
                Message::Text(text) => {
                    return Told::Text(serde_json::from_str(&text).expect("JSON"));
                }
                Message::Binary(bytes) => {
                    let length = bytes[..4].try_into().map(u32::from_le_bytes).expect("a length");
                    let (header, pixels) = bytes[4..].split_at(length as usize);
                    let header: Value = serde_json::from_slice(header).expect("a header");
                    // The recording's frame follows the generated one.
                    let frames = if header["recording"] == true { 2 } else { 1 };
                    let pixels = pixels[..pixels.len() / frames].to_vec();
                    return Told::Frame(header, pixels);
                }
                _ => {}
            }
        }
    }

    /// Whether a message waits to be read.
    pub fn is_behind(&mut self) -> bool {
        let stream = self.socket.get_ref();
        stream.set_nonblocking(true).expect("a socket");
        let waits = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).expect("a socket");
        waits
    }

    /// The next frame; other messages are skipped.
    pub fn frame(&mut self) -> (Value, Vec<u8>) {
        loop {
            if let Told::Frame(header, pixels) = self.hear() {
                return (header, pixels);
            }
        }
    }

    /// The next message of a type; other messages are skipped.
    pub fn text(&mut self, kind: &str) -> Value {
        loop {
            match self.hear() {
                Told::Text(text) if text["type"] == kind => return text,
                _ => {}
            }
        }
    }

    /// Plays actions step by step; the header and the pixels of each frame.
    pub fn play(&mut self, actions: &[u8]) -> Vec<(Value, Vec<u8>)> {
        let step = |action: &u8| {
            self.say(&json!({ "type": "step", "action": action }));
            self.frame()
        };
        actions.iter().map(step).collect()
    }
}
