//! Files of weights, in checkpoints and for exchange with other programs.
//!
//! A file is one safetensors file in the layout of PyTorch's modules. README.md lists names and
//! shapes. The description of the model is in the file's metadata under `genie`.
//!
//! Guarantee: a model reads a file completely or not at all. The file must have every tensor of the
//! model, by name, shape and type, and no other tensor.

mod tensors;

use std::fs::File;
use std::io::{self, Read as _};

use burn::module::Module;
use burn::store::{
    BurnToPyTorchAdapter, ModuleSnapshot, ModuleStore as _, PyTorchToBurnAdapter, SafetensorsStore,
};
use burn::tensor::backend::Backend;
use camino::Utf8Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
pub use tensors::{draw, not_finite};
use tensors::{faults, some_of};

use crate::error::ModelError;
use crate::format::MODEL_FORMAT;

/// The key of the description in the file's metadata.
const KEY: &str = "genie";

/// Config keys that concern training only.
///
/// Models that differ only in these keys compute the same from the same weights.
const TRAINING_KEYS: [&str; 12] = [
    "device",
    "train",
    "changed_pixel_weight",
    "changed_token_weight",
    "min_mask_rate",
    "mask_rates",
    "masked_frames",
    "history_noise",
    "predicted_history",
    "action_noise",
    "commitment",
    "usage",
];

#[derive(Serialize, Deserialize)]
struct Metadata<C> {
    /// The version of the weights' meaning: [`MODEL_FORMAT`].
    format: u32,
    #[serde(flatten)]
    description: C,
}

/// Writes a model's weights and its description to a new file.
///
/// The same weights and description always give the same bytes.
pub fn write<B: Backend, M: Module<B>>(
    path: &Utf8Path,
    model: &M,
    description: &impl Serialize,
) -> Result<(), ModelError> {
    let metadata = Metadata { format: MODEL_FORMAT, description };
    let json = serde_json::to_string(&metadata).expect("a description is plain data");
    // Burn writes its own metadata in a random order. With a single entry there is no order.
    let mut store = SafetensorsStore::from_file(path.as_std_path())
        .clear_metadata()
        .metadata(KEY, json)
        .with_to_adapter(BurnToPyTorchAdapter);
    model.save_into(&mut store).map_err(|error| ModelError::checkpoint(path, error))
}

/// Reads a model's weights.
pub fn read<B: Backend, M: Module<B>>(path: &Utf8Path, model: &mut M) -> Result<(), ModelError> {
    let wrong = |what: String| ModelError::checkpoint(path, what);
    let mut store =
        SafetensorsStore::from_file(path.as_std_path()).with_from_adapter(PyTorchToBurnAdapter);
    let found = store.get_all_snapshots().map_err(|error| wrong(error.to_string()))?;
    let faults = faults(model, found);
    if !faults.is_empty() {
        return Err(wrong(format!("the weights do not fit the model: {}", faults.join("; "))));
    }
    model.load_from(&mut store).map(drop).map_err(|error| wrong(error.to_string()))
}

/// Reads weights from another program or run.
///
/// Fails if the file's description belongs to a model that computes something else than ours, or if
/// a value is not finite.
pub fn import<B: Backend, M: Module<B>, C: Serialize + DeserializeOwned>(
    path: &Utf8Path,
    model: &mut M,
    ours: &C,
) -> Result<(), ModelError> {
    let wrong = |what: String| Err(ModelError::checkpoint(path, what));
    if let Some(theirs) = metadata(path)? {
        let ours = serde_json::to_value(ours).expect("a description is plain data");
        if theirs["format"] != MODEL_FORMAT || theirs["model"] != ours["model"] {
            return wrong(format!(
                "the file holds {} in format {}, but the config needs {} in format {MODEL_FORMAT}",
                theirs["model"], theirs["format"], ours["model"]
            ));
        }
        // Parsing sets keys that an older file does not have to their defaults.
        let theirs = serde_json::from_value::<C>(theirs)
            .map(|theirs| serde_json::to_value(theirs).expect("as above"));
        let theirs = theirs.map_err(|error| {
            ModelError::checkpoint(
                path,
                format!("cannot read the description of the model: {error}"),
            )
        })?;
        let mut differences = Vec::new();
        compare("", &theirs, &ours, &mut differences);
        if !differences.is_empty() {
            return wrong(format!("the file is of another model: {}", differences.join("; ")));
        }
    }
    read(path, model)?;
    let odd = not_finite(model);
    if !odd.is_empty() {
        return wrong(format!("some values are not finite numbers in {}", some_of(&odd)));
    }
    Ok(())
}

/// The description of the model that a file stores, if it stores one.
pub fn description<C: DeserializeOwned>(path: &Utf8Path) -> Result<Option<C>, ModelError> {
    let Some(metadata) = metadata(path)? else { return Ok(None) };
    let metadata: Metadata<C> =
        serde_json::from_value(metadata).map_err(|error| ModelError::checkpoint(path, error))?;
    Ok(Some(metadata.description))
}

/// The JSON that a file's metadata has under [`KEY`].
fn metadata(path: &Utf8Path) -> Result<Option<Value>, ModelError> {
    let header = header(path).map_err(ModelError::io("read the header of", path))?;
    let Some(json) = header.get("__metadata__").and_then(|metadata| metadata.get(KEY)?.as_str())
    else {
        return Ok(None);
    };
    serde_json::from_str(json).map(Some).map_err(|error| ModelError::checkpoint(path, error))
}

/// Reads the JSON header of a safetensors file, which follows the header's length.
fn header(path: &Utf8Path) -> io::Result<Map<String, Value>> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut json = Vec::new();
    // A damaged length cannot make this read past the end of the file.
    file.take(u64::from_le_bytes(length)).read_to_end(&mut json)?;
    serde_json::from_slice(&json).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Collects the differences between two descriptions.
fn compare(path: &str, theirs: &Value, ours: &Value, differences: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, ours) in ours.iter().filter(|(key, _)| !TRAINING_KEYS.contains(&key.as_str()))
            {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, theirs.get(key).unwrap_or(&Value::Null), ours, differences);
            }
        }
        _ if theirs == ours => (),
        _ => differences.push(format!("{path} is {theirs} in the file and {ours} in the config")),
    }
}

#[cfg(test)]
mod tests;
