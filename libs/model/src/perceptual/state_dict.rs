//! Reads files of weights that other programs wrote: PyTorch state dicts and safetensors.
//!
//! The network decides which tensors it needs and which values they may have.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use burn::store::pytorch::PytorchReader;
use burn::store::{ModuleStore, SafetensorsStore, TensorSnapshot};
use camino::Utf8Path;

use crate::error::ModelError;

/// A tensor's shape and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorValues {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Reads the float tensors of a file; the key is the name.
pub(crate) fn read(path: &Utf8Path) -> Result<BTreeMap<String, TensorValues>, ModelError> {
    let wrong = |error: &dyn std::fmt::Display| ModelError::checkpoint(path, error);
    if path.extension() == Some("safetensors") {
        let mut store =
            SafetensorsStore::from_file(path.as_std_path()).map_indices_contiguous(false);
        let tensors = store.get_all_snapshots().map_err(|error| wrong(&error))?;
        return floats(tensors).map_err(|error| wrong(&error));
    }
    if is_torchscript(path).map_err(ModelError::io("read", path))? {
        return Err(wrong(&format!(
            "the file is a TorchScript program, but only its weights are needed: give a file that \
             `python -c \"import torch; \
             torch.save(torch.jit.load('{path}', map_location='cpu').state_dict(), \
             'state_dict.pt')\"` writes"
        )));
    }
    let reader = PytorchReader::new(path.as_std_path()).map_err(|error| wrong(&error))?;
    floats(reader.tensors()).map_err(|error| wrong(&error))
}

fn floats<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a TensorSnapshot)>,
) -> Result<BTreeMap<String, TensorValues>, String> {
    let mut values = BTreeMap::new();
    for (name, tensor) in tensors {
        if !tensor.dtype.is_float() {
            continue;
        }
        let data = tensor.to_data().map_err(|error| format!("{name} cannot be read: {error}"))?;
        let shape = data.shape.to_vec();
        let data = data
            .convert::<f32>()
            .to_vec()
            .map_err(|error| format!("{name} cannot be read: {error:?}"))?;
        // `DataParallel` prefixes all names.
        let name = name.strip_prefix("module.").unwrap_or(name);
        values.insert(name.to_owned(), TensorValues { shape, data });
    }
    Ok(values)
}

/// Whether the file is a zip archive with a `TorchScript` program.
fn is_torchscript(path: &Utf8Path) -> std::io::Result<bool> {
    const MARK: &[u8] = b"constants.pkl";
    let mut file = File::open(path)?;
    let mut start = [0; 4];
    if file.read(&mut start)? < start.len() || start != *b"PK\x03\x04" {
        return Ok(false);
    }
    let length = file.seek(SeekFrom::End(0))?;
    // A zip archive lists its files at its end.
    file.seek(SeekFrom::Start(length.saturating_sub(1 << 20)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(end.windows(MARK.len()).any(|window| window == MARK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reference;

    /// Catches: names are renumbered (`branch_3.1` exists without `branch_3.0`); integers are read
    /// as weights; 16-bit floats are misread; the prefix of `DataParallel` is not removed.
    #[test]
    fn a_pytorch_file_is_read_as_it_is() {
        let tensors = read(&reference("state_dict.pt")).unwrap();
        let names: Vec<_> = tensors.keys().map(String::as_str).collect();
        assert_eq!(names, ["logits.conv3d.bias", "mixed_3b.branch_3.1.conv3d.weight"]);
        assert_eq!(tensors["logits.conv3d.bias"].data, [0.5, -2.0]);
        let kernel = TensorValues { shape: vec![3, 2], data: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        assert_eq!(tensors["mixed_3b.branch_3.1.conv3d.weight"], kernel);
    }

    /// Catches: a tensor with two names is lost, as in the last layers of the package `lpips`.
    #[test]
    fn numbers_under_two_names_are_read_under_both() {
        let tensors = read(&reference("tied.pt")).unwrap();
        let weight = TensorValues { shape: vec![1, 2, 1, 1], data: vec![0.25, 3.0] };
        assert_eq!(tensors["lin0.model.1.weight"], weight);
        assert_eq!(tensors["lins.0.model.1.weight"], weight);
    }

    /// Catches: the error message for a `TorchScript` program is about pickles.
    #[test]
    fn a_torchscript_program_is_refused_with_the_way_out() {
        let path = reference("torchscript.pt");
        let error = read(&path).err().unwrap().to_string();
        assert!(error.contains("state_dict()") && error.contains(path.as_str()), "{error}");
    }
}
