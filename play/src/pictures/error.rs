//! Why a picture is refused.

use image::{ImageError, ImageFormat};

/// What kind of fault a picture has; a server answers with 413, 415 or 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureErrorKind {
    /// It has more bytes or pixels than are read, or needs more memory or time.
    TooLarge,
    /// It is no picture, or has a format that is not read.
    NotAnImage,
    /// It has a known format, but its content is wrong or incomplete.
    Damaged,
}

/// A picture was refused; the message says why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PictureError {
    pub kind: PictureErrorKind,
    pub message: String,
}

impl PictureError {
    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self { kind: PictureErrorKind::TooLarge, message: message.into() }
    }

    pub(super) fn not_an_image() -> Self {
        let message = "this is not a picture that genie-play can read; \
                       use PNG, JPEG, WebP, GIF or BMP";
        Self { kind: PictureErrorKind::NotAnImage, message: message.into() }
    }

    pub(super) fn damaged(format: ImageFormat, reason: impl std::fmt::Display) -> Self {
        let name = name(format);
        let message = format!("the {name} picture is damaged: {reason}; save it again");
        Self { kind: PictureErrorKind::Damaged, message }
    }

    /// Converts an error of a decoder.
    pub(super) fn of_decoder(format: ImageFormat, error: &ImageError) -> Self {
        let name = name(format);
        match error {
            ImageError::Limits(_) => Self::too_large(format!(
                "the {name} picture needs more memory than is allowed; make it smaller"
            )),
            ImageError::Unsupported(_) => Self {
                kind: PictureErrorKind::NotAnImage,
                message: format!(
                    "genie-play cannot read this kind of {name} picture: {error}; \
                     save it as PNG with 8 bits per channel"
                ),
            },
            _ => Self::damaged(format, error),
        }
    }
}

/// Returns the usual name of a format.
fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Bmp => "BMP",
        _ => "unknown",
    }
}
