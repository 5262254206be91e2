//! Refusals of the engine and of pictures, as answers.

use axum::http::StatusCode;
use genie_serve::ApiError;

use crate::engine::Refused;
use crate::pictures::{PictureError, PictureErrorKind};

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::NotFound(_) => StatusCode::NOT_FOUND,
            Refused::Wrong(_) => StatusCode::BAD_REQUEST,
            Refused::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refused::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, refused.to_string())
    }
}

impl From<PictureError> for ApiError {
    fn from(error: PictureError) -> Self {
        let status = match error.kind {
            PictureErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            PictureErrorKind::NotAnImage => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            PictureErrorKind::Damaged => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.message)
    }
}
