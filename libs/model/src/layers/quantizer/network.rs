//! The quantizer's network: a projection and a codebook or levels.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::fsq;
use super::vq::{self, unit};
use crate::kernels::Kernels;
use crate::layers::indices::indices;
use crate::layers::linear::apply;
use crate::recompute;

/// The result of [`Quantizer::quantize`].
pub struct Quantized<B: Backend> {
    /// Embedded codes `[n, width]`; they pass their gradient straight to the vectors.
    pub embedded: Tensor<B, 2>,
    /// Codes `[n]`.
    pub codes: Tensor<B, 1, Int>,
    /// Sum of codebook, commitment and usage loss `[1]`; none with `fsq` and no `usage`.
    pub loss: Option<Tensor<B, 1>>,
    /// Projected vectors before centring `[n, width]`, detached.
    pub projected: Tensor<B, 2>,
}

/// A quantizer of either kind.
#[derive(Module, Debug)]
pub struct Quantizer<B: Backend> {
    pub(super) project: Linear<B>,
    pub(super) codebook: Option<Param<Tensor<B, 2>>>,
    pub(super) mean: Option<Param<Tensor<B, 1>>>,
    #[module(skip)]
    pub(super) levels: Vec<usize>,
    pub(super) commitment: f64,
    pub(super) usage: f64,
}

impl<B: Kernels> Quantizer<B> {
    /// Quantizes rows `[n, d]`.
    ///
    /// A centring quantizer subtracts the batch's own mean if `training`, else the running mean.
    pub fn quantize(&self, rows: Tensor<B, 2>, training: bool) -> Quantized<B> {
        let projected = apply(&self.project, rows);
        let detached = projected.clone().detach();
        let centred = match &self.mean {
            Some(_) if training => projected.clone() - projected.mean_dim(0),
            Some(mean) => projected - mean.val().unsqueeze(),
            None => projected,
        };
        let (embedded, codes, loss) = match &self.codebook {
            Some(codebook) => {
                let (embedded, codes, loss) =
                    vq::nearest(centred, codebook.val(), self.commitment, self.usage);
                (embedded, codes, Some(loss))
            }
            None => fsq::round(centred, &self.levels, self.usage),
        };
        Quantized { embedded, codes, loss: loss.map(recompute::cut), projected: detached }
    }

    /// Embeds codes `[n]` as [`Quantizer::quantize`] does: `[n, width]`.
    pub fn embed(&self, codes: Tensor<B, 1, Int>) -> Tensor<B, 2> {
        if let Some(codebook) = &self.codebook {
            return unit(codebook.val()).select(0, codes);
        }
        fsq::embed(&codes, &self.levels)
    }

    /// Number of codes in the learned codebook; none with `fsq`.
    pub fn codebook_size(&self) -> Option<usize> {
        self.codebook.as_ref().map(|codebook| codebook.dims()[0])
    }

    /// Replaces the projection by the weights `[d, width]` and the bias `[width]`.
    pub fn with_projection(mut self, weights: &[f32], bias: &[f32]) -> Self {
        let like = |values: &[f32], old: &[usize]| TensorData::new(values.to_vec(), old.to_vec());
        self.project.weight = self
            .project
            .weight
            .map(|old| Tensor::from_data(like(weights, &old.dims()), &old.device()).require_grad());
        self.project.bias = self.project.bias.map(|param| {
            param
                .map(|old| Tensor::from_data(like(bias, &old.dims()), &old.device()).require_grad())
        });
        self
    }

    /// Moves the running mean towards the batch's mean by the share `rate`.
    pub fn with_mean_moved(mut self, projected: Tensor<B, 2>, rate: f32) -> Self {
        self.mean = self.mean.map(|mean| {
            let batch: Tensor<B, 1> = projected.mean_dim(0).squeeze_dim(0);
            mean.map(|old| (old * (1.0 - rate) + batch * rate).detach().set_require_grad(false))
        });
        self
    }

    /// Replaces the `vq` codes `dead` by the rows `rows` of `projected` `[n, width]`.
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
