//! What comes back from a device. Asking for it waits for the device, and tells what it has failed of since it was last asked: a GPU that is out of memory,
//! above all, says so here and not where the memory was asked for.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use crate::ModelError;

fn read(data: Result<TensorData, impl std::fmt::Display>) -> Result<TensorData, ModelError> {
    data.map_err(|error| ModelError::Failed(error.to_string()))
}

/// A tensor's values, in row-major order, whatever numbers they are in.
///
/// # Errors
/// If the device has failed.
pub fn floats<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, ModelError> {
    Ok(read(tensor.try_into_data())?.convert::<f32>().to_vec().expect("converted to f32 just now"))
}

/// The value of a tensor of one; NaN of none.
///
/// # Errors
/// If the device has failed.
pub fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> Result<f32, ModelError> {
    Ok(floats(tensor)?.first().copied().unwrap_or(f32::NAN))
}

/// A tensor's codes: numbers that are not negative.
///
/// # Errors
/// If the device has failed.
pub fn codes<B: Backend>(tensor: Tensor<B, 1, Int>) -> Result<Vec<usize>, ModelError> {
    let data = read(tensor.try_into_data())?;
    Ok(data.iter::<i64>().map(|code| usize::try_from(code).expect("codes are not negative")).collect())
}
