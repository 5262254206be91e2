//! The end of the server: Ctrl-C and SIGTERM during play.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use genie_serve::Listening;
use genie_stage::Exit;
use genie_stage::stop::Stop;

use super::client::{closed, connect, hear, say, socket, start};
use super::fake;
use super::running::Running;
use super::world::FakeWorld;
use crate::server::{self, ServerLimits};

/// Catches: a page does not learn that the server stops; a connection keeps the server running.
#[test]
fn pages_are_told_that_the_server_stops() {
    let server = Running::start();
    let session = start(server.address);
    let mut page = socket(server.address, &session, &[]).unwrap();
    hear(&mut page);
    say(&mut page, r#"{"type": "play"}"#);
    let deaf = socket(server.address, &session, &[]).unwrap();
    let mut half = connect(server.address);
    half.write_all(b"GET / HTTP/1.1\r\nHost").unwrap();
    let idle = connect(server.address);
    let address = server.address;
    let ending = thread::spawn(move || server.end());
    assert_eq!(closed(&mut page), Some((1001, "genie-play stops".to_owned())));
    ending.join().unwrap();
    assert!(TcpStream::connect(address).is_err(), "the server still listens");
    let _ = half.read_to_end(&mut Vec::new());
    drop((deaf, idle));
}

/// Catches: the command ends with another exit code than other commands after a signal.
#[test]
fn serving_ends_with_the_code_of_the_signal() {
    let limits = ServerLimits::default();
    let listening = Listening::bind("127.0.0.1:0".parse().unwrap(), None, limits.http.clone());
    let listening = listening.unwrap();
    let (address, stop) = (listening.address(), Stop::manual());
    let asked = stop.clone();
    let world = Arc::new(FakeWorld { size: (4, 4), padding: 0 });
    let routes = |closing| server::routes(fake::engine((4, 4)), world, limits, closing);
    let serving = thread::spawn(move || listening.serve(routes, &asked));
    start(address);
    stop.request();
    assert_eq!(serving.join().unwrap().unwrap(), Exit::Stopped(130));
}
