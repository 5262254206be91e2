//! Vectors to codes and back, with gradients passed straight through [van den Oord et al. 2017; Mentzer et al. 2023].
//!
//! - `vq`: a learned codebook of unit vectors; the nearest by cosine is taken. Its loss pulls codes to the encoder's vectors and, by the commitment weight,
//!   vectors to their codes. Codes nobody chooses are re-seeded from the batch by the training task.
//! - `fsq`: every latent dimension is squashed and rounded to a few levels; no codebook to learn, nothing to die.

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{apply, fan_in, indices, linear};
use crate::ModelError;
use crate::host;
use crate::kernels::Kernels;

/// How vectors become codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuantizerKind {
    /// Vector quantization with a learned codebook.
    Vq,
    /// Finite scalar quantization.
    Fsq,
}

/// A quantizer's shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantizerConfig {
    /// `vq` or `fsq`.
    pub kind: QuantizerKind,
    /// Codes in the `vq` codebook.
    pub codes: usize,
    /// Width of a `vq` code.
    pub latent: usize,
    /// Weight β of the `vq` commitment loss.
    pub commitment: f64,
    /// Levels of each `fsq` dimension; their product is the number of codes.
    pub levels: Vec<usize>,
    /// Weight of a reward for using all codes alike: the entropy of the batch's mean soft assignment [Yu et al. 2024, §3.1]. 0: none.
    pub usage: f64,
    /// Subtract the batch mean from the vectors (its running mean when not training), so that codes cannot all fall on one side.
    pub centre: bool,
}

impl Default for QuantizerConfig {
    /// The paper's tokenizer codebook, 1024 × 32 [§2.2].
    fn default() -> Self {
        Self {
            kind: QuantizerKind::Vq,
            codes: 1024,
            latent: 32,
            commitment: 0.25,
            levels: vec![8, 5, 5, 5],
            usage: 0.0,
            centre: false,
        }
    }
}

impl QuantizerConfig {
    /// The number of codes.
    pub fn size(&self) -> usize {
        match self.kind {
            QuantizerKind::Vq => self.codes,
            QuantizerKind::Fsq => self.levels.iter().product(),
        }
    }

    /// The width of an embedded code.
    pub fn width(&self) -> usize {
        match self.kind {
            QuantizerKind::Vq => self.latent,
            QuantizerKind::Fsq => self.levels.len(),
        }
    }

    /// # Errors
    /// If there are fewer than two codes, or more than fit into `limit`.
    pub fn check(&self, section: &str, limit: usize) -> Result<(), ModelError> {
        let wrong = |what: String| Err(ModelError::Config(format!("[{section}.quantizer] {what}")));
        if self.kind == QuantizerKind::Fsq
            && (self.levels.is_empty() || self.levels.iter().any(|level| *level < 2))
        {
            return wrong(format!(
                "levels must be a list of numbers of at least 2, not {:?}",
                self.levels
            ));
        }
        if self.width() == 0 || self.size() < 2 || self.size() > limit {
            return wrong(format!(
                "{} codes of width {}: 2 to {limit} codes are possible",
                self.size(),
                self.width()
            ));
        }
        Ok(())
    }

    /// A quantizer of vectors of width `d`.
    pub fn init<B: Kernels>(&self, d: usize, device: &B::Device) -> Quantizer<B> {
        let width = self.width();
        let spread = Initializer::Normal { mean: 0.0, std: 1.0 };
        Quantizer {
            project: linear(d, width, fan_in(d), device),
            codebook: (self.kind == QuantizerKind::Vq)
                .then(|| spread.init([self.codes, width], device)),
            mean: self.centre.then(|| {
                Initializer::Zeros.init::<B, 1, _>([width], device).set_require_grad(false)
            }),
            levels: self.levels.clone(),
            commitment: self.commitment,
            usage: self.usage,
        }
    }
}

/// What [`Quantizer::quantize`] returns.
pub struct Quantized<B: Backend> {
    /// Embedded codes `[n, width]`, with the gradient of the vectors.
    pub embedded: Tensor<B, 2>,
    /// Codes `[n]`.
    pub codes: Tensor<B, 1, Int>,
    /// Codebook, commitment and usage loss `[1]`; none with `fsq` without `usage`.
    pub loss: Option<Tensor<B, 1>>,
    /// The vectors as projected, before anything was subtracted, `[n, width]`, detached.
    pub projected: Tensor<B, 2>,
}

/// A quantizer; see the module's description.
#[derive(Module, Debug)]
pub struct Quantizer<B: Backend> {
    project: Linear<B>,
    codebook: Option<Param<Tensor<B, 2>>>,
    mean: Option<Param<Tensor<B, 1>>>,
    #[module(skip)]
    levels: Vec<usize>,
    commitment: f64,
    usage: f64,
}

fn unit<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let length = (x.clone() * x.clone()).sum_dim(1).add_scalar(1e-12).sqrt();
    x / length
}

/// How soft assignments to codes are, for [`QuantizerConfig::usage`]: a row right between two codes belongs to both alike.
const SHARPNESS: f32 = 4.0;

/// Minus the entropy, in nats, of the mean of soft assignments `[n, codes]`: least when all codes are used alike.
fn unevenness<B: Backend>(shares: Tensor<B, 2>) -> Tensor<B, 1> {
    let mean = shares.mean_dim(0);
    (mean.clone() * mean.add_scalar(1e-9).log()).sum()
}

fn straight_through<B: Backend>(x: Tensor<B, 2>, rounded: Tensor<B, 2>) -> Tensor<B, 2> {
    x.clone() + (rounded - x).detach()
}

impl<B: Kernels> Quantizer<B> {
    /// Quantizes rows `[n, d]`. While `training`, a centring quantizer subtracts the batch's own mean.
    pub fn quantize(&self, rows: Tensor<B, 2>, training: bool) -> Quantized<B> {
        let projected = apply(&self.project, rows);
        let detached = projected.clone().detach();
        let centred = match &self.mean {
            Some(_) if training => projected.clone() - projected.mean_dim(0),
            Some(mean) => projected - mean.val().unsqueeze(),
            None => projected,
        };
        let (embedded, codes, loss) = match &self.codebook {
            Some(codebook) => self.nearest(centred, codebook.val()),
            None => self.round(centred),
        };
        Quantized { embedded, codes, loss, projected: detached }
    }

    fn nearest(
        &self,
        x: Tensor<B, 2>,
        codebook: Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Tensor<B, 1, Int>, Option<Tensor<B, 1>>) {
        let (x, codebook) = (unit(x), unit(codebook));
        let nearness = x.clone().matmul(codebook.clone().detach().transpose());
        let codes: Tensor<B, 1, Int> = nearness.clone().argmax(1).squeeze_dim(1);
        let chosen = codebook.select(0, codes.clone());
        let square = |d: Tensor<B, 2>| (d.clone() * d).sum_dim(1).mean();
        let loss = square(chosen.clone() - x.clone().detach())
            + square(x.clone() - chosen.clone().detach()).mul_scalar(self.commitment);
        let loss = match self.usage {
            0.0 => loss,
            weight => loss + unevenness(softmax(nearness * SHARPNESS, 1)) * weight,
        };
        (straight_through(x, chosen), codes, Some(loss))
    }

    fn round(&self, x: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 1, Int>, Option<Tensor<B, 1>>) {
        let device = x.device();
        let row = |values: Vec<f32>| {
            Tensor::<B, 1>::from_floats(values.as_slice(), &device).unsqueeze::<2>()
        };
        let top = row(self.levels.iter().map(|level| (level - 1) as f32).collect());
        let squashed = sigmoid(x) * top.clone();
        let digits = squashed.clone().detach().round();
        let bases = row(self.bases().into_iter().map(|base| base as f32).collect());
        let codes = (digits.clone() * bases).sum_dim(1).int().squeeze_dim(1);
        let loss = (self.usage != 0.0).then(|| unevenness(self.soft_codes(&squashed)) * self.usage);
        let embedded = straight_through(squashed, digits) / top * 2.0 - 1.0;
        (embedded, codes, loss)
    }

    /// How much each row `[n, dimensions]` of digits before rounding belongs to each code: `[n, codes]`, rows add up to 1.
    fn soft_codes(&self, digits: &Tensor<B, 2>) -> Tensor<B, 2> {
        let n = digits.dims()[0];
        let device = digits.device();
        let shares = self.levels.iter().enumerate().map(|(dimension, levels)| {
            let levels =
                Tensor::<B, 1, Int>::arange(0..*levels as i64, &device).float().unsqueeze::<2>();
            let away = digits.clone().narrow(1, dimension, 1) - levels;
            softmax(away.clone() * away * -SHARPNESS, 1)
        });
        shares.fold(Tensor::ones([n, 1], &device), |codes, shares| {
            let size = codes.dims()[1] * shares.dims()[1];
            (codes.unsqueeze_dim::<3>(2) * shares.unsqueeze_dim::<3>(1)).reshape([n, size])
        })
    }

    fn bases(&self) -> Vec<usize> {
        self.levels
            .iter()
            .scan(1, |base, level| Some(std::mem::replace(base, *base * level)))
            .collect()
    }

    /// Codes `[n]` as embedded vectors `[n, width]`: what [`Quantizer::quantize`] embedded them as.
    pub fn embed(&self, codes: Tensor<B, 1, Int>) -> Tensor<B, 2> {
        if let Some(codebook) = &self.codebook {
            return unit(codebook.val()).select(0, codes);
        }
        let columns = self.bases().into_iter().zip(&self.levels).map(|(base, level)| {
            let digit = codes.clone().div_scalar(base as i64).remainder_scalar(*level as i64);
            (digit.float() / (level - 1) as f32 * 2.0 - 1.0).unsqueeze_dim::<2>(1)
        });
        Tensor::cat(columns.collect(), 1)
    }

    /// Codes in the learned codebook; none with `fsq`.
    pub fn codebook_size(&self) -> Option<usize> {
        self.codebook.as_ref().map(|codebook| codebook.dims()[0])
    }

    /// This quantizer with its running mean moved towards the batch's by `rate`.
    pub fn with_mean_moved(mut self, projected: Tensor<B, 2>, rate: f32) -> Self {
        self.mean = self.mean.map(|mean| {
            let batch: Tensor<B, 1> = projected.mean_dim(0).squeeze_dim(0);
            mean.map(|old| (old * (1.0 - rate) + batch * rate).detach().set_require_grad(false))
        });
        self
    }

    /// This quantizer with the codes named in `dead` replaced by rows of `projected` named in `rows` (`vq` only).
    pub fn with_reseeded(
        mut self,
        projected: Tensor<B, 2>,
        dead: &[usize],
        rows: &[usize],
    ) -> Self {
        let index = |values: &[usize]| {
            indices::<B>(values.iter().map(|value| *value as i64), &projected.device())
        };
        let (dead, rows) = (index(dead), index(rows));
        self.codebook = self.codebook.map(|codebook| {
            codebook.map(|old| {
                let fresh =
                    unit(projected.select(0, rows)) - old.clone().detach().select(0, dead.clone());
                let moved =
                    old.detach().select_assign(0, dead, fresh, burn::tensor::IndexingUpdateOp::Add);
                moved.detach().require_grad()
            })
        });
        self
    }
}

/// How many of `size` codes a batch of codes `[n]` uses, and their perplexity, e^entropy: the number of codes in effective use.
///
/// # Errors
/// If the device has failed.
pub fn usage<B: Backend>(
    codes: &Tensor<B, 1, Int>,
    size: usize,
) -> Result<Vec<(&'static str, f32)>, ModelError> {
    let mut counts = vec![0_u32; size];
    for code in host::codes::<B, usize>(codes.clone())? {
        counts[code] += 1;
    }
    let total = counts.iter().sum::<u32>() as f32;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f32 / total);
    let entropy: f32 = shares.clone().map(|share| -share * share.ln()).sum();
    Ok(vec![("codes_used", shares.count() as f32), ("perplexity", entropy.exp())])
}

/// Steps between looks for codes that nobody chose.
const RESEED_EVERY: usize = 20;

/// Follows the running mean of a centring quantizer; gives `vq` codes that no vector of this batch chose a vector of the batch, in the first
/// two thirds of the run.
pub fn reseed<B: Kernels>(
    quantizer: Quantizer<B>,
    projected: Tensor<B, 2>,
    codes: Tensor<B, 1, Int>,
    step: usize,
    steps: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Quantizer<B>, ModelError> {
    let quantizer = quantizer.with_mean_moved(projected.clone(), 0.05_f32.max(1.0 / step as f32));
    let Some(size) = quantizer.codebook_size() else { return Ok(quantizer) };
    if !step.is_multiple_of(RESEED_EVERY) || step * 3 > steps * 2 {
        return Ok(quantizer);
    }
    let mut used = vec![false; size];
    for code in host::codes::<B, usize>(codes)? {
        used[code] = true;
    }
    let rows = projected.dims()[0];
    // At most a tenth of the codebook at once, so that living codes are not drowned.
    let dead: Vec<usize> = (0..size).filter(|code| !used[*code]).take(size.div_ceil(10)).collect();
    if dead.is_empty() {
        return Ok(quantizer);
    }
    let picks: Vec<usize> = dead.iter().map(|_| rng.random_range(0..rows)).collect();
    Ok(quantizer.with_reseeded(projected, &dead, &picks))
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Distribution;

    use super::*;

    type Ad = Autodiff<Flex>;

    fn quantizer(kind: QuantizerKind) -> (Quantizer<Ad>, Tensor<Ad, 2>, QuantizerConfig) {
        let config = QuantizerConfig {
            kind,
            codes: 16,
            latent: 4,
            levels: vec![4, 3, 2],
            ..Default::default()
        };
        let device = burn::backend::flex::FlexDevice;
        let rows = Tensor::random([200, 8], Distribution::Normal(0.0, 3.0), &device).require_grad();
        (config.init(8, &device), rows, config)
    }

    /// Catches: a decoder that is given other vectors at generation than it was trained on.
    #[test]
    fn codes_embed_as_they_were_quantized() {
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

    /// Catches: unused codes counted, an entropy in bits, a perplexity that is an entropy.
    #[test]
    fn usage_counts_codes_and_how_evenly_they_are_used() {
        let codes = |values: &[i64]| {
            indices::<Flex>(values.iter().copied(), &burn::backend::flex::FlexDevice)
        };
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

    /// Catches: a quantizer that cuts the gradient, so that the encoder never learns, and a codebook without gradient.
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
            let grads = crate::train::alone(|| loss.backward());
            assert!(rows.grad(&grads).unwrap().abs().sum().into_scalar() > 0.0, "{kind:?} encoder");
            if let Some(codebook) = &quantizer.codebook {
                assert!(
                    codebook.val().grad(&grads).unwrap().abs().sum().into_scalar() > 0.0,
                    "codebook"
                );
            }
        }
    }

    /// Catches: re-seeding that leaves dead codes where they were, or disturbs the living.
    #[test]
    fn reseeding_replaces_the_dead_only() {
        let (quantizer, rows, _) = quantizer(QuantizerKind::Vq);
        let out = quantizer.quantize(rows, true);
        let before = quantizer.codebook.as_ref().unwrap().val();
        let after =
            quantizer.with_reseeded(out.projected.clone(), &[3], &[7]).codebook.unwrap().val();
        let off = |a: Tensor<Ad, 2>, b: Tensor<Ad, 2>| (a - b).abs().max().into_scalar();
        assert!(off(after.clone().narrow(0, 3, 1), unit(out.projected.narrow(0, 7, 1))) < 1e-5);
        assert!(off(after.narrow(0, 4, 12), before.narrow(0, 4, 12)) < 1e-7);
    }

    /// Catches: soft assignments in another order or number than the codes, or that are no distribution.
    #[test]
    fn soft_assignments_are_sharpest_at_the_code() {
        let (quantizer, rows, config) = quantizer(QuantizerKind::Fsq);
        let squashed = sigmoid(quantizer.project.forward(rows.clone()))
            * Tensor::<Ad, 1>::from_floats([3.0, 2.0, 1.0], &rows.device()).unsqueeze();
        let shares = quantizer.soft_codes(&squashed);
        assert_eq!(shares.dims(), [200, config.size()]);
        let sums: Vec<f32> = shares.clone().sum_dim(1).into_data().to_vec().unwrap();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-4));
        // Codes count their first digit fastest, shares their last.
        let digits = |code: i64| (code % 4, code / 4 % 3, code / 12);
        let sharpest: Vec<i64> = shares.argmax(1).into_data().iter::<i64>().collect();
        let codes: Vec<i64> =
            quantizer.quantize(rows, false).codes.into_data().iter::<i64>().collect();
        for (share, code) in sharpest.into_iter().zip(codes) {
            let (first, second, third) = digits(code);
            assert_eq!(share, (first * 3 + second) * 2 + third);
        }
    }

    /// Catches: a reward of the wrong sign, or without a gradient: descending it must spread rows that all have one code over many.
    #[test]
    fn the_usage_reward_spreads_codes() {
        for kind in [QuantizerKind::Vq, QuantizerKind::Fsq] {
            let (mut quantizer, rows, config) = quantizer(kind);
            let even = Tensor::<Ad, 2>::full([1, 24], 1.0 / 24.0, &rows.device());
            assert!(
                (unevenness(even).into_scalar() + 24.0_f32.ln()).abs() < 1e-4,
                "even use is the least there is"
            );
            quantizer.usage = 1.0;
            // Nearly one point, far from the middle.
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
                let step = rows.grad(&crate::train::alone(|| reward.backward())).unwrap() * 20.0;
                rows = Tensor::from_inner(rows.inner() - step);
            }
            let after = used(&rows);
            assert!(
                after > 2 * before && after > config.size() / 3,
                "{kind:?}: {before} codes, then {after}"
            );
        }
    }
}
