//! The optimizer of a training run: AdamW, or Muon and AdamW together.
//!
//! Muon [Jordan et al. 2024] updates the matrices of the transformer's blocks. AdamW then updates
//! all the rest (embeddings, first and last layers, norms, biases), as Muon's authors recommend.
//! Both follow the same learning rate schedule.

mod ema;
mod gradient_clipping;

use burn::module::{AutodiffModule, ModuleVisitor, Param, ParamId};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::record::{AdaptorRecord, AdaptorRecordItem};
use burn::optim::{
    AdamW, AdamWConfig, AdjustLrFn, GradientsParams, LearningRate, MultiGradientsParams, Muon,
    MuonConfig, Optimizer, SimpleOptimizer,
};
use burn::record::{BinFileRecorder, BurnRecord, FullPrecisionSettings, Record, Recorder};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use camino::Utf8Path;
pub use ema::Ema;
pub use gradient_clipping::clip_grad_norm;

use super::config::{OptimizerKind, TrainConfig};
use super::owners::Owners;
use crate::ModelError;

/// AdamW, and Muon for the matrices of the blocks if the config says so.
pub struct ModelOptimizer<M: AutodiffModule<B>, B: AutodiffBackend> {
    adamw: OptimizerAdaptor<AdamW, M, B>,
    muon: Option<OptimizerAdaptor<Muon<B::InnerBackend>, M, B>>,
    /// Muon's learning rate divided by AdamW's.
    ratio: f64,
}

impl<M: AutodiffModule<B>, B: AutodiffBackend> ModelOptimizer<M, B> {
    /// An optimizer without moments.
    pub fn new(config: &TrainConfig) -> Self {
        let adamw = AdamWConfig::new()
            .with_beta_1(config.beta_1)
            .with_beta_2(config.beta_2)
            .with_epsilon(1e-8)
            .with_weight_decay(config.weight_decay)
            .init();
        let muon = || MuonConfig::new().with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW).init();
        Self {
            adamw,
            muon: (config.optimizer == OptimizerKind::Muon).then(muon),
            ratio: config.matrix_lr / config.lr,
        }
    }

    /// An optimizer with the moments of a checkpoint's file, or without moments.
    ///
    /// The moments of a parameter are on the device of its owner. All of them may need more memory
    /// than one device has.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn resume(
        config: &TrainConfig,
        moments: Option<&Utf8Path>,
        owners: &Owners<B>,
    ) -> Result<Self, ModelError> {
        let mut optimizer = Self::new(config);
        let Some(path) = moments else { return Ok(optimizer) };
        let recorder = BinFileRecorder::<FullPrecisionSettings>::new();
        // The recorder adds the file's extension.
        let mut file = path.with_extension("").into_std_path_buf();
        let stored: Stored<<Self as Optimizer<M, B>>::Record, B> =
            Recorder::<B>::load_item(&recorder, &mut file)
                .map_err(|error| ModelError::checkpoint(path, error))?;
        let (adamw, muon) = stored.item;
        optimizer.adamw = optimizer.adamw.load_record(placed(adamw, owners).collect());
        optimizer.muon = match (optimizer.muon, muon) {
            (Some(own), Some(muon)) => Some(own.load_record(placed(muon, owners).collect())),
            (own, _) => own,
        };
        Ok(optimizer)
    }
}

/// The content of a file with a record.
type Stored<R, B> = BurnRecord<<R as Record<B>>::Item<FullPrecisionSettings>, B>;

/// The moments of each parameter, on the device of its owner.
fn placed<O: SimpleOptimizer<B::InnerBackend>, B: AutodiffBackend>(
    stored: impl IntoIterator<Item = (String, AdaptorRecordItem<O, B, FullPrecisionSettings>)>,
    owners: &Owners<B>,
) -> impl Iterator<Item = (ParamId, AdaptorRecord<O, B>)> {
    stored.into_iter().map(|(id, item)| {
        let id = ParamId::deserialize(&id);
        (id, <AdaptorRecord<O, B> as Record<B>>::from_item(item, owners.owner(id)))
    })
}

// A derived `Clone` would require the backend to be `Clone`.
impl<M: AutodiffModule<B>, B: AutodiffBackend> Clone for ModelOptimizer<M, B> {
    fn clone(&self) -> Self {
        Self { adamw: self.adamw.clone(), muon: self.muon.clone(), ratio: self.ratio }
    }
}

type RecordOf<O, M, B> = <O as Optimizer<M, B>>::Record;

impl<M: AutodiffModule<B>, B: AutodiffBackend> Optimizer<M, B> for ModelOptimizer<M, B> {
    type Record = (
        RecordOf<OptimizerAdaptor<AdamW, M, B>, M, B>,
        Option<RecordOf<OptimizerAdaptor<Muon<B::InnerBackend>, M, B>, M, B>>,
    );

    fn step(&mut self, lr: LearningRate, module: M, grads: GradientsParams) -> M {
        let Some(muon) = &mut self.muon else { return self.adamw.step(lr, module, grads) };
        let mut split = Split { path: Vec::new(), all: grads, matrices: GradientsParams::new() };
        module.visit(&mut split);
        let module = self.adamw.step(lr, module, split.all);
        muon.step(lr * self.ratio, module, split.matrices)
    }

    fn step_multi(&mut self, lr: LearningRate, module: M, grads: MultiGradientsParams) -> M {
        assert!(self.muon.is_none(), "the caller adds up the gradients of several devices");
        self.adamw.step_multi(lr, module, grads)
    }

    fn to_record(&self) -> Self::Record {
        (self.adamw.to_record(), self.muon.as_ref().map(Optimizer::to_record))
    }

    fn load_record(self, (adamw, muon): Self::Record) -> Self {
        let with = |optimizer: OptimizerAdaptor<_, M, B>| match muon {
            Some(record) => optimizer.load_record(record),
            None => optimizer,
        };
        Self { adamw: self.adamw.load_record(adamw), muon: self.muon.map(with), ratio: self.ratio }
    }
}

/// Moves the gradients of the matrices within `blocks` from `all` to `matrices`.
struct Split {
    path: Vec<String>,
    all: GradientsParams,
    matrices: GradientsParams,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for Split {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if D != 2 || !self.path.iter().any(|name| name == "blocks") {
            return;
        }
        if let Some(grad) = self.all.remove::<B::InnerBackend, D>(param.id) {
            self.matrices.register(param.id, grad);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::flex::FlexDevice;

    use super::*;
    use crate::layers::{Grid, Stack, StackConfig};
    use crate::testing::{Ad, noise, seeded};

    /// Catches: no optimizer updates a matrix, or both do; Muon gets norms and biases, on which it
    /// panics; a rate is not the configured one.
    ///
    /// Muon's first update has orthogonal rows. Its length follows from the learning rate alone,
    /// for a gradient of any size.
    #[test]
    fn muon_updates_the_matrices_of_blocks_and_adamw_the_rest() {
        // Enough rows, so that every gradient has full rank.
        let grid = Grid { b: 8, t: 4, s: 5 };
        let shape = StackConfig {
            layers: 1,
            d: 16,
            heads: 2,
            head_dim: 0,
            ffn_mult: 2,
            qk_norm: false,
            temporal: true,
        };
        let values: Vec<f32> = noise(grid.rows() * 16, 1)
            .into_iter()
            .map(|byte| f32::from(byte) / 128.0 - 1.0)
            .collect();
        let step = |optimizer, size: f32| {
            let config = TrainConfig {
                optimizer,
                lr: 1e-3,
                matrix_lr: 0.1,
                weight_decay: 0.0,
                ..Default::default()
            };
            let stack: Stack<Ad> = seeded(1, || shape.init(&FlexDevice));
            let x = Tensor::<Ad, 1>::from_floats(values.as_slice(), &FlexDevice)
                .reshape([grid.rows(), 16]);
            let loss = (stack.forward(x.clone(), grid) * x * size).sum();
            let grads = GradientsParams::from_grads(
                crate::train::with_autodiff_lock(|| loss.backward()),
                &stack,
            );
            let after = ModelOptimizer::new(&config).step(1e-3, stack.clone(), grads);
            moves(&stack, &after)
        };
        let (muon, adamw) = (step(OptimizerKind::Muon, 1.0), step(OptimizerKind::AdamW, 1.0));
        let larger = step(OptimizerKind::Muon, 100.0);
        assert_eq!(muon.len(), adamw.len());
        let mut matrices = 0;
        for ((muon, adamw), larger) in muon.iter().zip(&adamw).zip(&larger) {
            if muon.dimensions == 1 {
                assert!(
                    (muon.length - adamw.length).abs() < 1e-6,
                    "{}: {} {}",
                    muon.name,
                    muon.length,
                    adamw.length
                );
                continue;
            }
            matrices += 1;
            // 0.2 · √(larger side) · √(smaller side) · rate, if all singular values were exactly 1.
            // The Newton–Schulz iteration brings them near 1.
            let expected = 0.2 * (muon.sides.0 as f32 * muon.sides.1 as f32).sqrt() * 0.1;
            assert!(
                (0.6..1.25).contains(&(muon.length / expected)),
                "{}: {} of {expected}",
                muon.name,
                muon.length
            );
            assert!(
                (larger.length / muon.length - 1.0).abs() < 0.02,
                "{}: a larger gradient has another update",
                muon.name
            );
        }
        assert_eq!(matrices, 6, "two attentions with two each, and two of the feed-forward layer");
    }

    struct Move {
        name: String,
        dimensions: usize,
        sides: (usize, usize),
        length: f32,
    }

    /// The length of each parameter's update.
    fn moves(before: &Stack<Ad>, after: &Stack<Ad>) -> Vec<Move> {
        struct Collect(Vec<(String, Vec<usize>, Vec<f32>)>, Vec<String>);
        impl ModuleVisitor<Ad> for Collect {
            fn enter_module(&mut self, name: &str, _container_type: &str) {
                self.1.push(name.to_owned());
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.1.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
                let value = param.val();
                let shape = value.dims().to_vec();
                self.0.push((self.1.join("."), shape, value.into_data().to_vec().unwrap()));
            }
        }
        let collect = |stack: &Stack<Ad>| {
            let mut all = Collect(Vec::new(), Vec::new());
            burn::module::Module::visit(stack, &mut all);
            all.0
        };
        let pairs = collect(before).into_iter().zip(collect(after));
        pairs
            .map(|((name, shape, before), (_, _, after))| Move {
                name,
                dimensions: shape.len(),
                sides: (shape[0], *shape.last().unwrap()),
                length: before
                    .iter()
                    .zip(&after)
                    .map(|(a, b)| (a - b) * (a - b))
                    .sum::<f32>()
                    .sqrt(),
            })
            .collect()
    }
}
