//! The user's weights of LPIPS: reading, checks, comparison with the published ones.
//!
//! The authors' repository publishes the weights of the channels, which turn `AlexNet` into LPIPS.
//! Their checksums are here. For `AlexNet` itself torchvision publishes only the hash of a file,
//! which says nothing about single tensors, so those are not checked.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::error::ModelError;
use crate::perceptual::state_dict::{TensorValues, read};

/// The command that writes a file of weights, for messages.
const WRITE: &str = "python -c \"import lpips, torch; \
                     torch.save(lpips.LPIPS(net='alex').state_dict(), 'lpips.pt')\"";

/// One of the network's five layers.
pub struct Layer {
    /// The name of its convolution.
    name: &'static str,
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Whether a maximum over 3 × 3 at every second position comes before it.
    pub pooled: bool,
    /// The CRC32C of its channels' weights as little-endian floats, as published with version 0.1.
    published: u32,
}

/// The five layers.
pub static LAYERS: [Layer; 5] = {
    /// A layer after the first.
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
    /// Names and shapes: the convolution's kernel, its bias, and the weights of the channels.
    pub fn tensors(&'static self) -> [(String, Vec<usize>); 3] {
        let Self { name, inputs, outputs, kernel, .. } = *self;
        let number = LAYERS.iter().take_while(|layer| layer.name != name).count();
        [
            (format!("{name}.weight"), vec![outputs, inputs, kernel, kernel]),
            (format!("{name}.bias"), vec![outputs]),
            (format!("lin{number}.model.1.weight"), vec![1, outputs, 1, 1]),
        ]
    }
}

/// All tensors of the network; the key is the name.
pub struct LpipsTensors {
    tensors: BTreeMap<String, TensorValues>,
    /// Whether the weights of all channels are those of version 0.1.
    pub published: bool,
}

impl LpipsTensors {
    /// Reads a file.
    pub fn load(path: &Utf8Path) -> Result<Self, ModelError> {
        Self::among(read(path)?).map_err(|what| ModelError::checkpoint(path, what))
    }

    /// Finds every tensor of the network among `tensors`.
    pub fn among(mut tensors: BTreeMap<String, TensorValues>) -> Result<Self, String> {
        if let Some(other) = other_network(&tensors) {
            return Err(format!(
                "these are the weights of LPIPS ({other}), but LPIPS (alex) is needed: give a file \
                 that `{WRITE}` writes"
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
                    "{} contains {weight}, but LPIPS has no negative weights: give a file that \
                     `{WRITE}` writes",
                    judged.0
                ));
            }
        }
        match missing.first() {
            Some(first) => Err(format!(
                "{} of the {} tensors of LPIPS (alex) are missing, the first is {first}: give a \
                 file that `{WRITE}` writes",
                missing.len(),
                missing.len() + named.len(),
            )),
            None => Ok(Self { tensors: named, published }),
        }
    }

    pub fn get(&self, name: &str) -> &[f32] {
        &self.tensors[name].data
    }
}

/// Which other network of the package the tensors belong to, by names that only this network has.
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
            "{name} contains {value}, which is not a finite number: the file is damaged, write it \
             again"
        )),
        None => Ok(()),
    }
}

fn checksum(values: &TensorValues) -> u32 {
    let bytes: Vec<u8> = values.data.iter().flat_map(|value| value.to_le_bytes()).collect();
    crc32c::crc32c(&bytes)
}
