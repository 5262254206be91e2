//! What comes back from a device. Asking for it waits for the device, and tells what it has failed of since it was last asked: a GPU that is out of memory,
//! above all, says so here and not where the memory was asked for.

use burn::tensor::backend::{Backend, ExecutionError};
use burn::tensor::{Int, Tensor};

use crate::ModelError;

/// What a device answers, or what it has failed of.
fn told<R>(answer: Result<R, ExecutionError>) -> Result<R, ModelError> {
    answer.map_err(|error| ModelError::Failed(error.to_string()))
}

/// Waits until a device has done what it was asked for.
///
/// # Errors
/// If the device has failed: who waits is told, and who reads after that may not be.
pub fn wait<B: Backend>(device: &B::Device) -> Result<(), ModelError> {
    told(B::sync(device))
}

/// A tensor's values, in row-major order, whatever numbers they are in.
///
/// # Errors
/// If the device has failed.
pub fn floats<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, ModelError> {
    Ok(told(tensor.try_into_data())?.convert::<f32>().to_vec().expect("converted to f32 just now"))
}

/// The value of a tensor of one; NaN of none.
///
/// # Errors
/// If the device has failed.
pub fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> Result<f32, ModelError> {
    Ok(floats(tensor)?.first().copied().unwrap_or(f32::NAN))
}

/// A tensor's codes.
///
/// # Errors
/// If the device has failed.
pub fn codes<B: Backend, C: TryFrom<i64>>(tensor: Tensor<B, 1, Int>) -> Result<Vec<C>, ModelError> {
    let narrow = |code| C::try_from(code).ok().expect("configs bound the number of codes");
    Ok(told(tensor.try_into_data())?.iter::<i64>().map(narrow).collect())
}
