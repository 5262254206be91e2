//! Indices from the host.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

/// Copies numbers from the host to an index tensor `[n]`.
pub fn indices<B: Backend>(
    values: impl Iterator<Item = i64>,
    device: &B::Device,
) -> Tensor<B, 1, Int> {
    let values: Vec<i64> = values.collect();
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}
