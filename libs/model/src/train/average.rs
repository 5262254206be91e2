//! An exponential moving average of the weights [Polyak and Juditsky 1992]: smoother than the last step's, and what is then used of a trained
//! model. Training itself goes on from the weights as they are.

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

/// The averaged model.
#[derive(Clone, Debug)]
pub struct Average<M> {
    /// The weights' average so far.
    pub model: M,
    decay: f64,
}

impl<M> Average<M> {
    /// Begins at `model`; each update keeps `decay` (0 to 1) of what was.
    pub fn new(model: M, decay: f64) -> Self {
        Self { model, decay }
    }

    /// Moves towards `model` after `step` steps. Early averages forget faster, so that initial weights are soon gone.
    pub fn update<B, T>(&mut self, model: &T, step: usize)
    where
        B: AutodiffBackend,
        T: AutodiffModule<B, InnerModule = M>,
        M: Module<B::InnerBackend>,
    {
        let mut now = Collect::<B::InnerBackend>(Vec::new());
        model.valid().visit(&mut now);
        let keep = self.decay.min((1 + step) as f64 / (10 + step) as f64);
        let mut towards = Towards { now: now.0.into_iter(), keep };
        self.model = self.model.clone().map(&mut towards);
    }
}

/// All weights, flat, in visiting order.
struct Collect<B: Backend>(Vec<Tensor<B, 1>>);

impl<B: Backend> ModuleVisitor<B> for Collect<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.push(param.val().flatten(0, D - 1));
    }
}

struct Towards<B: Backend> {
    now: std::vec::IntoIter<Tensor<B, 1>>,
    keep: f64,
}

impl<B: Backend> ModuleMapper<B> for Towards<B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let now = self.now.next().expect("both models have the same weights");
        param.map(|old| {
            let shape = old.shape();
            old * self.keep + now.reshape(shape) * (1.0 - self.keep)
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

    /// Catches: an average that is the last step, never moves, mixes up parameters, or keeps the initial weights for thousands of steps.
    #[test]
    fn the_average_follows_at_its_own_pace() {
        let mut average = Average::new(filled(0.0).valid(), 0.9);
        average.update::<Ad, _>(&filled(1.0), 0);
        // A tenth is kept at first.
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
