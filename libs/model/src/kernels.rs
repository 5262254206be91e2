//! The operations that move most of a model's memory, as single differentiable kernels.
//!
//! Burn's autodiff composes layer norm, GELU and attention from elementwise operations. It stores
//! each pass over the activations for the backward pass, and spatial and temporal attention cost
//! four strided copies each. Burn's linear layer on the CPU zeroes its output, copies it, and adds
//! the bias in another pass, all on one thread. Here each operation is one node of the graph, which
//! keeps only its input and recomputes the rest.
//!
//! | module | contents |
//! |---|---|
//! | `shapes` | how rows form attention sequences and images |
//! | `compose` | the equations in Burn's operations: used on CUDA, and the reference in tests |
//! | `backend` | the trait that a backend implements; its defaults are `compose` |
//! | `cpu` | the fused loops of the CPU backend |
//! | `autodiff` | the kernels as nodes of the autodiff graph |
//! | `ops` | the kernels as functions of tensors |
//!
//! Activations are rows `[b*t*s, d]`, row-major in (batch, frame, position). Attention reads packed
//! queries, keys and values `[b*t*s, 3d]`, and needs no permutation for either axis.

#![allow(
    clippy::inline_always,
    reason = "a loop is compiled for an instruction set only where it is inlined into pulp's \
              dispatch"
)]

mod autodiff;
mod backend;
mod compose;
mod convert;
mod cpu;
mod ops;
mod shapes;

pub use backend::Kernels;
pub use ops::{attend, dense, gelu, log_softmax, norm, unfold};
pub use shapes::{AttentionShape, Axis, UnfoldShape};

#[cfg(test)]
mod tests;
