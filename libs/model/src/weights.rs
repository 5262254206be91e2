//! Weights on disk, in checkpoints and between programs: one safetensors file in the layout of PyTorch's modules (README.md lists names and
//! shapes), which carries the description of its model under `genie` in its metadata.
//!
//! Guarantee: a file is read whole or not at all: every tensor of the model is in it by name, shape and type, and nothing else is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};

use burn::module::{Module, ModuleVisitor, Param};
use burn::store::{
    BurnToPyTorchAdapter, ModuleSnapshot, ModuleStore as _, PyTorchToBurnAdapter, SafetensorsStore,
    TensorSnapshot,
};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor};
use camino::Utf8Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::format::MODEL_FORMAT;

/// Where in the file's metadata the description is.
const KEY: &str = "genie";

/// Keys of a config that say how to train and not what a model computes: models may differ in them and have the same weights.
const OF_TRAINING: [&str; 8] = [
    "device",
    "train",
    "changed_pixel_weight",
    "changed_token_weight",
    "min_mask_rate",
    "masked_frames",
    "commitment",
    "usage",
];

#[derive(Serialize, Deserialize)]
struct Metadata<C> {
    /// [`MODEL_FORMAT`]: what the weights mean.
    format: u32,
    #[serde(flatten)]
    description: C,
}

/// Writes a model's weights and its description to a new file. The same weights and description are the same bytes.
pub fn write<B: Backend, M: Module<B>>(
    path: &Utf8Path,
    model: &M,
    description: &impl Serialize,
) -> Result<(), ModelError> {
    let card = Metadata { format: MODEL_FORMAT, description };
    let card = serde_json::to_string(&card).expect("a description is plain data");
    // Burn's own metadata come in a random order; one entry has none.
    let mut store = SafetensorsStore::from_file(path.as_std_path())
        .clear_metadata()
        .metadata(KEY, card)
        .with_to_adapter(BurnToPyTorchAdapter);
    model.save_into(&mut store).map_err(|error| ModelError::checkpoint(path, error))
}

/// Reads a model's weights.
pub fn read<B: Backend, M: Module<B>>(path: &Utf8Path, model: &mut M) -> Result<(), ModelError> {
    let wrong = |what: String| ModelError::checkpoint(path, what);
    let mut store =
        SafetensorsStore::from_file(path.as_std_path()).with_from_adapter(PyTorchToBurnAdapter);
    let found = store.get_all_snapshots().map_err(|error| wrong(error.to_string()))?;
    let mut expected = Shapes::default();
    model.visit(&mut expected);
    let faults = faults(&expected.found, found);
    if !faults.is_empty() {
        return Err(wrong(format!(
            "these are not the weights of this model: {}",
            faults.join("; ")
        )));
    }
    model.load_from(&mut store).map(drop).map_err(|error| wrong(error.to_string()))
}

/// Reads weights from elsewhere: if they are described, they must be of a model that computes what ours does, and they must be numbers.
pub fn import<B: Backend, M: Module<B>, C: Serialize + DeserializeOwned>(
    path: &Utf8Path,
    model: &mut M,
    ours: &C,
) -> Result<(), ModelError> {
    let wrong = |what: String| Err(ModelError::checkpoint(path, what));
    if let Some(theirs) = card(path)? {
        let ours = serde_json::to_value(ours).expect("a description is plain data");
        if theirs["format"] != MODEL_FORMAT || theirs["model"] != ours["model"] {
            return wrong(format!(
                "holds {} in format {}, and wanted is {} in format {MODEL_FORMAT}",
                theirs["model"], theirs["format"], ours["model"]
            ));
        }
        // By way of the type, so that a key that was not there yet has its default.
        let theirs = serde_json::from_value::<C>(theirs)
            .map(|theirs| serde_json::to_value(theirs).expect("as above"));
        let theirs = theirs
            .map_err(|error| ModelError::checkpoint(path, format!("its description: {error}")))?;
        let mut differences = Vec::new();
        compare("", &theirs, &ours, &mut differences);
        if !differences.is_empty() {
            return wrong(format!("is of another model: {}", differences.join("; ")));
        }
    }
    read(path, model)?;
    let odd = not_finite(model);
    if !odd.is_empty() {
        return wrong(format!("not every value is a finite number in {}", some_of(&odd)));
    }
    Ok(())
}

/// The names of a model's parameters that are not all finite numbers.
pub fn not_finite<B: Backend, M: Module<B>>(model: &M) -> Vec<String> {
    let mut odd = NotFinite::default();
    model.visit(&mut odd);
    odd.found
}

/// What the file says of its model.
pub fn description<C: DeserializeOwned>(path: &Utf8Path) -> Result<Option<C>, ModelError> {
    let Some(card) = card(path)? else { return Ok(None) };
    let card: Metadata<C> =
        serde_json::from_value(card).map_err(|error| ModelError::checkpoint(path, error))?;
    Ok(Some(card.description))
}

fn card(path: &Utf8Path) -> Result<Option<Value>, ModelError> {
    let header = header(path).map_err(ModelError::io("read the header of", path))?;
    let Some(card) = header.get("__metadata__").and_then(|metadata| metadata.get(KEY)?.as_str())
    else {
        return Ok(None);
    };
    serde_json::from_str(card).map(Some).map_err(|error| ModelError::checkpoint(path, error))
}

/// The JSON at the beginning of a safetensors file, after its length.
fn header(path: &Utf8Path) -> io::Result<Map<String, Value>> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut json = Vec::new();
    // The file's own end is the limit, whatever the length says.
    file.take(u64::from_le_bytes(length)).read_to_end(&mut json)?;
    serde_json::from_slice(&json).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Collects what differs between two descriptions.
fn compare(path: &str, theirs: &Value, ours: &Value, differences: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, ours) in ours.iter().filter(|(key, _)| !OF_TRAINING.contains(&key.as_str())) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, theirs.get(key).unwrap_or(&Value::Null), ours, differences);
            }
        }
        _ if theirs == ours => (),
        _ => differences.push(format!("{path} is {theirs} there and {ours} here")),
    }
}

/// Draws all weights that are not drawn yet. Burn draws one when it is first read, and of one that is not, every copy would draw its own.
pub fn draw<B: Backend>(model: &impl Module<B>) {
    struct Read;
    impl<B: Backend> ModuleVisitor<B> for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            param.val();
        }
    }
    model.visit(&mut Read);
}

/// Collects the shape of each of a model's tensors, as in the file, and initialises none.
#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    containers: Vec<String>,
    found: BTreeMap<String, Vec<usize>>,
}

impl<B: Backend> ModuleVisitor<B> for Shapes {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let mut shape = param.lazy_shape().to_vec();
        // The one that the adapters transpose.
        if D == 2 && self.containers.last().is_some_and(|container| container == "Struct:Linear") {
            shape.reverse();
        }
        self.found.insert(self.path.join("."), shape);
    }
}

/// What is wrong with the tensors found in a file.
fn faults(
    expected: &BTreeMap<String, Vec<usize>>,
    found: &BTreeMap<String, TensorSnapshot>,
) -> Vec<String> {
    let missing: Vec<_> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
    let extra: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    let mut faults = Vec::new();
    for (what, names) in [("the file lacks", missing), ("the model lacks", extra)] {
        if !names.is_empty() {
            faults.push(format!("{what} {}", some_of(&names)));
        }
    }
    for (name, shape) in expected {
        let Some(there) = found.get(name) else { continue };
        if there.shape.as_slice() != shape || there.dtype != DType::F32 {
            faults.push(format!(
                "{name} is {:?} {:?} and must be F32 {shape:?}",
                there.dtype,
                there.shape.as_slice()
            ));
        }
    }
    if faults.len() > 6 {
        let more = faults.len() - 5;
        faults.truncate(5);
        faults.push(format!("and {more} more faults"));
    }
    faults
}

/// The first few names.
fn some_of(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Collects the names of parameters that are not all finite numbers.
#[derive(Default)]
struct NotFinite {
    path: Vec<String>,
    found: Vec<String>,
}

impl<B: Backend> ModuleVisitor<B> for NotFinite {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        if !param.val().into_data().iter::<f32>().all(f32::is_finite) {
            self.found.push(self.path.join("."));
        }
    }
}

#[cfg(test)]
mod tests;
