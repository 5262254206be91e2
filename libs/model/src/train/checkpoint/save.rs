//! Writing a checkpoint.

use std::fs;

use burn::module::{AutodiffModule, ModuleVisitor, Param};
use burn::optim::Optimizer;
use burn::record::{BinFileRecorder, FullPrecisionSettings, Recorder};
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use camino::Utf8Path;
use genie_durable::DraftDir;
use serde::Serialize;

use super::state::{AVERAGE, FORMAT, OPTIMIZER, STATE, State, WEIGHTS, directory, steps};
use crate::train::config::TrainConfig;
use crate::{ModelError, weights};

/// The content of a checkpoint.
///
/// The thread of the training loop takes it, and another thread may write it. So nothing in it
/// belongs to autodiff: its graphs (Burn 0.21) deadlock if two threads use them.
pub struct Snapshot<'a, A, O, C> {
    /// The model without autodiff.
    model: A,
    /// Burn's identifier of each parameter.
    parameters: Vec<u64>,
    /// The moving average of the weights, if one is kept.
    average: Option<A>,
    /// The optimizer with its moments.
    optimizer: O,
    /// First logged loss of the run.
    first_loss: Option<f32>,
    /// The description of the model to build.
    description: &'a C,
}

impl<'a, A, O, C> Snapshot<'a, A, O, C> {
    /// Copies the current state of a run.
    pub fn of<B: AutodiffBackend, M>(
        model: &M,
        average: Option<A>,
        optimizer: &O,
        first_loss: Option<f32>,
        description: &'a C,
    ) -> Self
    where
        M: AutodiffModule<B, InnerModule = A>,
        O: Optimizer<M, B>,
    {
        let mut ids = Ids(Vec::new());
        model.visit(&mut ids);
        Self {
            model: model.valid(),
            parameters: ids.0,
            average,
            optimizer: optimizer.clone(),
            first_loss,
            description,
        }
    }
}

/// Collects Burn's identifiers of all parameters.
struct Ids(Vec<u64>);

impl<B: Backend> ModuleVisitor<B> for Ids {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.push(param.id.val());
    }
}

/// Writes `step-{step}`, and removes the oldest checkpoints that `config` does not keep.
///
/// # Errors
/// [`ModelError::Diverged`] if a weight is not finite: such weights would replace the last good
/// ones.
pub fn save<B, M, O, C>(
    run: &Utf8Path,
    step: usize,
    snapshot: &Snapshot<'_, M::InnerModule, O, C>,
    config: &TrainConfig,
) -> Result<(), ModelError>
where
    B: AutodiffBackend,
    M: AutodiffModule<B>,
    M::InnerModule: ModuleSnapshot<B::InnerBackend>,
    O: Optimizer<M, B>,
    C: Serialize,
{
    let Snapshot { model, parameters, average, optimizer, first_loss, description } = snapshot;
    if !weights::not_finite(model).is_empty() {
        return Err(ModelError::Diverged { step, loss: f32::NAN });
    }
    let draft = DraftDir::create(directory(run, step))?;
    let at = |name: &str| draft.path().join(name);

    weights::write(&at(WEIGHTS), model, description)?;
    if let Some(average) = average {
        weights::write(&at(AVERAGE), average, description)?;
    }
    BinFileRecorder::<FullPrecisionSettings>::new()
        .record(optimizer.to_record(), at("optimizer").into())
        .map_err(|error| ModelError::checkpoint(at(OPTIMIZER), error))?;

    let hashes = [WEIGHTS, OPTIMIZER]
        .into_iter()
        .chain(average.as_ref().map(|_| AVERAGE))
        .map(|name| Ok((name.to_owned(), genie_durable::hash_file(at(name))?)))
        .collect::<Result<_, ModelError>>()?;
    let state = State {
        format: FORMAT,
        step,
        first_loss: *first_loss,
        parameters: parameters.clone(),
        hashes,
    };
    let json = serde_json::to_vec_pretty(&state).expect("state is plain data");
    fs::write(at(STATE), json).map_err(ModelError::io("write", at(STATE)))?;
    draft.publish()?;
    remove_old(run, config)
}

/// Removes the checkpoints that `config` does not keep.
fn remove_old(run: &Utf8Path, config: &TrainConfig) -> Result<(), ModelError> {
    let steps = steps(run);
    let forever = |step: &&usize| config.keep_every > 0 && step.is_multiple_of(config.keep_every);
    for old in steps[..steps.len().saturating_sub(config.keep)].iter().filter(|step| !forever(step))
    {
        genie_durable::remove_dir(directory(run, *old))?;
    }
    Ok(())
}
