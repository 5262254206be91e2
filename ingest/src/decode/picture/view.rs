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

/// The colour tags of a video stream, as FFmpeg's numbers (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColourTags {
    pub matrix: i32,
    pub range: i32,
    pub transfer: i32,
    pub primaries: i32,
}

impl ColourTags {
    /// The tags of a stream that has none.
    pub const NONE: Self = Self { matrix: 2, range: 0, transfer: 2, primaries: 2 };
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
    pub output: SampleFormat,
}

/// The samples that a view is converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// RGB with 8 bits per sample, `[height, width, 3]`.
    Rgb8,
    /// RGB with 16 bits per sample, little-endian, `[height, width, 3]`.
    Rgb16,
    /// The frame's luma and chroma with 16 bits per sample, little-endian, `[3, height, width]`.
    ///
    /// A sample is the value at the frame's bit depth, shifted up to 16 bits.
    Planes16,
}

impl SampleFormat {
    /// Returns the number of planes, and the bytes of a pixel in each of them.
    pub fn planes(self) -> (usize, usize) {
        match self {
            Self::Rgb8 => (1, 3),
            Self::Rgb16 => (1, 6),
            Self::Planes16 => (3, 2),
        }
    }
}
