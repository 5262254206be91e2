//! Options of a quantizer.

use burn::nn::Initializer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Quantizer;
use crate::ModelError;
use crate::kernels::Kernels;
use crate::layers::linear::{fan_in, linear};

/// The method that turns vectors into codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuantizerKind {
    /// Vector quantization with a learned codebook (the paper).
    Vq,
    /// Finite scalar quantization: each dimension is rounded to one of a few levels.
    Fsq,
}

/// Shape and losses of a quantizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuantizerConfig {
    /// The method that turns vectors into codes.
    pub kind: QuantizerKind,
    /// Number of codes in the `vq` codebook, at least 2; `fsq` ignores it.
    pub codes: usize,
    /// Number of features of a `vq` code, at least 1; `fsq` ignores it.
    pub latent: usize,
    /// Weight β of the `vq` commitment loss, which pulls vectors towards their codes.
    pub commitment: f64,
    /// Number of levels of each `fsq` dimension, at least 2; their product is the number of codes.
    pub levels: Vec<usize>,
    /// Weight of a reward for equal use of all codes; 0 means none.
    ///
    /// The reward is the entropy of the batch's mean soft assignment [Yu et al. 2024, §3.1].
    pub usage: f64,
    /// Whether the batch mean is subtracted from the vectors, so that they lie on all sides of 0.
    ///
    /// Outside training, the running mean is subtracted.
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
    /// Number of codes.
    pub fn size(&self) -> usize {
        match self.kind {
            QuantizerKind::Vq => self.codes,
            QuantizerKind::Fsq => self.levels.iter().product(),
        }
    }

    /// Width of an embedded code.
    pub fn width(&self) -> usize {
        match self.kind {
            QuantizerKind::Vq => self.latent,
            QuantizerKind::Fsq => self.levels.len(),
        }
    }

    /// Checks that there are 2 to `limit` codes, and at least 2 levels per `fsq` dimension.
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
                "has {} codes of width {}; it must have 2 to {limit} codes, and a width of at \
                 least 1",
                self.size(),
                self.width()
            ));
        }
        Ok(())
    }

    /// A quantizer of vectors of width `d`, with random initial weights.
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
