//! Pictures: the player's images in; PNG, strips and GIF out; the palette for drawing.
//!
//! A frame is RGB, `[height, width, 3]`, 8 bits each. A `size` is (height, width).
//!
//! | need | use |
//! |---|---|
//! | a frame from an image of a stranger | [`decode()`], [`PictureLimits`] |
//! | a frame as PNG, and back | [`png()`], [`from_png`] |
//! | frames side by side | [`strip`] |
//! | frames as an animation | [`gif()`], [`scale_for`] |
//! | colours for drawing | [`palette()`], [`hex`] |

mod chunks;
mod decode;
mod error;
mod gif;
mod jpeg;
mod limits;
mod palette;
mod png;
mod quantize;
mod resample;
#[cfg(test)]
mod samples;
mod scanline;
mod webp;

pub use decode::decode;
pub use error::{PictureError, PictureErrorKind};
pub use gif::{gif, scale_for};
pub use limits::PictureLimits;
pub use palette::{hex, palette};
pub use png::{from_png, png, strip};
pub use resample::Fit;
