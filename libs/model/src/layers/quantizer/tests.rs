//! Tests of both kinds of quantizer: embeddings, gradients, usage and re-seeding.

use burn::backend::{Autodiff, Flex};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Distribution, Tensor};

use super::fsq::soft_codes;
use super::usage::unevenness;
use super::vq::unit;
use super::*;
use crate::layers::indices::indices;

type Ad = Autodiff<Flex>;

fn quantizer(kind: QuantizerKind) -> (Quantizer<Ad>, Tensor<Ad, 2>, QuantizerConfig) {
    let config =
        QuantizerConfig { kind, codes: 16, latent: 4, levels: vec![4, 3, 2], ..Default::default() };
    let device = burn::backend::flex::FlexDevice;
    let rows = Tensor::random([200, 8], Distribution::Normal(0.0, 3.0), &device).require_grad();
    (config.init(8, &device), rows, config)
}

/// Catches: the decoder gets other vectors in generation than in training.
#[test]
fn a_code_has_the_embedding_it_was_quantized_to() {
    for kind in [QuantizerKind::Vq, QuantizerKind::Fsq] {
        let (quantizer, rows, config) = quantizer(kind);
        let out = quantizer.quantize(rows, false);
        let off = (quantizer.embed(out.codes.clone()) - out.embedded).abs().max().into_scalar();
        assert!(off < 1e-5, "{kind:?} is off by {off}");
        let codes: Vec<i64> = out.codes.into_data().convert::<i64>().to_vec().unwrap();
        assert!(codes.iter().all(|code| (0..config.size() as i64).contains(code)));
        assert!(
            codes.iter().collect::<std::collections::HashSet<_>>().len() > 8,
            "{kind:?} uses few codes"
        );
    }
}

/// Catches: unused codes are counted, the entropy is in bits, or the perplexity is an entropy.
#[test]
fn usage_counts_codes_and_how_evenly_they_are_used() {
    let codes =
        |values: &[i64]| indices::<Flex>(values.iter().copied(), &burn::backend::flex::FlexDevice);
    let near = |values: &[i64], expected: [f32; 2]| {
        let found = usage(&codes(values), 8).unwrap();
        assert_eq!(found[0], ("codes_used", expected[0]));
        assert!((found[1].1 - expected[1]).abs() < 1e-4, "{found:?}");
    };
    near(&[3, 3, 3], [1.0, 1.0]);
    near(&[0, 7, 0, 7], [2.0, 2.0]);
    // Shares of 1/2, 1/4 and 1/4: 1.5 bits.
    near(&[1, 1, 2, 5], [3.0, 2.0_f32.powf(1.5)]);
}

/// Catches: a quantizer cuts off the encoder's gradient; a codebook has no gradient.
#[test]
fn gradients_pass_to_encoder_and_codebook() {
    for kind in [QuantizerKind::Vq, QuantizerKind::Fsq] {
        let (quantizer, rows, _) = quantizer(kind);
        let out = quantizer.quantize(rows.clone(), true);
        let mut loss = (out.embedded.clone() * out.embedded).sum();
        let weight = Tensor::random(
            [200, quantizer.levels.len().max(1)],
            Distribution::Default,
            &rows.device(),
        );
        if kind == QuantizerKind::Fsq {
            loss = (quantizer.quantize(rows.clone(), true).embedded * weight).sum();
        }
        if let Some(extra) = out.loss {
            loss = loss + extra;
        }
        let grads = crate::train::with_autodiff_lock(|| loss.backward());
        assert!(rows.grad(&grads).unwrap().abs().sum().into_scalar() > 0.0, "{kind:?} encoder");
        if let Some(codebook) = &quantizer.codebook {
            assert!(
                codebook.val().grad(&grads).unwrap().abs().sum().into_scalar() > 0.0,
                "codebook"
            );
        }
    }
}

/// Catches: re-seeding leaves unused codes as they are, or changes codes in use.
#[test]
fn reseeding_replaces_unused_codes_only() {
    let (quantizer, rows, _) = quantizer(QuantizerKind::Vq);
    let out = quantizer.quantize(rows, true);
    let before = quantizer.codebook.as_ref().unwrap().val();
    let after = quantizer.with_reseeded(out.projected.clone(), &[3], &[7]).codebook.unwrap().val();
    let off = |a: Tensor<Ad, 2>, b: Tensor<Ad, 2>| (a - b).abs().max().into_scalar();
    assert!(off(after.clone().narrow(0, 3, 1), unit(out.projected.narrow(0, 7, 1))) < 1e-5);
    assert!(off(after.narrow(0, 4, 12), before.narrow(0, 4, 12)) < 1e-7);
}

/// Catches: soft assignments have another order or number than the codes, or do not sum to 1.
#[test]
fn soft_assignments_are_sharpest_at_the_code() {
    let (quantizer, rows, config) = quantizer(QuantizerKind::Fsq);
    let squashed = sigmoid(quantizer.project.forward(rows.clone()))
        * Tensor::<Ad, 1>::from_floats([3.0, 2.0, 1.0], &rows.device()).unsqueeze();
    let shares = soft_codes(&squashed, &quantizer.levels);
    assert_eq!(shares.dims(), [200, config.size()]);
    let sums: Vec<f32> = shares.clone().sum_dim(1).into_data().to_vec().unwrap();
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-4));
    // The first digit of a code is the fastest; in soft assignments the last one is.
    let digits = |code: i64| (code % 4, code / 4 % 3, code / 12);
    let sharpest: Vec<i64> = shares.argmax(1).into_data().iter::<i64>().collect();
    let codes: Vec<i64> = quantizer.quantize(rows, false).codes.into_data().iter::<i64>().collect();
    for (share, code) in sharpest.into_iter().zip(codes) {
        let (first, second, third) = digits(code);
        assert_eq!(share, (first * 3 + second) * 2 + third);
    }
}

/// Catches: the usage reward has the wrong sign, or no gradient.
///
/// Its descent must spread rows that all have one code over many codes.
#[test]
fn the_usage_reward_spreads_codes() {
    for kind in [QuantizerKind::Vq, QuantizerKind::Fsq] {
        let (mut quantizer, rows, config) = quantizer(kind);
        let even = Tensor::<Ad, 2>::full([1, 24], 1.0 / 24.0, &rows.device());
        assert!(
            (unevenness(even).into_scalar() + 24.0_f32.ln()).abs() < 1e-4,
            "equal use is the minimum"
        );
        quantizer.usage = 1.0;
        // The rows are nearly one point, far from the middle.
        let mut rows = (rows * 0.05 + 1.0).detach();
        let used = |rows: &Tensor<Ad, 2>| {
            let codes = quantizer
                .quantize(rows.clone(), true)
                .codes
                .into_data()
                .iter::<i64>()
                .collect::<Vec<_>>();
            codes.into_iter().collect::<std::collections::HashSet<_>>().len()
        };
        let before = used(&rows);
        let mut plain = quantizer.clone();
        plain.usage = 0.0;
        for _ in 0..300 {
            rows = rows.require_grad();
            let reward = match (
                quantizer.quantize(rows.clone(), true).loss,
                plain.quantize(rows.clone(), true).loss,
            ) {
                (Some(with), Some(without)) => with - without,
                (Some(with), None) => with,
                _ => panic!("{kind:?} has no usage loss"),
            };
            let step =
                rows.grad(&crate::train::with_autodiff_lock(|| reward.backward())).unwrap() * 20.0;
            rows = Tensor::from_inner(rows.inner() - step);
        }
        let after = used(&rows);
        assert!(
            after > 2 * before && after > config.size() / 3,
            "{kind:?}: {before} codes, then {after}"
        );
    }
}
