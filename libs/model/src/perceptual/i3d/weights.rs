//! The user's weights of I3D: reading, naming, comparison with the genuine ones.
//!
//! A file has the names of one of the common ports. If it has other names, the tensors are
//! recognised by their checksums. `table.rs` has the genuine checksums, so that a number is called
//! FVD only if it comes from the weights that define FVD.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::table::{Param, checksum, params};
use crate::error::ModelError;
use crate::perceptual::state_dict::{TensorValues, read};

/// All tensors of the network by the table's names.
pub struct I3dTensors {
    tensors: BTreeMap<String, TensorValues>,
    /// The names of the tensors that differ from the genuine ones.
    pub altered: Vec<String>,
}

impl I3dTensors {
    /// Reads a file.
    pub fn load(path: &Utf8Path) -> Result<Self, ModelError> {
        Self::name(read(path)?).map_err(|what| ModelError::checkpoint(path, what))
    }

    /// Finds every tensor of the network among `tensors`.
    pub fn name(tensors: BTreeMap<String, TensorValues>) -> Result<Self, String> {
        Self::among(&params(), tensors)
    }

    /// The same with another table.
    pub fn among(
        params: &[Param],
        mut tensors: BTreeMap<String, TensorValues>,
    ) -> Result<Self, String> {
        let known = |name: fn(&Param) -> &str| {
            params.iter().filter(|param| tensors.contains_key(name(param))).count()
        };
        let spelling: fn(&Param) -> &str =
            if known(|param| param.hassony2) > known(|param| param.name) {
                |param| param.hassony2
            } else {
                |param| param.name
            };
        let mut named = BTreeMap::new();
        if known(spelling) == 0 {
            named = recognised(params, &tensors);
        }
        let mut missing = Vec::new();
        for param in params {
            if let Some(values) = tensors.remove(spelling(param)) {
                named.insert(param.name.to_owned(), values);
            }
            match named.get(param.name) {
                Some(values) if values.shape == param.shape => {}
                Some(values) => {
                    return Err(format!(
                        "{} is {:?}, but {:?} in I3D for Kinetics-400: these are not its weights",
                        spelling(param),
                        values.shape,
                        param.shape
                    ));
                }
                None => missing.push(spelling(param)),
            }
        }
        if let Some(first) = missing.first() {
            return Err(format!(
                "{} of the {} tensors of I3D are missing, the first is {first}: give a state dict \
                 of InceptionI3d (400 classes) with the names of piergiaj's pytorch-i3d (VideoGPT, \
                 TATS) or of hassony2's kinetics_i3d_pytorch",
                missing.len(),
                params.len(),
            ));
        }
        let genuine = |param: &&Param| match param.checksum {
            Some(sum) => checksum(&named[param.name].data, &param.shape) == sum,
            None => named[param.name].data.iter().all(|&value| value == 1.0),
        };
        let altered = params
            .iter()
            .filter(|param| !genuine(param))
            .map(|param| param.name.to_owned())
            .collect();
        Ok(Self { tensors: named, altered })
    }

    pub fn get(&self, name: &str) -> &[f32] {
        &self.tensors[name].data
    }

    /// The kernel `[out, in, t, h, w]` and the bias `[out]` of a unit.
    ///
    /// Its batch normalisation is folded into both.
    pub fn folded(&self, name: &str, epsilon: f64) -> (Vec<f32>, Vec<f32>, [usize; 5]) {
        let kernel = &self.tensors[&format!("{name}.conv3d.weight")];
        let shape: [usize; 5] =
            kernel.shape.as_slice().try_into().expect("the table's kernels have five sides");
        let part = |part: &str| self.get(&format!("{name}.bn.{part}"));
        let [scale, shift, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(part);
        let factors: Vec<f64> = scale
            .iter()
            .zip(variance)
            .map(|(&scale, &variance)| f64::from(scale) / (f64::from(variance) + epsilon).sqrt())
            .collect();
        let weight = kernel
            .data
            .chunks_exact(kernel.data.len() / shape[0])
            .zip(&factors)
            .flat_map(|(values, factor)| {
                values.iter().map(move |&value| (f64::from(value) * factor) as f32)
            })
            .collect();
        let bias = factors
            .iter()
            .zip(shift.iter().zip(mean))
            .map(|(factor, (&shift, &mean))| (f64::from(shift) - f64::from(mean) * factor) as f32)
            .collect();
        (weight, bias, shape)
    }
}

/// Finds the genuine tensors among tensors with unknown names.
///
/// Scales have no checksum. They become 1, which is their genuine value.
fn recognised(
    params: &[Param],
    tensors: &BTreeMap<String, TensorValues>,
) -> BTreeMap<String, TensorValues> {
    let sums: BTreeMap<u32, &TensorValues> =
        tensors.values().map(|values| (checksum(&values.data, &values.shape), values)).collect();
    let found: BTreeMap<_, _> = params
        .iter()
        .filter_map(|param| Some((param.name.to_owned(), (*sums.get(&param.checksum?)?).clone())))
        .collect();
    let ones = |param: &Param| TensorValues {
        shape: param.shape.clone(),
        data: vec![1.0; param.shape.iter().product()],
    };
    let scales = params.iter().filter(|param| param.checksum.is_none() && !found.is_empty());
    let scales: Vec<_> = scales.map(|param| (param.name.to_owned(), ones(param))).collect();
    found.into_iter().chain(scales).collect()
}
