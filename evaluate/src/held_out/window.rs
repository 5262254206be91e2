//! A window of a held-out clip.

/// A window of held-out footage.
#[derive(Debug, Clone)]
pub struct HeldOutWindow {
    /// Content hash of the recording.
    pub source: String,
    /// The recording's name, for people.
    pub name: String,
    pub clip_id: String,
    /// First frame within the clip.
    pub first: usize,
    /// True actions between its frames, where known.
    pub truth: Option<Vec<u8>>,
    /// True displacement classes between its frames, where known.
    pub effects: Option<Vec<u8>>,
}
