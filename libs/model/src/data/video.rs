//! Clips of frames to train on.

use super::frames::RGB;

/// An error of a data source.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Clips to train on, all with the same frame size.
pub trait Video: Sync {
    /// The number of clips.
    fn clips(&self) -> usize;

    /// The number of frames of a clip.
    fn frames(&self, clip: usize) -> usize;

    /// Height and width of every frame in pixels.
    fn size(&self) -> (usize, usize);

    /// Values per pixel: 3 for RGB.
    fn channels(&self) -> usize {
        RGB
    }

    /// The number of the group to which a clip belongs, and the bytes of the clip in memory.
    ///
    /// If not all clips fit into [`Video::memory`], training reads the clips of some groups
    /// together, and the order of training depends on the groups. So both numbers must follow from
    /// the clips, and not from how they are stored. See [`super::cut_groups`].
    fn group(&self, _clip: usize) -> (usize, u64) {
        (0, 0)
    }

    /// The number of bytes of clips that may be in memory.
    fn memory(&self) -> u64 {
        u64::MAX
    }

    /// Appends `len` frames of a clip, from frame `first` on, to `to`.
    ///
    /// The bytes are `[len, height, width, channels]`. Fails if the storage fails.
    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError>;
}

/// Clips with the class of the true action at every frame.
#[derive(Clone, Copy)]
pub struct LabelledVideo<'a> {
    /// The clips.
    pub video: &'a dyn Video,
    /// A list for each clip, with one entry for each frame; entry t leads to frame t+1.
    pub labels: &'a [Vec<u8>],
}
