//! The kernels as nodes of Burn's autodiff graph.
//!
//! Each node keeps its inputs or its output, and calls the inner backend for its backward pass.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::tensor::ops::FloatTensor;

use super::backend::Kernels;
use super::shapes::{AttentionShape, UnfoldShape};

#[derive(Debug)]
struct Norm;

impl<B: Kernels> Backward<B, 3> for Norm {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, gamma) = ops.state;
        let (dx, dgamma, dbeta) = B::norm_backward(x, gamma, grad);
        for (parent, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct Dense;

impl<B: Kernels> Backward<B, 3> for Dense {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, weight) = ops.state;
        let [of_x, of_weight, of_bias] = ops.parents;
        if let Some(node) = of_x {
            grads.register::<B>(node.id, B::dense_grad_x(weight, grad.clone()));
        }
        if of_weight.is_none() && of_bias.is_none() {
            return;
        }
        let (weight, bias) = B::dense_grad_weights(x, grad);
        for (parent, gradient) in [(of_weight, weight), (of_bias, bias)] {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct LogSoftmax;

impl<B: Kernels> Backward<B, 1> for LogSoftmax {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let y = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::log_softmax_grad(y, grad));
    }
}

#[derive(Debug)]
struct Gelu;

impl<B: Kernels> Backward<B, 1> for Gelu {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let x = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::gelu_grad(x, grad));
    }
}

#[derive(Debug)]
struct Attention;

impl<B: Kernels> Backward<B, 1> for Attention {
    type State = (FloatTensor<B>, AttentionShape);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (qkv, shape) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::attend_backward(qkv, grad, shape));
    }
}

#[derive(Debug)]
struct Unfold;

impl<B: Kernels> Backward<B, 1> for Unfold {
    type State = UnfoldShape;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let shape = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::unfold_backward(grad, shape));
    }
}

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let output = B::norm(x.primitive.clone(), gamma.primitive.clone(), beta.primitive);
        match Norm.prepare::<C>([x.node, gamma.node, beta.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x.primitive, gamma.primitive), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let output = B::dense(x.primitive.clone(), weight.primitive.clone(), bias.primitive);
        match Dense.prepare::<C>([x.node, weight.node, bias.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x.primitive, weight.primitive), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn log_softmax_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let output = B::log_softmax_forward(x.primitive);
        match LogSoftmax.prepare::<C>([x.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(output.clone(), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let output = B::gelu_forward(x.primitive.clone());
        match Gelu.prepare::<C>([x.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.primitive, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn attend(qkv: FloatTensor<Self>, shape: AttentionShape) -> FloatTensor<Self> {
        let output = B::attend(qkv.primitive.clone(), shape);
        match Attention.prepare::<C>([qkv.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                assert_eq!(shape.queries, shape.t, "cached attention has no gradient");
                prep.finish((qkv.primitive, shape), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn unfold(x: FloatTensor<Self>, shape: UnfoldShape) -> FloatTensor<Self> {
        let output = B::unfold(x.primitive, shape);
        match Unfold.prepare::<C>([x.node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(shape, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
