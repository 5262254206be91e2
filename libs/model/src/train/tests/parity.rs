//! Compares gradient clipping and AdamW with PyTorch's (`tests/reference`), for three steps each.

use burn::nn::{Linear, LinearConfig};
use burn::optim::Optimizer;

use super::*;
use crate::testing::Fixture;
use crate::train::optimizer::{ModelOptimizer, clip_grad_norm};

/// Catches: the clipping or AdamW is wrong.
///
/// - A norm per parameter, or no clipping.
/// - ε added under the root or before the bias correction, or larger than PyTorch's 1e-8 (Burn's
///   default is 1e-5).
/// - Moments that are not kept, or are corrected with the number of another step.
/// - Weight decay that passes through the moments, or without the learning rate.
///
/// The test compares updates, because the weights themselves hardly change. Known differences are
/// far below the tolerance: PyTorch divides by the norm + 1e-6, and this crate by the norm + 1e-12.
#[test]
fn clipping_and_adamw_are_pytorchs() {
    for (name, weight_decay, clip) in [("adamw", 1e-4, 1e-4), ("adamw_decay", 0.3, 1e9)] {
        let fixture = Fixture::read(name);
        let config = TrainConfig { weight_decay, clip_norm: clip, ..Default::default() };
        assert_eq!(
            (config.beta_1, config.beta_2, config.optimizer),
            (0.9, 0.9, OptimizerKind::AdamW),
            "the paper's"
        );
        let mut model = fixture.load(LinearConfig::new(6, 4).init::<Ad>(&FlexDevice));
        let mut optimizer = ModelOptimizer::new(&config);
        for step in 0..3 {
            let at = |what: &str| format!("{what}{step}");
            let (x, cotangent) =
                (fixture.tensor::<2>(&at("x")), fixture.tensor::<2>(&at("cotangent")));
            let loss = (model.forward(x).tanh() * cotangent).sum();
            let grads = GradientsParams::from_grads(
                crate::train::with_autodiff_lock(|| loss.backward()),
                &model,
            );
            let (grads, norm) = clip_grad_norm::<Ad, _>(&model, grads, config.clip_norm);
            fixture.agrees(&at("norm"), norm.unwrap());
            let before = model.clone();
            model = optimizer.step(0.01, model, grads);
            let bias = |model: &Linear<Ad>| model.bias.as_ref().unwrap().val().inner();
            fixture.agrees(
                &at("weight_move"),
                (model.weight.val() - before.weight.val()).transpose().inner(),
            );
            fixture.agrees(&at("bias_move"), bias(&model) - bias(&before));
        }
    }
}
