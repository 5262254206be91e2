//! The precision of matrix products in training.
//!
//! All else is f32: stored weights, norms, softmax, losses, the optimizer's moments, moving
//! averages and checkpoints.
//!
//! A micro-batch uses a replica of the model with rounded matrices (`train/micro_batches`). A layer
//! multiplies in the precision of its matrix. The gradients of the rounded matrices update the f32
//! weights [Micikevicius et al. 2018]. bf16 has the range of f32, so the loss is not scaled.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}
