//! A frame's properties, and what of a frame is to be converted.

use serde::{Deserialize, Serialize};

/// What a decoded frame says of itself, as FFmpeg's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Properties {
    pub width: i32,
    pub height: i32,
    pub pixel_format: i32,
    pub matrix: i32,
    pub range: i32,
    pub transfer: i32,
    pub primaries: i32,
}

/// A rectangle of a frame, in pixels as coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rectangle {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// One of the two pictures that an interlaced frame is woven of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Top,
    Bottom,
}

/// What of a frame is to be converted, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameView {
    pub frame: Properties,
    /// Corner and size are multiples of the chroma's, and of twice that where a field is taken.
    pub crop: Option<Rectangle>,
    pub field: Option<Field>,
    /// One of swscale's `SWS_CS_…` numbers.
    pub sws_matrix: i32,
    /// Black is 0 (and not 16).
    pub full_range: bool,
    /// 16 bits a sample, little-endian, instead of 8.
    pub deep: bool,
}
