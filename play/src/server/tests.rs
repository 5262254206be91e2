//! Tests of the server over real sockets, with an engine and a world that only count.

mod api;
mod client;
mod connections;
mod fake;
mod running;
mod saving;
mod sockets;
mod stopping;
mod strangers;
mod uploads;
mod world;
