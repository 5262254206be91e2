//! What the headers of a stream tell about damage.

/// What the headers of a packet tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Pictures that this one needs are missing.
    pub lost_before: bool,
    /// Pictures are missing before the packet that came this many packets earlier.
    pub lost_earlier: Option<u64>,
    /// The packet's own data are damaged.
    pub damaged: bool,
    pub refresh: Refresh,
    /// Whether the picture refers to no other one; `None` if the decoder knows it.
    pub is_key: Option<bool>,
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
