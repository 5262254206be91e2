//! Loading a checkpoint, to use its model or to resume training.

use burn::module::{AutodiffModule, Module, ModuleMapper, Param, ParamId};
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;

use super::state::{AVERAGE, OPTIMIZER, State, WEIGHTS, directory, latest_step};
use crate::{ModelError, weights};

/// The training step and the weights file of a run's newest checkpoint; none without a checkpoint.
///
/// If a moving average is kept, this loads the average. The file's hash is checked.
///
/// # Errors
/// If the checkpoint is damaged.
pub fn newest_weights(run: &Utf8Path) -> Result<Option<(usize, Utf8PathBuf)>, ModelError> {
    let Some(step) = latest_step(run) else { return Ok(None) };
    let path = directory(run, step);
    let state = State::read(&path, &[WEIGHTS, AVERAGE])?;
    let used = if state.holds(AVERAGE) { AVERAGE } else { WEIGHTS };
    Ok(Some((step, path.join(used))))
}

/// Loads the newest checkpoint of a run: its description, and the model that `build` makes of it.
///
/// The model has the moving average of the weights if one is kept, else the last weights.
///
/// # Errors
/// If there is no checkpoint, it is damaged, or its weights do not fit the model.
pub fn load_model<C, B, M>(
    run: &Utf8Path,
    build: impl FnOnce(&C) -> Result<M, ModelError>,
) -> Result<(C, M), ModelError>
where
    C: DeserializeOwned,
    B: Backend,
    M: Module<B> + ModuleSnapshot<B>,
{
    let (_, path) = newest_weights(run)?.ok_or_else(|| {
        ModelError::checkpoint(
            run,
            "the directory holds no complete checkpoint; train the model first",
        )
    })?;
    let config = weights::description(&path)?.ok_or_else(|| {
        ModelError::checkpoint(
            &path,
            "the file has no description of its model, so this program did not write it",
        )
    })?;
    let mut model = build(&config)?;
    weights::read(&path, &mut model)?;
    Ok((config, model))
}

/// The state of a run between two training steps.
pub struct TrainingState<M, A> {
    /// The model.
    pub model: M,
    /// The moving average of the weights, if one is kept.
    pub average: Option<A>,
    /// The file with the optimizer's moments; none before the first training step.
    pub moments: Option<Utf8PathBuf>,
    /// First logged loss of the run; none before it, and in some older checkpoints.
    pub first_loss: Option<f32>,
}

/// Gives all parameters the identifiers that they had when the checkpoint was saved.
struct WithIds(std::vec::IntoIter<u64>);

impl<B: Backend> ModuleMapper<B> for WithIds {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(self.0.next().map_or(id, ParamId::from), tensor, mapper)
    }
}

/// Loads the state of a run at one of its checkpoints, to resume training.
///
/// It only checks the file with the moments. They are read when their devices are known.
///
/// # Errors
/// If the checkpoint is damaged, or is one of another model.
pub fn resume<B, M>(
    run: &Utf8Path,
    step: usize,
    mut model: M,
) -> Result<TrainingState<M, M::InnerModule>, ModelError>
where
    B: AutodiffBackend,
    M: AutodiffModule<B> + ModuleSnapshot<B>,
    M::InnerModule: ModuleSnapshot<B::InnerBackend>,
{
    let path = directory(run, step);
    let state = State::read(&path, &[WEIGHTS, AVERAGE, OPTIMIZER])?;
    let average = state.holds(AVERAGE).then(|| {
        let mut average = model.valid();
        weights::read(&path.join(AVERAGE), &mut average).map(|()| average)
    });
    weights::read(&path.join(WEIGHTS), &mut model)?;
    let model = model.map(&mut WithIds(state.parameters.into_iter()));
    Ok(TrainingState {
        model,
        average: average.transpose()?,
        moments: Some(path.join(OPTIMIZER)),
        first_loss: state.first_loss,
    })
}
