//! Sums of gradients over the micro-batches of a training step.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::{FloatTensor, FloatTensorOps as _};
use burn::tensor::{DType, FloatDType, Tensor, TensorMetadata as _, TensorPrimitive};

use crate::train::owners::Owners;
use crate::train::transfer::{Transfers, prepare};

/// Gradients of parameters.
type ParamGradients<B> = Vec<(ParamId, FloatTensor<<B as AutodiffBackend>::InnerBackend>)>;

/// Begins to move gradients to the owners of their parameters.
///
/// # Panics
/// If a device fails.
pub fn send<B: AutodiffBackend>(
    grads: ParamGradients<B>,
    owners: &Owners<B>,
    transfers: &Transfers<B::InnerBackend>,
) -> ParamGradients<B> {
    if let [_one] = owners.devices() {
        return grads;
    }
    owners.devices().iter().for_each(prepare::<B>);
    let send = |(id, grad)| (id, transfers.begin(grad, owners.owner(id)));
    grads.into_iter().map(send).collect()
}

/// Sums of gradients in f32, each on the device of its parameter's owner.
pub struct GradientSums<B: AutodiffBackend>(HashMap<ParamId, FloatTensor<B::InnerBackend>>);

impl<B: AutodiffBackend> GradientSums<B> {
    /// No gradients.
    pub fn new() -> Self {
        Self(HashMap::new())
    }

    /// Adds gradients, which are on the devices of their parameters' owners.
    pub fn add(&mut self, grads: ParamGradients<B>) {
        for (id, grad) in grads {
            let grad = match grad.dtype() {
                DType::F32 => grad,
                _ => B::InnerBackend::float_cast(grad, FloatDType::F32),
            };
            let sum = match self.0.remove(&id) {
                Some(sum) => B::InnerBackend::float_add(sum, grad),
                None => grad,
            };
            self.0.insert(id, sum);
        }
    }

    /// The sums as the gradients of a model.
    pub fn of_model(self, model: &impl Module<B>) -> GradientsParams {
        let mut all = Register::<B> { sums: self.0, grads: GradientsParams::new() };
        model.visit(&mut all);
        all.grads
    }
}

/// Turns sums into the optimizer's gradients, which know the rank of their tensor.
struct Register<B: AutodiffBackend> {
    sums: HashMap<ParamId, FloatTensor<B::InnerBackend>>,
    grads: GradientsParams,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Register<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(sum) = self.sums.remove(&param.id) {
            let sum = TensorPrimitive::Float(sum);
            self.grads.register(param.id, Tensor::<B::InnerBackend, D>::from_primitive(sum));
        }
    }
}
