//! The precision of matrix products in training.
//!
//! All else is f32: stored weights, norms, softmax, losses, the optimizer's moments, moving
//! averages and checkpoints.
//!
//! A training step uses a copy of the model with rounded matrices ([`Precision::rounded`]). A layer
//! multiplies in the precision of its matrix. The gradient passes through the rounding to the f32
//! weights [Micikevicius et al. 2018]. bf16 has the range of f32, so the loss is not scaled.

use std::borrow::Cow;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::weights;

/// Floating-point type of the factors of matrix products; sums are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits, 24 of them significant.
    F32,
    /// 16 bits, 8 of them significant: fast on the tensor cores of GPUs, slower than f32 on a CPU.
    Bf16,
}

impl Precision {
    /// The precision of a tensor.
    pub(crate) fn of<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Self {
        if tensor.dtype() == DType::BF16 { Self::Bf16 } else { Self::F32 }
    }

    /// Burn's name of the type.
    pub(crate) fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    /// The product of f32 tensors, as f32; its factors and its result are rounded.
    pub(crate) fn matmul<B: Backend, const D: usize>(
        self,
        a: Tensor<B, D>,
        b: Tensor<B, D>,
    ) -> Tensor<B, D> {
        a.cast(self.dtype()).matmul(b.cast(self.dtype())).cast(FloatDType::F32)
    }

    /// The model with the matrices of its linear layers rounded; autodiff records the rounding.
    pub(crate) fn rounded<B: Backend, M: Module<B>>(self, model: &M) -> Cow<'_, M> {
        if self == Self::F32 {
            return Cow::Borrowed(model);
        }
        weights::draw(model);
        Cow::Owned(
            model.clone().map(&mut RoundMatrices { containers: Vec::new(), dtype: self.dtype() }),
        )
    }
}

/// Rounds the matrices of linear layers.
struct RoundMatrices {
    containers: Vec<String>,
    dtype: FloatDType,
}

impl<B: Backend> ModuleMapper<B> for RoundMatrices {
    fn enter_module(&mut self, _name: &str, container: &str) {
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.containers.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let matrix =
            D == 2 && self.containers.last().is_some_and(|container| container == "Struct:Linear");
        if matrix { param.map(|weight| weight.cast(self.dtype)) } else { param }
    }
}

#[cfg(test)]
mod tests;
