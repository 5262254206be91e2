//! Gradient clipping by the norm over all parameters together.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::train::transfer::moved;

/// Scales the gradients so that their global norm is at most `limit`; 0 means no limit.
///
/// Gradients may be on different devices, and stay there. Returns the gradients, and the norm
/// before clipping, `[1]`, which is still on a device. There is no norm if the model has no
/// gradient.
pub fn clip_grad_norm<B: AutodiffBackend, M: Module<B>>(
    model: &M,
    grads: GradientsParams,
    limit: f64,
) -> (GradientsParams, Option<Tensor<B::InnerBackend, 1>>) {
    let mut square = SquaredNorm::<B> { grads: &grads, sum: None };
    model.visit(&mut square);
    let Some(norm) = square.sum.map(Tensor::sqrt) else {
        return (grads, None);
    };
    if limit <= 0.0 {
        return (grads, Some(norm));
    }
    let factor = norm.clone().add_scalar(1e-12).recip().mul_scalar(limit).clamp_max(1.0);
    let mut scale = Scale::<B> { from: grads, to: GradientsParams::new(), factor };
    model.visit(&mut scale);
    (scale.to, Some(norm))
}

/// Sums the squares of all gradients.
struct SquaredNorm<'a, B: AutodiffBackend> {
    grads: &'a GradientsParams,
    sum: Option<Tensor<B::InnerBackend, 1>>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for SquaredNorm<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(grad) = self.grads.get::<B::InnerBackend, D>(param.id) else { return };
        let square = (grad.clone() * grad).sum();
        self.sum = Some(match self.sum.take() {
            Some(sum) => {
                let here = sum.device();
                sum + moved(square, &here)
            }
            None => square,
        });
    }
}

/// Multiplies all gradients by a factor.
struct Scale<B: AutodiffBackend> {
    from: GradientsParams,
    to: GradientsParams,
    factor: Tensor<B::InnerBackend, 1>,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Scale<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if let Some(grad) = self.from.remove::<B::InnerBackend, D>(param.id) {
            let factor = moved(self.factor.clone(), &grad.device());
            self.to.register(param.id, grad * factor.reshape([1; D]));
        }
    }
}
