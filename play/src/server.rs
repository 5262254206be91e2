//! The web server of the page: the API, and a WebSocket for each player.
//!
//! `libs/serve` decides who may connect, and limits what a client takes.
//!
//! | file | content |
//! |---|---|
//! | `routes` | pages and API |
//! | `socket` | the WebSocket |
//! | `backend` | what the server needs of the world besides the engine |
//! | `limits` | limits of sockets, pictures and conditions |
//!
//! Two threads run all async tasks. Models run on the engine's thread. Pictures are encoded and
//! decoded, and clips are read, on a few threads for work that blocks.

mod backend;
mod limits;
mod refusals;
mod routes;
mod socket;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use genie_serve::Closing;

pub use backend::Backend;
pub use limits::ServerLimits;

use crate::engine::Engine;
use state::ServerState;

/// Returns the page and its API.
pub fn routes(
    engine: Engine,
    backend: Arc<dyn Backend>,
    limits: ServerLimits,
    closing: Closing,
) -> Router {
    routes::routes(Arc::new(ServerState::new(engine, backend, limits, closing)))
}
