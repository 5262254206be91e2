//! Checkpoints: `step-N/` with `model.safetensors` (the weights, and what to build), `average.safetensors` where a moving average of them is kept, `optimizer.bin` and, written last, `state.json` with the
//! hashes of the others. A directory without a fitting `state.json` does not count, so a killed run leaves nothing half-visible.

use std::fs;
use std::io::Write as _;

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::Optimizer;
use burn::record::{BinFileRecorder, FullPrecisionSettings, Recorder};
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::TrainConfig;
use crate::{ModelError, weights};

const WEIGHTS: &str = "model.safetensors";
const AVERAGE: &str = "average.safetensors";
const OPTIMIZER: &str = "optimizer.bin";
const STATE: &str = "state.json";
const FORMAT: u32 = 3;

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    step: usize,
    /// Burn's identity of each parameter in visiting order, which the optimizer's moments are filed under.
    parameters: Vec<u64>,
    /// BLAKE3 of each other file.
    hashes: Vec<(String, String)>,
}

impl State {
    fn holds(&self, file: &str) -> bool {
        self.hashes.iter().any(|(name, _)| name == file)
    }
}

/// The complete checkpoints in a run's directory, oldest first.
fn steps(run: &Utf8Path) -> Vec<usize> {
    let Ok(entries) = run.read_dir_utf8() else { return Vec::new() };
    let mut steps: Vec<usize> = entries
        .flatten()
        .filter(|entry| entry.path().join(STATE).is_file())
        .filter_map(|entry| entry.file_name().strip_prefix("step-")?.parse().ok())
        .collect();
    steps.sort_unstable();
    steps
}

/// The step of the newest complete checkpoint in a run's directory.
pub fn latest_step(run: &Utf8Path) -> Option<usize> {
    steps(run).pop()
}

fn directory(run: &Utf8Path, step: usize) -> Utf8PathBuf {
    run.join(format!("step-{step}"))
}

/// BLAKE3 of a file.
pub fn hash(path: &Utf8Path) -> Result<String, ModelError> {
    let mut hasher = blake3::Hasher::new();
    fs::File::open(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(ModelError::io(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

struct Ids(Vec<u64>);

impl<B: Backend> ModuleVisitor<B> for Ids {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.push(param.id.val());
    }
}

struct WithIds(std::vec::IntoIter<u64>);

impl<B: Backend> ModuleMapper<B> for WithIds {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(self.0.next().map_or(id, ParamId::from), tensor, mapper)
    }
}

/// What a checkpoint holds. It is taken on the training loop's thread and may be written on another: nothing in it belongs to autodiff, whose graphs
/// (Burn 0.21) lock up when two threads use them.
pub struct Snapshot<'a, A, O, C> {
    /// The weights.
    model: A,
    /// Burn's identity of each of them.
    parameters: Vec<u64>,
    /// Their moving average, where one is kept.
    average: Option<A>,
    /// The optimizer with its moments.
    optimizer: O,
    /// What to build.
    description: &'a C,
}

impl<'a, A, O, C> Snapshot<'a, A, O, C> {
    /// Of a model as it is now.
    pub fn of<B: AutodiffBackend, M>(
        model: &M,
        average: Option<A>,
        optimizer: &O,
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
            description,
        }
    }
}

/// Writes `step-{step}` and removes the oldest checkpoints that `config` does not keep. Weights that are no numbers are not saved: they would
/// take the place of the last good ones.
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
    let Snapshot { model, parameters, average, optimizer, description } = snapshot;
    if !weights::not_finite(model).is_empty() {
        return Err(ModelError::Diverged { step, loss: f32::NAN });
    }
    let target = directory(run, step);
    let temporary = run.join(format!(".step-{step}.partial"));
    for stale in [&temporary, &target] {
        if stale.exists() {
            fs::remove_dir_all(stale).map_err(ModelError::io(stale))?;
        }
    }
    fs::create_dir_all(&temporary).map_err(ModelError::io(&temporary))?;
    let at = |name: &str| temporary.join(name);

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
        .map(|name| {
            fs::File::open(at(name))
                .and_then(|file| file.sync_all())
                .map_err(ModelError::io(at(name)))?;
            Ok((name.to_owned(), hash(&at(name))?))
        })
        .collect::<Result<_, ModelError>>()?;
    let state = State { format: FORMAT, step, parameters: parameters.clone(), hashes };
    let write_state = || {
        let mut file = fs::File::create(at(STATE))?;
        file.write_all(&serde_json::to_vec_pretty(&state).expect("state is plain data"))?;
        file.sync_all()?;
        fs::rename(&temporary, &target)?;
        fs::File::open(run)?.sync_all()
    };
    write_state().map_err(ModelError::io(&target))?;

    let steps = steps(run);
    let forever = |step: &&usize| config.keep_every > 0 && step.is_multiple_of(config.keep_every);
    for old in steps[..steps.len().saturating_sub(config.keep)].iter().filter(|step| !forever(step))
    {
        let path = directory(run, *old);
        fs::remove_dir_all(&path).map_err(ModelError::io(&path))?;
    }
    Ok(())
}

fn read_state(path: &Utf8Path, files: &[&str]) -> Result<State, ModelError> {
    let state_path = path.join(STATE);
    let bytes = fs::read(&state_path).map_err(ModelError::io(&state_path))?;
    let state: State = serde_json::from_slice(&bytes)
        .map_err(|error| ModelError::checkpoint(&state_path, error))?;
    if state.format != FORMAT {
        return Err(ModelError::checkpoint(
            path,
            format!(
                "written in format {}, this program reads format {FORMAT}: train again or use the program that wrote it",
                state.format
            ),
        ));
    }
    for (name, expected) in state.hashes.iter().filter(|(name, _)| files.contains(&name.as_str())) {
        let file = path.join(name);
        if hash(&file)? != *expected {
            return Err(ModelError::checkpoint(
                file,
                "damaged: its hash is not the one in state.json; delete this step to go on from an older one",
            ));
        }
    }
    Ok(state)
}

/// The step and the weights file of a run's newest checkpoint, checked; the moving average's where one is kept. None without a checkpoint.
///
/// # Errors
/// If it is damaged.
pub fn newest_weights(run: &Utf8Path) -> Result<Option<(usize, Utf8PathBuf)>, ModelError> {
    let Some(step) = latest_step(run) else { return Ok(None) };
    let path = directory(run, step);
    let state = read_state(&path, &[WEIGHTS, AVERAGE])?;
    let used = if state.holds(AVERAGE) { AVERAGE } else { WEIGHTS };
    Ok(Some((step, path.join(used))))
}

/// The newest checkpoint of a run: its configuration, and the model that `build` makes of it with the weights loaded, or their moving average where one
/// is kept.
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
        ModelError::checkpoint(run, "holds no complete checkpoint: train the model first")
    })?;
    let config = weights::description(&path)?.ok_or_else(|| {
        ModelError::checkpoint(&path, "does not say what it is: it was not written by this program")
    })?;
    let mut model = build(&config)?;
    weights::read(&path, &mut model)?;
    Ok((config, model))
}

/// What training goes on with.
pub struct Progress<M, A, O> {
    /// The weights.
    pub model: M,
    /// Their moving average, where one was kept.
    pub average: Option<A>,
    /// The optimizer with its moments.
    pub optimizer: O,
}

/// Model and optimizer as they were at a checkpoint of a run, to train on from.
pub fn resume<B, M, O>(
    run: &Utf8Path,
    step: usize,
    mut model: M,
    optimizer: O,
    device: &B::Device,
) -> Result<Progress<M, M::InnerModule, O>, ModelError>
where
    B: AutodiffBackend,
    M: AutodiffModule<B> + ModuleSnapshot<B>,
    M::InnerModule: ModuleSnapshot<B::InnerBackend>,
    O: Optimizer<M, B>,
{
    let path = directory(run, step);
    let state = read_state(&path, &[WEIGHTS, AVERAGE, OPTIMIZER])?;
    let average = state.holds(AVERAGE).then(|| {
        let mut average = model.valid();
        weights::read(&path.join(AVERAGE), &mut average).map(|()| average)
    });
    weights::read(&path.join(WEIGHTS), &mut model)?;
    let model = model.map(&mut WithIds(state.parameters.into_iter()));
    let record = BinFileRecorder::<FullPrecisionSettings>::new()
        .load(path.join("optimizer").into(), device)
        .map_err(|error| ModelError::checkpoint(path.join(OPTIMIZER), error))?;
    Ok(Progress { model, average: average.transpose()?, optimizer: optimizer.load_record(record) })
}
