//! Frames that wait for a decision, and frames about which it is made.

use crate::analysis::Brightness;

/// A frame, and whether it is cut out.
#[derive(Debug, PartialEq)]
pub struct Sorted<F> {
    pub frame: F,
    pub is_fade: bool,
}

/// A frame that may belong to a fade.
pub struct DimmingFrame<F> {
    pub frame: F,
    pub light: Brightness,
    /// In seconds.
    pub time: f64,
    /// A new scene begins with the frame.
    pub is_cut: bool,
}
