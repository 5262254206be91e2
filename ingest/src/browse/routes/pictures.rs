//! Pictures of clips, from shards or from their videos.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use genie_serve::ApiError;
use genie_shards::ClipKey;
use serde_json::{Value, json};

use super::clips::unknown;
use super::refusals::refused;
use crate::browse::sheets::SheetKind;
use crate::browse::state::BrowseState;

/// The frames of a clip never change. The browser keeps them for a week.
const FOR_A_WEEK: &str = "private, max-age=604800, immutable";

/// Time for decoding a video up to a clip.
const PATIENCE: Duration = Duration::from_mins(1);

/// `GET /sheets/<id>/thumbnail.jpg` and `whole.jpg`
pub async fn sheet(
    State(state): State<Arc<BrowseState>>,
    Path((id, file)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let kind = match file.as_str() {
        "thumbnail.jpg" => SheetKind::Thumbnail,
        "whole.jpg" => SheetKind::Whole,
        _ => {
            let words = format!("there is no picture {file:?}; ask for thumbnail.jpg or whole.jpg");
            return Err(ApiError::not_found(words));
        }
    };
    let (dataset, sheets) = (Arc::clone(&state.dataset), Arc::clone(&state.sheets));
    let paint = move || {
        let facts = dataset.facts().map_err(|error| refused(&error))?;
        let key = ClipKey::from(id.as_str());
        let clip = facts.position(key).ok_or_else(|| unknown(&id))?;
        if !facts.clips[clip as usize].kept {
            // They may have been decoded from the video.
            return sheets.known(key, kind).ok_or_else(|| {
                ApiError::not_found("this clip is not kept, so the dataset has no pictures of it")
            });
        }
        sheets.sheet(&facts.store, key, kind).map_err(|error| refused(&error))
    };
    let sheet = state.painters.run(paint).await??;
    let headers = [(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, FOR_A_WEEK)];
    Ok((headers, Bytes::from_owner(sheet)).into_response())
}

/// `POST /api/clips/<id>/pictures`: decodes a clip that is not kept; the answer lists new sheets.
pub async fn decode(
    State(state): State<Arc<BrowseState>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (dataset, sheets) = (Arc::clone(&state.dataset), Arc::clone(&state.sheets));
    let dropped = Arc::clone(&state.dropped);
    let read = move || {
        let facts = dataset.facts().map_err(|error| refused(&error))?;
        let clip = facts.position(ClipKey::from(id.as_str())).ok_or_else(|| unknown(&id))?;
        let decoded = dropped.decode(dataset.root(), &facts, clip, &sheets);
        decoded.map_err(|error| {
            let words = format!("the video of this clip cannot be decoded: {error:#}");
            ApiError::new(StatusCode::CONFLICT, words)
        })
    };
    let late = ApiError::busy(
        "the video takes long to decode; the pictures come later, so show the clip again",
    );
    let found = state.decoder.run_within(PATIENCE, late, read).await??;
    let ids: Vec<String> = found.iter().map(ClipKey::to_string).collect();
    Ok(Json(json!({ "clips": ids })))
}
