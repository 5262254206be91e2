//! What a finder of stretches says about frames that it takes one by one.

/// What the frames up to now are. A finder returns each frame once, in order.
#[derive(Debug, PartialEq)]
pub enum Stretch<F> {
    /// Not known yet.
    Unknown,
    /// These frames are play.
    Play(Vec<F>),
    /// These frames are, or continue, a stretch that is cut out.
    CutOut(Vec<F>),
}
