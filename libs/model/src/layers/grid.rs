//! The axes that are flattened into the rows of activations.

/// Number of windows, frames and positions of rows `[b*t*s, d]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Batch size.
    pub b: usize,
    /// Frames.
    pub t: usize,
    /// Positions per frame.
    pub s: usize,
}

impl Grid {
    /// Number of rows.
    pub fn rows(self) -> usize {
        self.b * self.t * self.s
    }
}
