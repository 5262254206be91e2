//! In which numbers matrix products are computed, in training. All else is f32 whatever the precision: weights at rest, norms, softmax, losses, the
//! optimizer's moments, averages, checkpoints.
//!
//! A step takes a copy of the model whose matrices are rounded ([`Precision::rounded`]); a layer multiplies in the numbers that its matrix is in, and
//! the gradient goes back through the rounding to the f32 weights [Micikevicius et al. 2018]. bf16 has f32's range, so the loss is not scaled.

use std::borrow::Cow;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};
use serde::{Deserialize, Serialize};

use crate::weights;

/// The numbers that matrix products multiply; sums are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits.
    F32,
    /// 8 bits, in f32's range: what the tensor cores of GPUs are fast in. On a CPU it is slower than f32.
    Bf16,
}

impl Precision {
    /// What a tensor is in.
    pub(crate) fn of<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Self {
        if tensor.dtype() == DType::BF16 { Self::Bf16 } else { Self::F32 }
    }

    /// Burn's name for the numbers.
    pub(crate) fn numbers(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    /// The product of f32 tensors, in f32; its factors are rounded, and it is.
    pub(crate) fn matmul<B: Backend, const D: usize>(
        self,
        a: Tensor<B, D>,
        b: Tensor<B, D>,
    ) -> Tensor<B, D> {
        a.cast(self.numbers()).matmul(b.cast(self.numbers())).cast(FloatDType::F32)
    }

    /// The model to compute a step with: the matrices of its linear layers rounded, as part of the graph where one is recorded.
    pub(crate) fn rounded<B: Backend, M: Module<B>>(self, model: &M) -> Cow<'_, M> {
        if self == Self::F32 {
            return Cow::Borrowed(model);
        }
        weights::draw(model);
        Cow::Owned(
            model.clone().map(&mut Matrices { containers: Vec::new(), numbers: self.numbers() }),
        )
    }
}

/// Rounds the matrices of linear layers.
struct Matrices {
    containers: Vec<String>,
    numbers: FloatDType,
}

impl<B: Backend> ModuleMapper<B> for Matrices {
    fn enter_module(&mut self, _name: &str, container: &str) {
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.containers.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let matrix =
            D == 2 && self.containers.last().is_some_and(|container| container == "Struct:Linear");
        if matrix { param.map(|weight| weight.cast(self.numbers)) } else { param }
    }
}

#[cfg(test)]
mod tests;
