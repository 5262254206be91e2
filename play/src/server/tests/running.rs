//! A server in a thread of this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use genie_serve::{HttpLimits, Listening};
use genie_stage::stop::Stop;
use tokio::runtime::Handle;

use super::fake;
use super::world::FakeWorld;
use crate::server::{self, ServerLimits};

/// How a test starts its server.
pub struct Setup {
    pub listen: &'static str,
    pub token: Option<&'static str>,
    pub limits: ServerLimits,
    pub size: (usize, usize),
    /// Bytes of padding in the description of the world.
    pub padding: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0",
            token: None,
            limits: ServerLimits::default(),
            size: (4, 4),
            padding: 0,
        }
    }
}

/// A server that stops with this value.
pub struct Running {
    /// Where tests connect: the port on a loopback address.
    pub address: SocketAddr,
    pub url: String,
    pub stop: Stop,
    pub runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Setup {
    pub fn run(self) -> Running {
        let Self { listen, token, limits, size, padding } = self;
        let token = token.map(Into::into);
        let listening = Listening::bind(listen.parse().unwrap(), token, limits.http.clone());
        let listening = listening.unwrap();
        let mut address = listening.address();
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let (url, stop) = (listening.url(), Stop::manual());
        let (asked, (tell, told)) = (stop.clone(), channel());
        let world = Arc::new(FakeWorld { size, padding });
        let thread = thread::spawn(move || {
            let routes = |closing| {
                tell.send(Handle::current()).unwrap();
                server::routes(fake::engine(size), world, limits, closing)
            };
            listening.run(routes, &asked).unwrap();
        });
        Running { address, url, stop, runtime: told.recv().unwrap(), thread: Some(thread) }
    }
}

/// Limits with these of connections and bodies.
pub fn http(http: HttpLimits) -> ServerLimits {
    ServerLimits { http, ..ServerLimits::default() }
}

impl Running {
    /// A server with short times and small frames.
    pub fn start() -> Self {
        Setup::default().run()
    }

    /// Asks the server to stop, and waits until it has.
    pub fn end(mut self) {
        self.stop.request();
        self.thread.take().unwrap().join().unwrap();
    }

    /// Sockets of connections that the server's process still holds.
    pub fn open_sockets(&self) -> usize {
        let port = format!(":{:04X}", self.address.port());
        let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
        let tables = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
        let lines = tables.iter().flat_map(|table| table.lines().skip(1));
        let held = lines.filter(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            // 0A is the listening socket; a socket without an inode belongs to no process.
            words[1].ends_with(&port) && words[3] != "0A" && words[9] != "0"
        });
        held.count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
