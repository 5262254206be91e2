//! How rows form attention sequences and images.

use crate::Precision;

/// Layer norm's ε.
pub const EPSILON: f32 = 1e-5;

/// The axis of the grid that attention runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Within a frame: every position attends to all positions of its own frame.
    Space,
    /// Across frames: every position attends to itself in its own and in earlier frames (causal).
    Time,
}

/// How the rows of a packed tensor `[b*t*s, 3d]` form attention sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Batch size.
    pub b: usize,
    /// Frames.
    pub t: usize,
    /// Positions per frame.
    pub s: usize,
    /// Attention heads; `d` must be a multiple of it.
    pub heads: usize,
    /// The axis of attention.
    pub axis: Axis,
    /// Number of last frames that have queries, and so an output.
    ///
    /// Earlier frames serve as cached keys and values. Equal to `t` in training.
    pub queries: usize,
    /// Precision of the products of queries, keys, weights and values.
    pub precision: Precision,
}

impl AttentionShape {
    /// Whether a query attends only to keys that are not later.
    pub fn causal(&self) -> bool {
        self.axis == Axis::Time
    }
}

/// Square neighbourhoods of pixels in images, as a convolution multiplies them with its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfoldShape {
    /// Number of images.
    pub images: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Side of a neighbourhood, an odd number; its pixel is in the middle.
    pub side: usize,
    /// Distance between neighbourhoods, in rows and in columns; the first is at row and column 0.
    pub stride: usize,
}

impl UnfoldShape {
    /// Rows and columns of neighbourhoods.
    pub fn outputs(&self) -> (usize, usize) {
        (self.height.div_ceil(self.stride), self.width.div_ceil(self.stride))
    }
}
