//! The tensors of a model: their shapes, whether they fit a file, and whether they are finite.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::store::TensorSnapshot;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor};

/// Initialises all weights that are not initialised yet.
///
/// Burn initialises a weight when it is first read. Without this, each copy of a model would get
/// its own random weights.
pub fn draw<B: Backend>(model: &impl Module<B>) {
    struct Read;
    impl<B: Backend> ModuleVisitor<B> for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            param.val();
        }
    }
    model.visit(&mut Read);
}

/// The names of the parameters that have a value that is not finite.
pub fn not_finite<B: Backend, M: Module<B>>(model: &M) -> Vec<String> {
    let mut visitor = NotFinite::default();
    model.visit(&mut visitor);
    visitor.found
}

/// Lists the differences between a model's tensors and a file's tensors, for a message.
pub fn faults<B: Backend>(
    model: &impl Module<B>,
    found: &BTreeMap<String, TensorSnapshot>,
) -> Vec<String> {
    let mut shapes = Shapes::default();
    model.visit(&mut shapes);
    let expected = shapes.found;
    let missing: Vec<_> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
    let extra: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    let mut faults = Vec::new();
    for (what, names) in [("the file lacks", missing), ("the model does not have", extra)] {
        if !names.is_empty() {
            faults.push(format!("{what} {}", some_of(&names)));
        }
    }
    for (name, shape) in &expected {
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

/// The first five names, and the number of the others.
pub fn some_of(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Collects the names of parameters that have a value that is not finite.
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

/// Collects the shape that each tensor of a model has in a file. It initialises no weight.
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
        // The adapters transpose the weight of a linear layer.
        if D == 2 && self.containers.last().is_some_and(|container| container == "Struct:Linear") {
            shape.reverse();
        }
        self.found.insert(self.path.join("."), shape);
    }
}
