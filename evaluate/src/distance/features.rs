//! Features of clips: one row of numbers for each, all that is kept of a clip. (400 of them are 1.6 kB.)

use nalgebra::DMatrix;

/// Features `[clips, dimension]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    dimension: usize,
    data: Vec<f32>,
}

impl Features {
    /// Whole rows of `dimension` numbers.
    #[must_use]
    pub fn new(dimension: usize, data: Vec<f32>) -> Features {
        debug_assert!(data.len().is_multiple_of(dimension), "whole rows");
        Features { dimension, data }
    }

    /// Numbers a clip.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many clips.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len() / self.dimension
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Every clip's, in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.data.chunks_exact(self.dimension)
    }

    /// Clip `i`'s.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dimension..(i + 1) * self.dimension]
    }

    /// All numbers, row by row.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// As a matrix of one clip a column.
    pub(super) fn columns(&self) -> DMatrix<f64> {
        DMatrix::from_iterator(
            self.dimension,
            self.len(),
            self.data.iter().map(|&value| f64::from(value)),
        )
    }
}
