//! What the headers of H.264 and HEVC tell about damage.

/// What the headers of a packet tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Pictures that this one needs are missing.
    pub lost_before: bool,
    /// The packet's own data are damaged.
    pub damaged: bool,
    pub refresh: Refresh,
}

/// A gradual refresh, in which each picture renews a part of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    #[default]
    None,
    /// It begins with this picture.
    Begins,
    /// With this picture, it is complete.
    Complete,
}
