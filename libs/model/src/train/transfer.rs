//! Transfers of tensors between devices.
//!
//! In cubecl-cuda 0.10, a transfer runs on a stream of its own (`compute/server.rs`, `send` and
//! `recv`). The receiver's memory may be that of a tensor that an earlier kernel still reads. The
//! sender's memory may be given to another tensor before it is sent. So the receiver must have done
//! its work when a transfer begins, and sent tensors must live until it ends. On the CPU nothing
//! waits.

use std::sync::{Mutex, PoisonError};

use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive};

use crate::host::wait;

/// Waits until a device has done the work of this thread, so that it can receive tensors.
///
/// # Panics
/// If the device fails.
pub fn prepare<B: Backend>(device: &B::Device) {
    wait::<B>(device)
        .unwrap_or_else(|error| panic!("a device of the training has failed: {error}"));
}

/// Transfers of one thread that have begun.
pub struct Transfers<B: Backend> {
    /// The sent tensors and their receivers.
    sent: Mutex<Vec<(FloatTensor<B>, B::Device)>>,
}

impl<B: Backend> Transfers<B> {
    /// No transfers.
    pub fn new() -> Self {
        Self { sent: Mutex::new(Vec::new()) }
    }

    /// Begins to move a tensor to a device, for which [`prepare`] was called.
    ///
    /// Nothing happens if it is there already.
    pub fn begin(&self, tensor: FloatTensor<B>, device: &B::Device) -> FloatTensor<B> {
        if B::float_device(&tensor) == *device {
            return tensor;
        }
        let moved = B::float_to_device(tensor.clone(), device);
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push((tensor, device.clone()));
        moved
    }

    /// Waits until all transfers have ended.
    ///
    /// # Panics
    /// If a device fails.
    pub fn finish(&self) {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner));
        let mut done: Vec<&B::Device> = Vec::new();
        for (_, device) in &sent {
            if !done.contains(&device) {
                prepare::<B>(device);
                done.push(device);
            }
        }
    }
}

/// Moves a tensor to a device, and waits until it is there.
///
/// # Panics
/// If the device fails.
pub fn moved<B: Backend, const D: usize>(tensor: Tensor<B, D>, device: &B::Device) -> Tensor<B, D> {
    if tensor.device() == *device {
        return tensor;
    }
    prepare::<B>(device);
    let transfers = Transfers::<B>::new();
    let moved = transfers.begin(tensor.into_primitive().tensor(), device);
    transfers.finish();
    Tensor::from_primitive(TensorPrimitive::Float(moved))
}
