//! A device's replica of the model: what it computes a micro-batch with.
//!
//! Its weights are on the device, and the matrices of its linear layers have the precision of
//! products. A matrix of a transformer block that is elsewhere, or has another precision, is made
//! when it is first read. Each clone of a block makes its own. So with recompute, such a matrix
//! exists on the device only while its block runs.
//!
//! Rounded and moved weights are leaves of autodiff's graph, with the identifiers of the model's
//! parameters. Their gradients have the precision of the weights.

use std::borrow::Cow;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{DType, FloatDType, Tensor, TensorPrimitive};

use crate::train::transfer::{Transfers, moved};
use crate::{Precision, weights};

/// The model's replica on a device: the model itself, if all its weights are there in f32.
///
/// A matrix that is made when it is read begins a transfer of `transfers`.
pub fn replica<'a, B: AutodiffBackend, M: Module<B>>(
    model: &'a M,
    device: &B::Device,
    precision: Precision,
    transfers: &Arc<Transfers<B::InnerBackend>>,
) -> Cow<'a, M> {
    let mut elsewhere = Elsewhere::<B> { device, found: false };
    model.visit(&mut elsewhere);
    if precision == Precision::F32 && !elsewhere.found {
        return Cow::Borrowed(model);
    }
    weights::draw(model);
    Cow::Owned(model.clone().map(&mut PlaceWeights::<B> {
        path: Vec::new(),
        containers: Vec::new(),
        device,
        matrices: precision.dtype(),
        transfers,
    }))
}

/// Finds out whether a weight is on another device. It initialises no weight.
struct Elsewhere<'a, B: AutodiffBackend> {
    device: &'a B::Device,
    found: bool,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Elsewhere<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.found |= param.lazy_device() != *self.device;
    }
}

/// Places weights on a device in their precision.
struct PlaceWeights<'a, B: AutodiffBackend> {
    path: Vec<String>,
    containers: Vec<String>,
    device: &'a B::Device,
    /// Type of the matrices of linear layers.
    matrices: FloatDType,
    transfers: &'a Arc<Transfers<B::InnerBackend>>,
}

impl<B: AutodiffBackend> ModuleMapper<B> for PlaceWeights<'_, B> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let matrix =
            D == 2 && self.containers.last().is_some_and(|container| container == "Struct:Linear");
        let dtype = if matrix { self.matrices } else { FloatDType::F32 };
        let weight = param.val();
        if weight.device() == *self.device && weight.dtype() == DType::from(dtype) {
            return param;
        }
        let (id, shape, tracked) = (param.id, weight.shape(), weight.is_require_grad());
        // Rounding comes first, so that fewer bytes are moved.
        let weight = weight.inner();
        let rounded = move || weight.clone().cast(dtype);
        if !(matrix && self.path.iter().any(|name| name == "blocks")) {
            let here = Tensor::<B, D>::from_inner(moved(rounded(), self.device));
            return Param::initialized(id, here.set_require_grad(tracked));
        }
        let transfers = Arc::clone(self.transfers);
        let make = move |device: &B::Device, tracked: bool| {
            let here = transfers.begin(rounded().into_primitive().tensor(), device);
            let here = Tensor::<B::InnerBackend, D>::from_primitive(TensorPrimitive::Float(here));
            Tensor::<B, D>::from_inner(here).set_require_grad(tracked)
        };
        Param::uninitialized(id, make, self.device.clone(), tracked, shape)
    }
}

#[cfg(test)]
mod tests;
