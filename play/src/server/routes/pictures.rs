//! Pictures of a session: frames, animations, strips, and the futures of all actions.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use genie_serve::{ApiError, query};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::{Futures, StoredPicture};
use crate::pictures;
use crate::server::state::ServerState;

/// Most frames of a GIF: two minutes at 10 frames per second.
const GIF_FRAMES: usize = 1200;
/// Most pixels of a strip from left to right; browsers do not show wider pictures.
const STRIP_WIDTH: usize = 32_000;

/// A PNG file as an answer.
pub struct Png(pub Vec<u8>);

impl IntoResponse for Png {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "image/png")], self.0).into_response()
    }
}

/// Reads the number in a name such as `12.png`.
///
/// # Errors
/// 404 if the name is different.
pub fn number_of_png<N: FromStr>(file: &str) -> Result<N, ApiError> {
    let number = file.strip_suffix(".png").and_then(|number| number.parse().ok());
    number.ok_or_else(|| {
        ApiError::not_found(format!("there is no picture {file:?}; ask for <number>.png"))
    })
}

/// `GET /api/sessions/<s>/frames/<node>.png`
pub async fn frame(
    State(server): State<Arc<ServerState>>,
    Path((session, file)): Path<(String, String)>,
) -> Result<Png, ApiError> {
    let frame = server.engine.frame(&session, number_of_png(&file)?).await?;
    let size = server.backend.frame_size();
    Ok(Png(server.workers.run(move || pictures::png(&frame.rgb(), size)).await?))
}

#[derive(Deserialize)]
struct RangeQuery {
    from: Option<usize>,
    to: Option<usize>,
}

/// Returns frames of the current path, and the session's frames per second.
///
/// The frames are those of the query, or the last `most`.
async fn frames(
    server: &ServerState,
    session: &str,
    uri: &Uri,
    most: usize,
) -> Result<(Vec<StoredPicture>, f64), ApiError> {
    let RangeQuery { from, to } = query(uri)?;
    let view = server.engine.view(session).await?;
    let range = range(from, to, view.offset..=view.offset + view.path.len().max(1) - 1, most)?;
    Ok((server.engine.path(session, *range.start(), *range.end()).await?, view.rate))
}

fn range(
    from: Option<usize>,
    to: Option<usize>,
    path: RangeInclusive<usize>,
    most: usize,
) -> Result<RangeInclusive<usize>, ApiError> {
    let (first, last) = (*path.start(), *path.end());
    let to = to.unwrap_or(last);
    let from = from.unwrap_or(first.max(to.saturating_add(1).saturating_sub(most)));
    if from < first || to > last || from > to {
        return Err(ApiError::wrong(format!(
            "the path has the frames {first} to {last}, and not {from} to {to}"
        )));
    }
    let frames = to - from + 1;
    if frames > most {
        return Err(ApiError::wrong(format!(
            "{frames} frames are too many for one file; choose at most {most} with ?from=…&to=…"
        )));
    }
    Ok(from..=to)
}

/// `GET /api/sessions/<s>/play.gif?from=<frame>&to=<frame>`
pub async fn animation(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (frames, rate) = frames(&server, &session, &uri, GIF_FRAMES).await?;
    let size = server.backend.frame_size();
    let encode = move || pictures::gif(&rgb(&frames), size, rate, pictures::scale_for(size));
    let gif = server.encoders.run(encode).await?;
    Ok(([(CONTENT_TYPE, "image/gif")], gif).into_response())
}

/// `GET /api/sessions/<s>/strip.png?from=<frame>&to=<frame>`
pub async fn film(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
    uri: Uri,
) -> Result<Png, ApiError> {
    let size = server.backend.frame_size();
    let most = (STRIP_WIDTH / size.1.max(1)).max(1);
    let (frames, _) = frames(&server, &session, &uri, most).await?;
    Ok(Png(server.encoders.run(move || pictures::strip(&rgb(&frames), size, 0)).await?))
}

fn rgb(pictures: &[StoredPicture]) -> Vec<Vec<u8>> {
    pictures.iter().map(StoredPicture::rgb).collect()
}

#[derive(Deserialize)]
struct FuturesQuery {
    #[serde(default = "eight")]
    frames: usize,
}

fn eight() -> usize {
    8
}

/// `POST /api/sessions/<s>/futures?frames=8`
pub async fn futures(
    State(server): State<Arc<ServerState>>,
    Path(session): Path<String>,
    uri: Uri,
    // An unread body would make the server reset the connection before the answer is read.
    _body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let FuturesQuery { frames } = query(&uri)?;
    let Futures { node, futures } = server.engine.futures(&session, frames).await?;
    let size = server.backend.frame_size();
    let encode = move || -> Vec<Value> {
        let strip = |frames: &[Vec<u8>]| STANDARD.encode(pictures::strip(frames, size, 0));
        let futures = futures.iter().filter(|future| !future.frames.is_empty());
        futures
            .map(|future| {
                let png = format!("data:image/png;base64,{}", strip(&future.frames));
                json!({ "action": future.action, "png": png })
            })
            .collect()
    };
    let futures = server.workers.run(encode).await?;
    Ok(Json(json!({ "node": node, "frames": frames, "futures": futures })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a GIF of a long game fails without a choice; a wrong range reaches the engine.
    #[test]
    fn ranges_lie_in_the_path() {
        let range = |from, to| range(from, to, 10..=19, 5).map_err(|error| error.message);
        assert_eq!(range(None, None), Ok(15..=19));
        assert_eq!(range(Some(10), Some(14)), Ok(10..=14));
        assert_eq!(range(Some(19), None), Ok(19..=19));
        assert_eq!(range(None, Some(12)), Ok(10..=12));
        assert!(range(Some(9), Some(12)).unwrap_err().contains("10 to 19"));
        assert!(range(Some(13), Some(12)).is_err());
        assert!(range(None, Some(20)).is_err());
        assert!(range(Some(10), None).unwrap_err().contains("at most 5"));
        assert!(range(Some(0), Some(usize::MAX)).is_err());
        assert!(range(None, Some(usize::MAX)).is_err());
    }
}
