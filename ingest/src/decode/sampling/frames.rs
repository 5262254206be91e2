//! Frames on their way from the decoder to the sink.

use std::rc::Rc;

use ffmpeg_next::frame;

use crate::decode::borders::Borders;
use crate::decode::event::{Break, Track};
use crate::decode::picture::Orientation;

/// The frame on the screen until the next one comes.
pub struct CurrentFrame {
    pub frame: frame::Video,
    pub pts: i64,
    pub native: usize,
    pub corrupt: bool,
    pub before: Break,
    pub orientation: Orientation,
}

/// Frames that are held back until the border search ends.
#[derive(Default)]
pub struct BorderSearch {
    /// `None` before the first frame.
    pub borders: Option<Borders>,
    pub back: Vec<ConvertedFrame>,
}

/// A converted frame, and the number of ticks that show it.
pub struct ConvertedFrame {
    pub track: Rc<Track>,
    pub rgb: Vec<u8>,
    pub pts: i64,
    pub native: usize,
    pub corrupt: bool,
    pub before: Break,
    pub ticks: u64,
}
