//! PyTorch's results for the same weights and inputs: the fixtures of `fixtures.py`.
//!
//! `tests/reference/fixtures.py` writes them. Two tensors agree if their largest absolute
//! difference is at most 1e-4 of the largest absolute value.

use std::collections::BTreeMap;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::store::{ModuleStore as _, SafetensorsStore};
use burn::tensor::{Tensor, TensorData};
use camino::Utf8PathBuf;

use super::random::Ad;
use crate::weights;

const TOLERANCE: f32 = 1e-4;

/// A fixture's values; the key is the name.
pub struct Fixture {
    directory: Utf8PathBuf,
    values: BTreeMap<String, TensorData>,
}

impl Fixture {
    pub fn read(name: &str) -> Self {
        let directory = Utf8PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/reference/fixtures"
        ))
        .join(name);
        let mut store =
            SafetensorsStore::from_file(directory.join("values.safetensors").as_std_path());
        let snapshots =
            store.get_all_snapshots().unwrap_or_else(|error| panic!("{directory}: {error}"));
        let values = snapshots
            .iter()
            .map(|(name, snapshot)| (name.clone(), snapshot.to_data().unwrap()))
            .collect();
        Self { directory, values }
    }

    /// The file with PyTorch's weights.
    pub fn weights(&self) -> Utf8PathBuf {
        self.directory.join("weights.safetensors")
    }

    /// Loads PyTorch's weights into a module.
    pub fn load<M: Module<Ad>>(&self, mut module: M) -> M {
        weights::read(&self.weights(), &mut module).unwrap();
        module
    }

    fn value(&self, name: &str) -> &TensorData {
        self.values.get(name).unwrap_or_else(|| panic!("{} has no `{name}`", self.directory))
    }

    pub fn tensor<const D: usize>(&self, name: &str) -> Tensor<Ad, D> {
        Tensor::from_data(self.value(name).clone(), &FlexDevice)
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.value(name).clone().convert::<i64>().to_vec().unwrap()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.value(name).to_vec().unwrap()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.value(name).to_vec().unwrap()
    }

    /// Asserts that `ours`, in any shape, agrees with the fixture's value `name`.
    #[track_caller]
    pub fn agrees<const D: usize>(&self, name: &str, ours: Tensor<Flex, D>) {
        self.values_agree(name, &ours.into_data().to_vec::<f32>().unwrap());
    }

    #[track_caller]
    fn values_agree(&self, name: &str, ours: &[f32]) {
        let theirs = self.floats(name);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let (off, largest) =
            (size(ours.iter().zip(&theirs).map(|(a, b)| a - b)), size(theirs.iter().copied()));
        assert!(
            off <= TOLERANCE * largest,
            "{}: {name} is off by {off}, of {largest}",
            self.directory
        );
    }

    /// Asserts that the gradient of every parameter agrees with the fixture's.
    ///
    /// Exactly the gradients in `zero` must be zero.
    #[track_caller]
    pub fn gradients_agree<M: Module<Ad>>(
        &self,
        module: &M,
        grads: GradientsParams,
        zero: &[&str],
    ) {
        let mut ours = NamedGradients {
            grads,
            path: Vec::new(),
            containers: Vec::new(),
            found: BTreeMap::new(),
        };
        module.visit(&mut ours);
        let names: Vec<&str> =
            self.values.keys().filter_map(|name| name.strip_prefix("grad.")).collect();
        assert_eq!(
            ours.found.keys().collect::<Vec<_>>(),
            names,
            "{}: what has a gradient",
            self.directory
        );
        let theirs = |name: &str| size(self.floats(&format!("grad.{name}")).into_iter());
        let largest = names.iter().map(|name| theirs(name)).fold(0.0, f32::max);
        assert!(largest > 1e-3, "{}: a fixture without gradients says nothing", self.directory);
        let mut none = Vec::new();
        for (name, ours) in ours.found {
            if theirs(&name) == 0.0 {
                let left = size(ours.into_iter());
                assert!(
                    left < 1e-5 * largest,
                    "{}: the gradient in {name} is {left}, of {largest}",
                    self.directory
                );
                none.push(name);
            } else {
                self.values_agree(&format!("grad.{name}"), &ours);
            }
        }
        assert_eq!(none, zero, "{}", self.directory);
    }
}

/// The largest absolute value.
fn size(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Collects gradients with the names and the layout of the files.
struct NamedGradients {
    grads: GradientsParams,
    path: Vec<String>,
    containers: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor<Ad> for NamedGradients {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
        let Some(grad) = self.grads.get::<Flex, D>(param.id) else { return };
        let linear = self.containers.last().is_some_and(|container| container == "Struct:Linear");
        let grad = if D == 2 && linear { grad.swap_dims(0, 1) } else { grad };
        self.found.insert(self.path.join("."), grad.into_data().to_vec().unwrap());
    }
}
