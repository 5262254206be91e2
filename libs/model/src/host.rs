//! Copies of tensors from a device to the host.
//!
//! A GPU works asynchronously. A failed operation, such as one that is out of memory, is reported
//! by the next copy or wait, and not where the operation was queued.

use burn::tensor::backend::{Backend, ExecutionError};
use burn::tensor::{Int, Tensor};

use crate::ModelError;

/// Turns the device's error into ours.
fn checked<R>(result: Result<R, ExecutionError>) -> Result<R, ModelError> {
    result.map_err(|error| ModelError::Failed(error.to_string()))
}

/// Waits until the device has done all queued work.
///
/// # Errors
/// Returns the device's error. A later read may not report it again, so callers must not drop it.
pub fn wait<B: Backend>(device: &B::Device) -> Result<(), ModelError> {
    checked(B::sync(device))
}

/// Copies a tensor's values to the host as f32, in row-major order.
///
/// # Errors
/// If the device has failed.
pub fn floats<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>, ModelError> {
    Ok(checked(tensor.try_into_data())?.convert::<f32>().to_vec().expect("converted just now"))
}

/// Copies the value of a tensor of one element; NaN for an empty tensor.
///
/// # Errors
/// If the device has failed.
pub fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> Result<f32, ModelError> {
    Ok(floats(tensor)?.first().copied().unwrap_or(f32::NAN))
}

/// Copies codes `[n]` to the host.
///
/// # Errors
/// If the device has failed.
pub fn codes<B: Backend, C: TryFrom<i64>>(tensor: Tensor<B, 1, Int>) -> Result<Vec<C>, ModelError> {
    let narrow = |code| C::try_from(code).ok().expect("configs bound the number of codes");
    Ok(checked(tensor.try_into_data())?.iter::<i64>().map(narrow).collect())
}
