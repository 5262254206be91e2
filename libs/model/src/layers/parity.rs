//! The layers against PyTorch's (tests/reference): outputs, and gradients in inputs and in every weight.

use burn::backend::flex::FlexDevice;
use burn::optim::GradientsParams;

use super::*;
use crate::kernels::Axis;
use crate::testing::{Ad, Fixture};

const DEVICE: FlexDevice = FlexDevice;

/// Catches: heads or queries, keys and values cut from the packed rows in another order; a scale other than 1/√head dim; a softmax over the
/// wrong axis, or a mask that is off by one; rows of one frame or position given to another; QK-norm over the width instead of a head, or of
/// values; a layer norm with another ε or variance; any gradient of the fused kernels that is not the output's.
#[test]
fn attention_is_pytorchs() {
    let grid = Grid { b: 2, t: 4, s: 5 };
    for (name, qk_norm, axis, zero) in [
        ("attention", false, Axis::Space, &[][..]),
        ("attention_causal", false, Axis::Time, &[]),
        // Softmax does not feel what all keys share.
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
        let attention = fixture.load(Attention::<Ad>::new(&config, &DEVICE));
        let x = fixture.tensor::<4>("x").require_grad();
        let out = attention.forward(x.clone().reshape([grid.rows(), 12]), grid, axis);
        fixture.agrees("out", out.clone().inner());
        let grads = crate::train::alone(|| {
            (out * fixture.tensor::<4>("cotangent").reshape([grid.rows(), 12])).sum().backward()
        });
        fixture.agrees("grad_x", x.grad(&grads).unwrap());
        fixture.gradients_agree(&attention, GradientsParams::from_grads(grads, &attention), zero);
    }
}

/// Catches: a residual, a norm or a branch left out, doubled or in another order; post-norm; an approximate GELU; no norm at the end.
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
    let grads = crate::train::alone(|| {
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

/// Catches: codes by distance instead of by cosine; a codebook without gradient, or with that of the commitment; β on the wrong half of the
/// loss; a straight-through gradient that is scaled, or passes through the codebook; a usage reward of the wrong sign, or that moves the
/// codebook; levels rounded or numbered otherwise; centring on the running mean in training, or on the batch's own afterwards.
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
        // What centring takes away.
        ("fsq_centred", QuantizerConfig { centre: true, ..fsq }, &["project.bias"]),
    ] {
        let fixture = Fixture::read(name);
        let quantizer = fixture.load(config.init::<Ad>(8, &DEVICE));
        let x = fixture.tensor::<2>("x").require_grad();
        let out = quantizer.quantize(x.clone(), true);
        fixture.agrees("embedded", out.embedded.clone().inner());
        let codes = |codes: Tensor<Ad, 1, Int>| codes.into_data().iter::<i64>().collect::<Vec<_>>();
        assert_eq!(codes(out.codes.clone()), fixture.integers("codes"), "{name}");
        // A code alone must be embedded as when it was chosen.
        fixture.agrees("embedded", quantizer.embed(out.codes).inner());
        let loss = out.loss.expect("usage or codebook");
        fixture.agrees("loss", loss.clone().inner());
        if config.centre {
            assert_eq!(
                codes(quantizer.quantize(x.clone(), false).codes),
                fixture.integers("codes_by_running_mean")
            );
        }
        let grads = crate::train::alone(|| {
            ((out.embedded * fixture.tensor::<2>("cotangent")).mean() + loss).backward()
        });
        fixture.agrees("grad_x", x.grad(&grads).unwrap());
        fixture.gradients_agree(&quantizer, GradientsParams::from_grads(grads, &quantizer), zero);
    }
}
