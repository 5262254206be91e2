//! Properties of a frame, and the view of a frame that is converted.

use serde::{Deserialize, Serialize};

/// Properties of a decoded frame, as FFmpeg's numbers.
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

/// A rectangle in a coded frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rectangle {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// One of the two pictures that make up an interlaced frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Top,
    Bottom,
}

/// The region of a frame to convert, and how to convert it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameView {
    pub frame: Properties,
    /// Rectangle to convert; `None` is the whole frame.
    ///
    /// Position and size are multiples of the chroma subsampling, and of twice that if `field` is
    /// set.
    pub crop: Option<Rectangle>,
    pub field: Option<Field>,
    /// One of swscale's `SWS_CS_…` numbers.
    pub sws_matrix: i32,
    /// Black is 0, not 16.
    pub full_range: bool,
    /// The output has 16 bits per sample, little-endian, instead of 8 bits.
    pub deep: bool,
}
