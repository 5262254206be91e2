//! The world and its clips.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use genie_serve::{ApiError, query};
use serde::Deserialize;
use serde_json::Value;

use super::pictures::{Png, number_of_png};
use crate::pictures;
use crate::server::state::ServerState;
use crate::world::ClipPage;

/// `GET /api/world`
pub async fn world(State(server): State<Arc<ServerState>>) -> Json<Value> {
    Json(server.backend.world())
}

#[derive(Deserialize)]
struct ClipsQuery {
    #[serde(rename = "where")]
    filter: Option<String>,
    #[serde(default)]
    after: usize,
}

/// `GET /api/clips?where=SQL&after=N`
pub async fn clips(
    State(server): State<Arc<ServerState>>,
    uri: Uri,
) -> Result<Json<ClipPage>, ApiError> {
    let ClipsQuery { filter, after } = query(&uri)?;
    let filter = filter.filter(|filter| !filter.trim().is_empty());
    let backend = Arc::clone(&server.backend);
    let late = ApiError::wrong("the condition takes too long to evaluate; make it simpler");
    let list = move || backend.clips(filter.as_deref(), after);
    Ok(Json(server.workers.run_within(server.limits.condition, late, list).await??))
}

/// `GET /api/clips/<id>/<first>.png`
pub async fn thumbnail(
    State(server): State<Arc<ServerState>>,
    Path((id, file)): Path<(String, String)>,
) -> Result<Png, ApiError> {
    let first = number_of_png(&file)?;
    let backend = Arc::clone(&server.backend);
    let picture = server.workers.run(move || {
        let frame = backend.thumbnail(&id, first)?;
        Ok::<_, ApiError>(Png(pictures::png(&frame, backend.frame_size())))
    });
    picture.await?
}
