//! The routes, and what holds for all of them: who has access, security headers, errors as JSON.

mod body;
mod page;
mod pictures;
mod query;
mod sessions;
mod world;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::error::ApiError;
use super::socket;
use super::state::ServerState;

/// Everything comes from this server. Frames are drawn from `data:` and `blob:` URLs.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

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
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .route("/api/world", get(world::world))
        .route("/api/clips", get(world::clips))
        .route("/api/clips/{id}/{file}", get(world::thumbnail))
        .route("/api/sessions", post(sessions::create))
        .nest("/api/sessions/{session}", session)
        .fallback(async || ApiError::not_found("there is no such page; open / to play"))
        .method_not_allowed_fallback(async || {
            let words = "this address exists, but not with this method";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, words)
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guard))
        .with_state(server)
}

/// Checks a request before its route, and completes the answer.
async fn guard(State(server): State<Arc<ServerState>>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let checked = server.access.check(request.method(), request.uri(), request.headers());
    let mut response = match checked {
        Ok(cookie) => {
            let mut response = next.run(request).await;
            if let Some(cookie) = cookie {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => error.into_response(),
    };
    let status = response.status();
    if status.is_client_error() && !is_json(response.headers()) {
        // Axum's own refusals are plain text.
        response = ApiError::new(status, "genie-play cannot read this request").into_response();
    }
    secure(response.headers_mut(), api);
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

fn secure(headers: &mut HeaderMap, api: bool) {
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    let resource = HeaderName::from_static("cross-origin-resource-policy");
    // A page of the last version must not meet the API of this one.
    let cache = if api { "no-store" } else { "no-cache" };
    let values = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, cache),
        (opener, "same-origin"),
        (resource, "same-origin"),
    ];
    for (name, value) in values {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
