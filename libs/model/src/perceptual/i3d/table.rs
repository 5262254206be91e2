//! The tensors of the genuine I3D: names in both spellings, shapes and checksums.
//!
//! `params.txt` lists the weights of `i3d-kinetics-400/1`, which are `rgb_scratch` of the paper's
//! authors. The checksums are those of the TensorFlow checkpoint: masked CRC32C of the
//! little-endian floats in TensorFlow's order, with kernels as `[t, h, w, in, out]`. A file whose
//! tensors all have these checksums has these weights. Its name and origin do not matter.

const TABLE: &str = include_str!("params.txt");

/// A tensor that the network needs.
#[derive(Debug, PartialEq)]
pub struct Param {
    /// The name in piergiaj's pytorch-i3d, which `VideoGPT` and TATS use.
    pub name: &'static str,
    /// The name in hassony2's `kinetics_i3d_pytorch`.
    pub hassony2: &'static str,
    pub shape: Vec<usize>,
    /// The checksum of the genuine values.
    ///
    /// It is `None` for the scale of a batch normalisation, which TensorFlow does not have: it must
    /// be 1.
    pub checksum: Option<u32>,
}

/// All tensors. PyTorch's count of seen batches is not listed, because nothing uses it.
pub fn params() -> Vec<Param> {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("num_batches_tracked"))
        .map(parse)
        .collect()
}

fn parse(line: &'static str) -> Param {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let value = |key: &str| {
        fields.iter().find_map(|field| field.strip_prefix(key)).expect("a complete line")
    };
    let shape = fields[1]
        .trim_matches(['[', ']'])
        .split(',')
        .map(|side| side.parse().expect("a number"))
        .collect();
    let checksum = Some(value("masked_crc32c=")).filter(|sum| *sum != "-");
    Param {
        name: fields[0],
        hassony2: value("hassony2="),
        shape,
        checksum: checksum
            .map(|sum| u32::from_str_radix(sum, 16).expect("eight hexadecimal digits")),
    }
}

/// The checksum of a tensor in PyTorch's order, with kernels as `[out, in, t, h, w]`.
pub fn checksum(values: &[f32], shape: &[usize]) -> u32 {
    let inner: usize = shape.iter().skip(2).product();
    let outer: usize = shape.iter().take(2).product();
    let mut bytes = Vec::with_capacity(values.len() * 4);
    if let [out, input, ..] = *shape {
        for place in 0..inner {
            for i in 0..input {
                for o in 0..out {
                    bytes.extend(values[(o * input + i) * inner + place].to_le_bytes());
                }
            }
        }
        debug_assert_eq!(bytes.len(), outer * inner * 4);
    } else {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    // TensorFlow masks its checksums, because data can contain checksums itself.
    crc32c::crc32c(&bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
