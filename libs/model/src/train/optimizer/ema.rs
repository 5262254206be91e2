//! An exponential moving average (EMA) of the weights [Polyak and Juditsky 1992].
//!
//! It is smoother than the weights of the last training step. If one is kept, it is the model that
//! is used after training. Training itself continues from the last weights.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

/// A model whose weights are a moving average.
#[derive(Clone, Debug)]
pub struct Ema<M> {
    /// The model with the averaged weights.
    pub model: M,
    decay: f64,
}

impl<M> Ema<M> {
    /// Starts at `model`; each update keeps the share `decay` (0 to 1) of the average.
    pub fn new(model: M, decay: f64) -> Self {
        Self { model, decay }
    }

    /// Moves the average towards `model` after training step `step`, counted from 0.
    ///
    /// Early updates keep less, so that the initial weights soon have no influence.
    pub fn update<B, T>(&mut self, model: &T, step: usize)
    where
        B: AutodiffBackend,
        T: AutodiffModule<B, InnerModule = M>,
        M: Module<B::InnerBackend>,
    {
        let mut latest = Collect::<B::InnerBackend>(Vec::new());
        model.valid().visit(&mut latest);
        let keep = self.decay.min((1 + step) as f64 / (10 + step) as f64);
        let mut blend = Blend { latest: latest.0.into_iter(), keep };
        self.model = self.model.clone().map(&mut blend);
    }
}

/// Collects all weights, flat, in visiting order.
struct Collect<B: Backend>(Vec<Tensor<B, 1>>);

impl<B: Backend> ModuleVisitor<B> for Collect<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.push(param.val().flatten(0, D - 1));
    }
}

/// Averages each weight with the latest one.
struct Blend<B: Backend> {
    latest: std::vec::IntoIter<Tensor<B, 1>>,
    keep: f64,
}

impl<B: Backend> ModuleMapper<B> for Blend<B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let latest = self.latest.next().expect("both models have the same weights");
        param.map(|old| {
            let shape = old.shape();
            old * self.keep + latest.reshape(shape) * (1.0 - self.keep)
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::backend::flex::FlexDevice;
    use burn::nn::{Linear, LinearConfig};

    use super::*;
    use crate::testing::Ad;

    fn filled(value: f32) -> Linear<Ad> {
        let mut layer: Linear<Ad> = LinearConfig::new(2, 3).init(&FlexDevice);
        layer.weight = layer.weight.map(|old| old.full_like(value));
        layer.bias = layer.bias.map(|bias| bias.map(|old| old.full_like(-value)));
        layer
    }

    fn values(layer: &Linear<Flex>) -> (f32, f32) {
        let first = |data: burn::tensor::TensorData| data.iter::<f32>().next().unwrap();
        (
            first(layer.weight.val().into_data()),
            first(layer.bias.as_ref().unwrap().val().into_data()),
        )
    }

    /// Catches: an average equals the last weights, never moves, confuses parameters, or keeps the
    /// initial weights for thousands of steps.
    #[test]
    fn the_average_follows_at_its_own_pace() {
        let mut average = Ema::new(filled(0.0).valid(), 0.9);
        average.update::<Ad, _>(&filled(1.0), 0);
        // The first update keeps a tenth.
        let (weight, bias) = values(&average.model);
        assert!((weight - 0.9).abs() < 1e-6 && (bias + 0.9).abs() < 1e-6, "{weight} {bias}");
        average.update::<Ad, _>(&filled(2.0), 10_000);
        let (weight, bias) = values(&average.model);
        assert!(
            (weight - (0.9 * 0.9 + 0.1 * 2.0)).abs() < 1e-6 && (weight + bias).abs() < 1e-6,
            "{weight} {bias}"
        );
    }
}
