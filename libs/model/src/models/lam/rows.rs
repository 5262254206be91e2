//! Rows of some frames among rows of all frames.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::layers::Grid;

/// The frames `first .. first + len` of rows `[batch*time*space, values]`.
pub fn frames_of<B: Backend>(
    rows: Tensor<B, 2>,
    grid: Grid,
    first: usize,
    len: usize,
) -> Tensor<B, 2> {
    let v = rows.dims()[1];
    rows.reshape([grid.b, grid.t, grid.s * v])
        .narrow(1, first, len)
        .reshape([grid.b * len * grid.s, v])
}
