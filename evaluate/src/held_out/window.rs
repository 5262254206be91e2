//! A window of a held-out clip, without its frames.

/// A window of a held-out clip.
#[derive(Debug, Clone)]
pub struct HeldOutWindow {
    /// Content hash of the source.
    pub source: String,
    /// File name of the source.
    pub name: String,
    pub clip_id: String,
    /// First frame of the window, within the clip.
    pub first: usize,
    /// True actions between the frames, if known: one fewer than frames.
    pub truth: Option<Vec<u8>>,
    /// True displacement classes between the frames, if known: one fewer than frames.
    pub effects: Option<Vec<u8>>,
}
