//! The user's weights: read, checked, and their last layers compared with the published ones.
//!
//! The weights of the channels, which make LPIPS of `AlexNet`, are published in the authors' repository, and so are their checksums
//! here. Of `AlexNet` itself torchvision publishes a hash of a file, which says nothing of tensors: those are taken as they come.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::error::ModelError;
use crate::perceptual::state_dict::{TensorValues, read};

/// How a file is written, for messages.
const WRITE: &str = "python -c \"import lpips, torch; torch.save(lpips.LPIPS(net='alex').state_dict(), 'lpips.pt')\"";

/// One of the network's five layers.
pub(super) struct Layer {
    /// Of its convolution.
    name: &'static str,
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Whether a maximum over 3 × 3 at every second place comes before it.
    pub pooled: bool,
    /// CRC32C of the weights of its channels, little-endian floats, as version 0.1 was published.
    published: u32,
}

/// All of them.
pub(super) static LAYERS: [Layer; 5] = {
    /// Those after the first.
    const fn layer(
        name: &'static str,
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        pooled: bool,
        sum: u32,
    ) -> Layer {
        Layer {
            name,
            inputs,
            outputs,
            kernel,
            stride: 1,
            padding: kernel / 2,
            pooled,
            published: sum,
        }
    }
    [
        Layer { stride: 4, padding: 2, ..layer("net.slice1.0", [3, 64], 11, false, 0xc2b4_4d16) },
        layer("net.slice2.3", [64, 192], 5, true, 0x4e04_83ac),
        layer("net.slice3.6", [192, 384], 3, true, 0x3dc0_9467),
        layer("net.slice4.8", [384, 256], 3, false, 0x8ff1_517d),
        layer("net.slice5.10", [256, 256], 3, false, 0xb674_85db),
    ]
};

impl Layer {
    /// Names and shapes of its convolution's kernel and bias, and of the weights of its channels.
    pub(super) fn tensors(&'static self) -> [(String, Vec<usize>); 3] {
        let Self { name, inputs, outputs, kernel, .. } = *self;
        let number = LAYERS.iter().take_while(|layer| layer.name != name).count();
        [
            (format!("{name}.weight"), vec![outputs, inputs, kernel, kernel]),
            (format!("{name}.bias"), vec![outputs]),
            (format!("lin{number}.model.1.weight"), vec![1, outputs, 1, 1]),
        ]
    }
}

/// All tensors of the network by name.
pub(super) struct LpipsWeights {
    tensors: BTreeMap<String, TensorValues>,
    /// Whether the weights of all channels are those of version 0.1.
    pub published: bool,
}

impl LpipsWeights {
    /// Reads a file.
    pub(super) fn load(path: &Utf8Path) -> Result<Self, ModelError> {
        Self::among(read(path)?).map_err(|what| ModelError::checkpoint(path, what))
    }

    /// Finds every tensor of the network among `tensors`, or says why not.
    pub(super) fn among(mut tensors: BTreeMap<String, TensorValues>) -> Result<Self, String> {
        if let Some(other) = other_network(&tensors) {
            return Err(format!(
                "these are the weights of LPIPS ({other}), and LPIPS (alex) is measured: {WRITE} writes them"
            ));
        }
        let (mut named, mut missing, mut published) = (BTreeMap::new(), Vec::new(), true);
        for layer in &LAYERS {
            let [weight, bias, judged] = layer.tensors();
            for (name, shape) in [weight, bias, judged.clone()] {
                let Some(values) = tensors.remove(&name) else {
                    missing.push(name);
                    continue;
                };
                check(&name, &values, &shape)?;
                named.insert(name, values);
            }
            published &=
                named.get(&judged.0).is_some_and(|values| checksum(values) == layer.published);
            if let Some(weight) = named
                .get(&judged.0)
                .and_then(|values| values.data.iter().find(|value| **value < 0.0))
            {
                return Err(format!(
                    "{} has {weight} in it, and LPIPS has no channels that count less than nothing: these are not its weights",
                    judged.0
                ));
            }
        }
        match missing.first() {
            Some(first) => Err(format!(
                "{} of the {} tensors of LPIPS (alex) are not in it, the first is {first}: {WRITE} writes all of them",
                missing.len(),
                missing.len() + named.len(),
            )),
            None => Ok(Self { tensors: named, published }),
        }
    }

    pub(super) fn get(&self, name: &str) -> &[f32] {
        &self.tensors[name].data
    }
}

/// Which of the package's other networks this is of, by names that only that one has.
fn other_network(tensors: &BTreeMap<String, TensorValues>) -> Option<&'static str> {
    let others = [("squeeze", "lin6.model.1.weight"), ("vgg", "net.slice1.2.weight")];
    others.into_iter().find(|(_, name)| tensors.contains_key(*name)).map(|(other, _)| other)
}

fn check(name: &str, values: &TensorValues, shape: &[usize]) -> Result<(), String> {
    if values.shape != shape {
        return Err(format!(
            "{name} is {:?}, but {shape:?} in LPIPS (alex): these are not its weights",
            values.shape
        ));
    }
    match values.data.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!(
            "{name} has {value} in it, which is no finite number: the file is damaged, write it again"
        )),
        None => Ok(()),
    }
}

fn checksum(values: &TensorValues) -> u32 {
    let bytes: Vec<u8> = values.data.iter().flat_map(|value| value.to_le_bytes()).collect();
    crc32c::crc32c(&bytes)
}
