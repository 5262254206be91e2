//! The routes of the page and of its API.

mod clips;
mod keep;
mod labels;
mod pictures;
mod refusals;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use genie_serve::page_routes;

use super::page::PAGE;
use super::state::BrowseState;

/// Returns all routes.
pub fn routes(state: Arc<BrowseState>) -> Router {
    Router::new()
        .route("/api/info", get(clips::info))
        .route("/api/clips", get(clips::list))
        .route("/api/clips/{id}", get(clips::one))
        .route("/api/clips/{id}/pictures", post(pictures::decode))
        .route("/api/keep", get(keep::view))
        .route("/api/queue", get(keep::queue))
        .route("/api/labels", get(labels::counts).post(labels::add))
        .route("/sheets/{id}/{file}", get(pictures::sheet))
        .merge(page_routes(PAGE))
        .with_state(state)
}
