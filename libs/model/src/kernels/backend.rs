//! The fused operations of a backend.

use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;

use super::compose;
use super::shapes::{AttentionShape, UnfoldShape};

/// The fused operations. The defaults are composed of Burn's; a backend overrides them.
pub trait Kernels: Backend {
    /// Layer norm over the last axis of `x` `[n, d]`, times `gamma` `[d]`, plus `beta` `[d]`.
    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        compose::norm::<Self>(x, gamma, beta)
    }

    /// Gradients of [`Kernels::norm`]: `(dx, dgamma, dbeta)`.
    fn norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        compose::norm_backward::<Self>(x, gamma, grad)
    }

    /// A linear layer of rows: `x·weight + bias`, `[n, k]` times `[k, m]` plus `[m]` to `[n, m]`.
    fn dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        compose::dense::<Self>(x, weight, bias)
    }

    /// Gradient of [`Kernels::dense`] with respect to `x`, from `grad` `[n, m]`.
    fn dense_grad_x(weight: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        compose::dense_grad_x::<Self>(weight, grad)
    }

    /// Gradients of [`Kernels::dense`] with respect to `weight` and `bias`.
    fn dense_grad_weights(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        compose::dense_grad_weights::<Self>(x, grad)
    }

    /// Logarithm of the softmax over the last axis of `x` `[n, d]`.
    fn log_softmax_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        compose::log_softmax::<Self>(x)
    }

    /// Gradient of [`Kernels::log_softmax_forward`] where its output is `y`.
    fn log_softmax_grad(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        compose::log_softmax_grad::<Self>(y, grad)
    }

    /// Exact GELU, `x·Φ(x)`.
    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu(x)
    }

    /// Gradient of [`Kernels::gelu_forward`].
    fn gelu_grad(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu_backward(x, grad)
    }

    /// Scaled dot-product attention of packed rows: `[b*t*s, 3d]` to `[b*queries*s, d]`.
    fn attend(qkv: FloatTensor<Self>, shape: AttentionShape) -> FloatTensor<Self> {
        compose::attend::<Self>(qkv, shape)
    }

    /// Gradient of [`Kernels::attend`] with respect to `qkv`, for `shape.queries == shape.t`.
    fn attend_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> FloatTensor<Self> {
        compose::attend_backward::<Self>(qkv, grad, shape)
    }

    /// Neighbourhoods of pixels: `[images*height*width, c]` to `[outputs, side*side*c]`.
    ///
    /// Values beyond the edge of an image are zero. This is `im2col`, or PyTorch's `unfold`.
    fn unfold(x: FloatTensor<Self>, shape: UnfoldShape) -> FloatTensor<Self> {
        compose::unfold::<Self>(x, shape)
    }

    /// Gradient of [`Kernels::unfold`].
    fn unfold_backward(grad: FloatTensor<Self>, shape: UnfoldShape) -> FloatTensor<Self> {
        compose::unfold_backward::<Self>(grad, shape)
    }
}

#[cfg(feature = "cuda")]
impl Kernels for burn_cuda::Cuda<f32> {}
