//! The routes of the page and of its API.

mod page;
mod pictures;
mod sessions;
mod world;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use genie_serve::page_routes;

use super::socket;
use super::state::ServerState;
use page::PAGE;

/// Returns all routes.
pub fn routes(server: Arc<ServerState>) -> Router {
    let session = Router::new()
        .route("/", get(sessions::view).delete(sessions::close))
        .route("/socket", get(socket::open))
        .route("/frames/{file}", get(pictures::frame))
        .route("/play.gif", get(pictures::animation))
        .route("/strip.png", get(pictures::film))
        .route("/log.json", get(sessions::log))
        .route("/futures", post(pictures::futures));
    Router::new()
        .route("/api/world", get(world::world))
        .route("/api/clips", get(world::clips))
        .route("/api/clips/{id}/{file}", get(world::thumbnail))
        .route("/api/sessions", post(sessions::create))
        .nest("/api/sessions/{session}", session)
        .merge(page_routes(PAGE))
        .with_state(server)
}
