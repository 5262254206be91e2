//! Sessions: start, state, end, and the action log.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use genie_serve::{ApiError, query, read_body};
use serde::Deserialize;

use crate::engine::{SessionView, Start};
use crate::pictures::Fit;
use crate::server::limits::JSON_BYTES;
use crate::server::state::ServerState;

#[derive(Deserialize)]
struct StartQuery {
    #[serde(default)]
    fit: FitName,
    seed: Option<u64>,
}

/// How a picture gets the shape of a frame.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FitName {
    #[default]
    Crop,
    Pad,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClipStart {
    clip: String,
    #[serde(default)]
    first: usize,
    #[serde(default = "one")]
    prompt: usize,
}

fn one() -> usize {
    1
}

/// `POST /api/sessions`
pub async fn create(
    State(server): State<Arc<ServerState>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let StartQuery { fit, seed } = query(&uri)?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let start = if kind.starts_with("image/") {
        Start::Image(picture(&server, &headers, body, fit).await?)
    } else if kind.split(';').next() == Some("application/json") {
        let json = read_body(&headers, body, JSON_BYTES, &server.limits.http).await?;
        let ClipStart { clip, first, prompt } = serde_json::from_slice(&json).map_err(|error| {
            let form = r#"{"clip": "<id>", "first": 0, "prompt": 1}"#;
            ApiError::wrong(format!("the start is wrong: {error}; send {form}"))
        })?;
        Start::Clip { clip, first, prompt }
    } else {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a session starts from a picture (Content-Type: image/png and others) or from a clip \
             (Content-Type: application/json)",
        ));
    };
    let session = server.engine.start(start, seed).await?;
    Ok((StatusCode::CREATED, Json(session)).into_response())
}

/// Reads and decodes a player's picture.
async fn picture(
    server: &Arc<ServerState>,
    headers: &HeaderMap,
    body: Body,
    fit: FitName,
) -> Result<Vec<u8>, ApiError> {
    let busy = |_| ApiError::busy("others are sending pictures; try again in a moment");
    let _upload = server.uploads.try_acquire().map_err(busy)?;
    let most = server.backend.picture_limits().bytes;
    let bytes = read_body(headers, body, most, &server.limits.http).await?;
    let fit = match fit {
        FitName::Crop => Fit::Crop,
        FitName::Pad => Fit::Pad,
    };
    let late = ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the picture takes too long to decode; make it smaller, or save it as PNG",
    );
    let backend = Arc::clone(&server.backend);
    let decode = move || backend.decode(&bytes, fit);
    Ok(server.decoders.run_within(server.limits.decode, late, decode).await??)
}

/// `GET /api/sessions/<s>`
pub async fn view(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
) -> Result<Json<SessionView>, ApiError> {
    Ok(Json(server.engine.view(&session).await?))
}

/// `DELETE /api/sessions/<s>`
pub async fn close(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
) -> Result<StatusCode, ApiError> {
    server.engine.close(&session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/sessions/<s>/log.json`
pub async fn log(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
) -> Result<Response, ApiError> {
    let log = server.engine.log(&session).await?;
    let write = move || serde_json::to_vec_pretty(&log);
    let json = server.workers.run(write).await?.map_err(|error| {
        let words = format!("the action log cannot be written: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, words)
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}
