//! Generated weights, frames and files. `tests/reference/made_up.py` has the same formula.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;

use crate::perceptual::TensorValues;

/// The path of a file that a script in `tests/reference` wrote.
pub fn reference(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(name)
}

/// Reads such a file as JSON.
pub fn reference_json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(reference(name)).unwrap()).unwrap()
}

/// 24-bit numbers from −1 to 1, without 1, from `splitmix64`.
///
/// The seed is FNV-1a of the name, and the counter is the position.
pub fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1..=count as u64).map(move |position| {
        let z = seed.wrapping_add(position.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 40) as f64 / 8_388_608.0 - 1.0
    })
}

/// Bytes from the same formula.
pub fn made_up_bytes(name: &str, bytes: usize) -> Vec<u8> {
    uniform(name, bytes).map(|value| ((value + 1.0) * 128.0).floor() as u8).collect()
}

/// Writes a minimal safetensors file.
pub fn write_safetensors(path: &Utf8Path, tensors: &BTreeMap<String, TensorValues>) {
    let (mut header, mut bytes) = (String::new(), Vec::new());
    for (name, values) in tensors {
        let start = bytes.len();
        bytes.extend(values.data.iter().flat_map(|value| value.to_le_bytes()));
        let separator = if header.is_empty() { '{' } else { ',' };
        let (shape, end) = (&values.shape, bytes.len());
        write!(header, r#"{separator}"{name}":{{"dtype":"F32","shape":{shape:?},"#).unwrap();
        write!(header, r#""data_offsets":[{start},{end}]}}"#).unwrap();
    }
    header.push('}');
    std::fs::write(
        path,
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes].concat(),
    )
    .unwrap();
}
