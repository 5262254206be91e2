//! Stretches of frames: what a finder returns, frame by frame.

/// What a finder knows about the frames that it has seen. It returns each frame once, in order.
#[derive(Debug, PartialEq)]
pub enum Stretch<F> {
    /// Not known yet.
    Unknown,
    /// These frames are play.
    Play(Vec<F>),
    /// These frames are, or continue, a stretch that is cut out.
    CutOut(Vec<F>),
}
