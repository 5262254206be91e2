//! Features of clips: one row of numbers for each clip (400 numbers are 1.6 kB).

use nalgebra::DMatrix;

/// Features `[clips, dimension]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    dimension: usize,
    data: Vec<f32>,
}

impl Features {
    /// Creates features from `data`, which contains `dimension` numbers for each clip in turn.
    #[must_use]
    pub fn new(dimension: usize, data: Vec<f32>) -> Features {
        debug_assert!(data.len().is_multiple_of(dimension), "whole rows");
        Features { dimension, data }
    }

    /// Returns the number of features of a clip.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Returns the number of clips.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len() / self.dimension
    }

    /// Returns the rows of all clips, in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.data.chunks_exact(self.dimension)
    }

    /// Returns the row of clip `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dimension..(i + 1) * self.dimension]
    }

    /// Returns the numbers of all clips, one clip after the other.
    #[cfg(test)]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Returns a matrix `[dimension, clips]`, with one column for each clip.
    pub(super) fn columns(&self) -> DMatrix<f64> {
        DMatrix::from_iterator(
            self.dimension,
            self.len(),
            self.data.iter().map(|&value| f64::from(value)),
        )
    }
}
