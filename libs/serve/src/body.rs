//! Bodies of requests, within limits of bytes and time.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, HeaderMap};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::limits::HttpLimits;

/// Bytes of a body that is too large that are read and thrown away.
///
/// A client that still sends would not see the answer.
const DISCARDED: usize = 64 << 20;

/// Reads a body of at most `most` bytes.
///
/// # Errors
/// 413 if it has more, 408 if it comes too slowly, 400 if it ends early.
pub async fn read_body(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    limits: &HttpLimits,
) -> Result<Vec<u8>, ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > (most + DISCARDED) as u64) {
        return Err(too_large(most));
    }
    timeout(limits.body, parts(body, most, limits)).await.map_err(|_| too_slow())?
}

async fn parts(body: Body, most: usize, limits: &HttpLimits) -> Result<Vec<u8>, ApiError> {
    let (mut bytes, mut discarded) = (Vec::new(), 0);
    let mut parts = body.into_data_stream();
    while let Some(part) = timeout(limits.body_part, parts.next()).await.map_err(|_| too_slow())? {
        let part = part.map_err(|_| ApiError::wrong("the request ended early; send it again"))?;
        if bytes.len() + part.len() <= most && discarded == 0 {
            bytes.extend_from_slice(&part);
            continue;
        }
        discarded += part.len();
        if discarded > DISCARDED {
            break;
        }
    }
    if discarded > 0 { Err(too_large(most)) } else { Ok(bytes) }
}

fn too_large(most: usize) -> ApiError {
    let most = match most {
        0..1_000_000 => format!("{:.1} kB", most as f64 / 1e3),
        _ => format!("{:.1} MB", most as f64 / 1e6),
    };
    let words = format!("the request is too large; send at most {most}, such as a smaller picture");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, words)
}

fn too_slow() -> ApiError {
    let words = "the request came too slowly; send it again, or send a smaller picture";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, words)
}
