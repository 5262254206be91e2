//! Errors of the dataset as answers.

use axum::http::StatusCode;
use genie_serve::ApiError;

/// The answer to a request that failed: 400 if its SQL is wrong, and else 500.
pub fn refused(error: &anyhow::Error) -> ApiError {
    let is_wrong = |error: &genie_catalog::Error| error.is_wrong_sql();
    let wrong = error.downcast_ref::<genie_catalog::Error>().is_some_and(is_wrong);
    let status = if wrong { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
    if !wrong {
        tracing::warn!("browse: {error:#}");
    }
    ApiError::new(status, format!("{error:#}"))
}
