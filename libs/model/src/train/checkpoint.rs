//! Checkpoints: `step-N/` with `model.safetensors`, `average.safetensors` where a moving average is kept, `optimizer.bin`, `model.json` (what to build) and, written last, `state.json` with the
//! hashes of the others. A directory without a fitting `state.json` does not count, so a killed run leaves nothing half-visible.

use std::fs;
use std::io::Write as _;

use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::Optimizer;
use burn::record::{BinFileRecorder, FullPrecisionSettings, Recorder};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::TrainConfig;
use crate::ModelError;

const WEIGHTS: &str = "model.safetensors";
const AVERAGE: &str = "average.safetensors";
const OPTIMIZER: &str = "optimizer.bin";
const CONFIG: &str = "model.json";
const STATE: &str = "state.json";
const FORMAT: u32 = 2;

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

fn hash(path: &Utf8Path) -> Result<String, ModelError> {
    let bytes = fs::read(path).map_err(ModelError::io(path))?;
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(ModelError::io(path))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
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

/// Adds up zeros, or what is no number where a weight is none.
struct Zero<B: Backend>(Option<Tensor<B, 1>>);

impl<B: Backend> ModuleVisitor<B> for Zero<B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let zero = (param.val() * 0.0).sum();
        self.0 = Some(match self.0.take() {
            Some(sum) => sum + zero,
            None => zero,
        });
    }
}

/// What a checkpoint holds.
pub struct Snapshot<'a, M, A, O, C> {
    /// The weights.
    pub model: M,
    /// Their moving average, where one is kept.
    pub average: Option<A>,
    /// The optimizer with its moments.
    pub optimizer: O,
    /// What to build.
    pub description: &'a C,
}

/// Writes `step-{step}` and removes the oldest checkpoints that `config` does not keep. Weights that are no numbers are not saved: they would
/// take the place of the last good ones.
pub fn save<B, M, O, C>(
    run: &Utf8Path,
    step: usize,
    snapshot: &Snapshot<'_, M, M::InnerModule, O, C>,
    config: &TrainConfig,
) -> Result<(), ModelError>
where
    B: AutodiffBackend,
    M: AutodiffModule<B> + ModuleSnapshot<B>,
    M::InnerModule: ModuleSnapshot<B::InnerBackend>,
    O: Optimizer<M, B>,
    C: Serialize,
{
    let Snapshot { model, average, optimizer, description } = snapshot;
    let mut zero = Zero::<B>(None);
    model.visit(&mut zero);
    if zero.0.is_some_and(|zero| !zero.into_data().iter::<f32>().all(f32::is_finite)) {
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

    // Burn's own metadata come in a random order; without them the same weights are the same bytes, and hash alike.
    let store = |name| SafetensorsStore::from_file(at(name).as_std_path()).clear_metadata();
    model.save_into(&mut store(WEIGHTS)).map_err(|error| ModelError::checkpoint(at(WEIGHTS), error))?;
    if let Some(average) = average {
        average.save_into(&mut store(AVERAGE)).map_err(|error| ModelError::checkpoint(at(AVERAGE), error))?;
    }
    BinFileRecorder::<FullPrecisionSettings>::new()
        .record(optimizer.to_record(), at("optimizer").into())
        .map_err(|error| ModelError::checkpoint(at(OPTIMIZER), error))?;
    let json = serde_json::to_vec_pretty(description).expect("a config is plain data");
    fs::write(at(CONFIG), json).map_err(ModelError::io(at(CONFIG)))?;

    let mut ids = Ids(Vec::new());
    model.visit(&mut ids);
    let hashes = [WEIGHTS, OPTIMIZER, CONFIG]
        .into_iter()
        .chain(average.as_ref().map(|_| AVERAGE))
        .map(|name| Ok((name.to_owned(), hash(&at(name))?)))
        .collect::<Result<_, ModelError>>()?;
    let state = State { format: FORMAT, step, parameters: ids.0, hashes };
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
    for old in steps[..steps.len().saturating_sub(config.keep)].iter().filter(|step| !forever(step)) {
        let path = directory(run, *old);
        fs::remove_dir_all(&path).map_err(ModelError::io(&path))?;
    }
    Ok(())
}

fn read_state(path: &Utf8Path, files: &[&str]) -> Result<State, ModelError> {
    let state_path = path.join(STATE);
    let bytes = fs::read(&state_path).map_err(ModelError::io(&state_path))?;
    let state: State = serde_json::from_slice(&bytes).map_err(|error| ModelError::checkpoint(&state_path, error))?;
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

fn load_weights<B: Backend, M: Module<B> + ModuleSnapshot<B>>(
    weights: Utf8PathBuf,
    model: &mut M,
) -> Result<(), ModelError> {
    let mut store = SafetensorsStore::from_file(weights.as_std_path());
    let result = model.load_from(&mut store).map_err(|error| ModelError::checkpoint(&weights, error))?;
    if !result.unused.is_empty() {
        return Err(ModelError::checkpoint(weights, format!("holds tensors the model has not: {:?}", result.unused)));
    }
    Ok(())
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
    let step = latest_step(run)
        .ok_or_else(|| ModelError::checkpoint(run, "holds no complete checkpoint: train the model first"))?;
    let path = directory(run, step);
    let state = read_state(&path, &[WEIGHTS, AVERAGE, CONFIG])?;
    let config_path = path.join(CONFIG);
    let bytes = fs::read(&config_path).map_err(ModelError::io(&config_path))?;
    let config = serde_json::from_slice(&bytes).map_err(|error| ModelError::checkpoint(&config_path, error))?;
    let mut model = build(&config)?;
    let weights = if state.holds(AVERAGE) { AVERAGE } else { WEIGHTS };
    load_weights(path.join(weights), &mut model)?;
    Ok((config, model))
}

/// Where a run stands.
pub struct Progress<M, A, O> {
    /// Steps done.
    pub step: usize,
    /// The weights.
    pub model: M,
    /// Their moving average, where one was kept.
    pub average: Option<A>,
    /// The optimizer with its moments.
    pub optimizer: O,
}

/// The newest checkpoint of a run to train on from; `model` and `optimizer` as they are where there is none.
pub fn resume<B, M, O>(
    run: &Utf8Path,
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
    let Some(step) = latest_step(run) else { return Ok(Progress { step: 0, model, average: None, optimizer }) };
    let path = directory(run, step);
    let state = read_state(&path, &[WEIGHTS, AVERAGE, OPTIMIZER])?;
    let average = state.holds(AVERAGE).then(|| {
        let mut average = model.valid();
        load_weights(path.join(AVERAGE), &mut average).map(|()| average)
    });
    load_weights(path.join(WEIGHTS), &mut model)?;
    let model = model.map(&mut WithIds(state.parameters.into_iter()));
    let record = BinFileRecorder::<FullPrecisionSettings>::new()
        .load(path.join("optimizer").into(), device)
        .map_err(|error| ModelError::checkpoint(path.join(OPTIMIZER), error))?;
    Ok(Progress { step, model, average: average.transpose()?, optimizer: optimizer.load_record(record) })
}
