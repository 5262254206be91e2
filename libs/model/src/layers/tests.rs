//! Compares the layers with PyTorch's (`tests/reference`).
//!
//! The comparison covers outputs, and gradients of inputs and of every weight.

use burn::backend::flex::FlexDevice;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor};

use super::attention::Attention;
use super::*;
use crate::kernels::Axis;
use crate::testing::{Ad, Fixture};

const DEVICE: FlexDevice = FlexDevice;

/// Catches: an attention layer is wrong.
///
/// - Heads, queries, keys or values in another order in the packed rows.
/// - A scale other than 1/√(head width).
/// - A softmax over the wrong axis, or a mask that is off by one.
/// - Rows of one frame or position that are given to another.
/// - QK-norm over the whole width instead of a head, or of the values.
/// - A layer norm with another ε or variance.
/// - A gradient of the fused kernels that is not the gradient of their output.
#[test]
fn attention_is_pytorchs() {
    let grid = Grid { b: 2, t: 4, s: 5 };
    for (name, qk_norm, axis, zero) in [
        ("attention", false, Axis::Space, &[][..]),
        ("attention_causal", false, Axis::Time, &[]),
        // A shift of all keys does not change the softmax.
        ("attention_qk_norm", true, Axis::Time, &["key_norm.bias"]),
    ] {
        let fixture = Fixture::read(name);
        let config = StackConfig {
            layers: 1,
            d: 12,
            heads: 3,
            head_dim: 0,
            ffn_mult: 1,
            qk_norm,
            temporal: false,
        };
        let attention = fixture.load(Attention::<Ad>::new(config.attention(), &DEVICE));
        let x = fixture.tensor::<4>("x").require_grad();
        let out = attention.forward(x.clone().reshape([grid.rows(), 12]), grid, axis);
        fixture.agrees("out", out.clone().inner());
        let grads = crate::train::with_autodiff_lock(|| {
            (out * fixture.tensor::<4>("cotangent").reshape([grid.rows(), 12])).sum().backward()
        });
        fixture.agrees("grad_x", x.grad(&grads).unwrap());
        fixture.gradients_agree(&attention, GradientsParams::from_grads(grads, &attention), zero);
    }
}

/// Catches: a residual, norm or branch is missing, doubled or in another order; post-norm; an
/// approximate GELU; no norm at the end.
#[test]
fn a_stack_is_pytorchs() {
    let (fixture, grid) = (Fixture::read("stack"), Grid { b: 2, t: 4, s: 5 });
    let config = StackConfig {
        layers: 2,
        d: 8,
        heads: 2,
        head_dim: 0,
        ffn_mult: 2,
        qk_norm: true,
        temporal: true,
    };
    let stack = fixture.load(config.init::<Ad>(&DEVICE));
    let x = fixture.tensor::<4>("x").require_grad();
    let out = stack.forward(x.clone().reshape([grid.rows(), 8]), grid);
    fixture.agrees("out", out.clone().inner());
    let grads = crate::train::with_autodiff_lock(|| {
        (out * fixture.tensor::<4>("cotangent").reshape([grid.rows(), 8])).sum().backward()
    });
    fixture.agrees("grad_x", x.grad(&grads).unwrap());
    let shifts = ["blocks.0.space", "blocks.0.time", "blocks.1.space", "blocks.1.time"]
        .map(|attention| format!("{attention}.key_norm.bias"));
    fixture.gradients_agree(
        &stack,
        GradientsParams::from_grads(grads, &stack),
        &shifts.each_ref().map(String::as_str),
    );
}

/// Catches: a quantizer is wrong.
///
/// - Codes by distance instead of by cosine.
/// - A codebook without gradient, or with the gradient of the commitment loss.
/// - β on the wrong half of the loss.
/// - A straight-through gradient that is scaled, or that passes through the codebook.
/// - A usage reward of the wrong sign, or one that moves the codebook.
/// - Levels that are rounded or numbered in another way.
/// - Centring on the running mean in training, or on the batch's own mean afterwards.
#[test]
fn quantizers_are_pytorchs() {
    let vq =
        QuantizerConfig { kind: QuantizerKind::Vq, codes: 16, latent: 4, ..Default::default() };
    let fsq = QuantizerConfig {
        kind: QuantizerKind::Fsq,
        levels: vec![4, 3, 2],
        usage: 0.3,
        ..Default::default()
    };
    for (name, config, zero) in [
        ("vq", QuantizerConfig { usage: 0.3, ..vq.clone() }, &[][..]),
        ("vq_plain", vq, &[]),
        ("fsq", fsq.clone(), &[]),
        // Centring removes the bias.
        ("fsq_centred", QuantizerConfig { centre: true, ..fsq }, &["project.bias"]),
    ] {
        let fixture = Fixture::read(name);
        let quantizer = fixture.load(config.init::<Ad>(8, &DEVICE));
        let x = fixture.tensor::<2>("x").require_grad();
        let out = quantizer.quantize(x.clone(), true);
        fixture.agrees("embedded", out.embedded.clone().inner());
        let codes = |codes: Tensor<Ad, 1, Int>| codes.into_data().iter::<i64>().collect::<Vec<_>>();
        assert_eq!(codes(out.codes.clone()), fixture.integers("codes"), "{name}");
        // A code must have the same embedding as when it was chosen.
        fixture.agrees("embedded", quantizer.embed(out.codes).inner());
        let loss = out.loss.expect("usage or codebook");
        fixture.agrees("loss", loss.clone().inner());
        if config.centre {
            assert_eq!(
                codes(quantizer.quantize(x.clone(), false).codes),
                fixture.integers("codes_by_running_mean")
            );
        }
        let grads = crate::train::with_autodiff_lock(|| {
            ((out.embedded * fixture.tensor::<2>("cotangent")).mean() + loss).backward()
        });
        fixture.agrees("grad_x", x.grad(&grads).unwrap());
        fixture.gradients_agree(&quantizer, GradientsParams::from_grads(grads, &quantizer), zero);
    }
}
