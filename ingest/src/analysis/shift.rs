//! A translation of the small luma picture.

/// A translation in pixels of the plane: the pixel at (x, y) was at (x − `dx`, y − `dy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shift {
    pub dx: isize,
    pub dy: isize,
}

impl Shift {
    pub const NONE: Self = Self { dx: 0, dy: 0 };
}
