//! The parameter sets of HEVC, as far as slice headers need them.

use super::bits::Bits;

/// Largest number of reference picture sets, and of pictures in one of them.
const MAX_SETS: u32 = 64;
const MAX_PICTURES: u32 = 16;

/// A picture that others may need, relative to the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceStep {
    /// Difference of the order counts; negative for an earlier picture.
    pub by: i32,
    /// The current picture needs it.
    pub used: bool,
}

/// The pictures that a decoder must still have: first the earlier ones, then the later ones.
pub type ReferenceSet = Vec<ReferenceStep>;

/// A sequence parameter set.
pub struct Sps {
    pub separate_planes: bool,
    /// Number of bits of the low part of order counts.
    pub order_bits: u32,
    pub sets: Vec<ReferenceSet>,
}

/// A picture parameter set.
#[derive(Clone, Copy)]
pub struct Pps {
    pub sps: usize,
    pub output_flag: bool,
    pub extra_slice_bits: u32,
}

impl Pps {
    /// Reads a set and its number.
    pub fn read(bits: &mut Bits) -> Option<(usize, Self)> {
        let (number, sps) = (bits.golomb()? as usize, bits.golomb()? as usize);
        bits.skip(1)?;
        Some((number, Self { sps, output_flag: bits.flag()?, extra_slice_bits: bits.number(3)? }))
    }
}

impl Sps {
    /// Reads a set and its number.
    pub fn read(bits: &mut Bits) -> Option<(usize, Self)> {
        bits.skip(4)?;
        let layers = bits.number(3)?;
        bits.skip(1)?;
        skip_profile(bits, layers)?;
        let number = bits.golomb()? as usize;
        let separate_planes = bits.golomb()? == 3 && bits.flag()?;
        skip_golombs(bits, 2)?;
        if bits.flag()? {
            skip_golombs(bits, 4)?;
        }
        skip_golombs(bits, 2)?;
        let order_bits = bits.golomb()?.checked_add(4).filter(|&bits| bits <= 16)?;
        let described = if bits.flag()? { layers + 1 } else { 1 };
        skip_golombs(bits, 3 * described + 6)?;
        if bits.flag()? && bits.flag()? {
            skip_scaling_lists(bits)?;
        }
        bits.skip(2)?;
        if bits.flag()? {
            bits.skip(8)?;
            skip_golombs(bits, 2)?;
            bits.skip(1)?;
        }
        let count = bits.golomb()?.min(MAX_SETS);
        let mut sets = Vec::new();
        for _ in 0..count {
            sets.push(read_reference_set(bits, &sets, false)?);
        }
        Some((number, Self { separate_planes, order_bits, sets }))
    }
}

/// Reads a reference picture set, which may be described by its difference to an earlier one.
///
/// `in_slice` is true for a set in a slice header, where `sets` are all sets of the SPS.
pub fn read_reference_set(
    bits: &mut Bits,
    sets: &[ReferenceSet],
    in_slice: bool,
) -> Option<ReferenceSet> {
    if sets.is_empty() || !bits.flag()? {
        return read_plain_set(bits);
    }
    let back = if in_slice { bits.golomb()? as usize + 1 } else { 1 };
    let base = sets.get(sets.len().checked_sub(back)?)?;
    let negative = bits.flag()?;
    let size = i32::try_from(bits.golomb()?.checked_add(1)?).ok()?;
    let moved = if negative { -size } else { size };
    // The base's pictures, moved, and the base itself.
    let mut steps = Vec::new();
    for by in base.iter().map(|step| step.by).chain([0]) {
        let used = bits.flag()?;
        if used || bits.flag()? {
            steps.push(ReferenceStep { by: by.checked_add(moved)?, used });
        }
    }
    // The nearest picture comes first, on each side.
    steps.sort_by_key(|step| (step.by > 0, step.by.unsigned_abs()));
    steps.retain(|step| step.by != 0);
    Some(steps)
}

fn read_plain_set(bits: &mut Bits) -> Option<ReferenceSet> {
    let counts = [bits.golomb()?, bits.golomb()?];
    let mut steps = Vec::new();
    for (count, sign) in counts.into_iter().zip([-1, 1]) {
        let mut by = 0_i32;
        for _ in 0..Some(count).filter(|&count| count <= MAX_PICTURES)? {
            let step = i32::try_from(bits.golomb()?).ok()?.checked_add(1)?;
            by = by.checked_add(sign * step)?;
            steps.push(ReferenceStep { by, used: bits.flag()? });
        }
    }
    Some(steps)
}

fn skip_profile(bits: &mut Bits, layers: u32) -> Option<()> {
    bits.skip(96)?;
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

fn skip_scaling_lists(bits: &mut Bits) -> Option<()> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if bits.flag()? {
                let coefficients = (1 << (4 + 2 * size)).min(64);
                skip_golombs(bits, coefficients + u32::from(size > 1))?;
            } else {
                bits.golomb()?;
            }
        }
    }
    Some(())
}

/// Skips Exp-Golomb numbers. Signed ones have the same length.
fn skip_golombs(bits: &mut Bits, count: u32) -> Option<()> {
    (0..count).try_for_each(|_| bits.golomb().map(drop))
}
