//! Reading the headers of a stream: units of a packet, and the bits of a unit.

/// Bytes of a unit that are read. Headers are shorter.
const HEADER_BYTES: usize = 4096;

/// How the units of a packet are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Start codes, as in MPEG-TS.
    StartCodes,
    /// A big-endian length of this many bytes before each unit, as in MP4.
    Lengths(usize),
}

/// A packet has a length that cannot be right: its data are damaged.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLength;

impl Framing {
    /// The framing of an HEVC stream whose global header in the container is `extradata`.
    pub fn of_hevc(extradata: &[u8]) -> Self {
        match extradata.get(21) {
            Some(size) if extradata[0] == 1 => Self::Lengths(usize::from(size & 3) + 1),
            _ => Self::StartCodes,
        }
    }

    /// Passes each unit of a packet to `visit`, until it returns `false`.
    ///
    /// A unit after a start code may have the following units at its end.
    pub fn units(
        self,
        packet: &[u8],
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), BadLength> {
        let Self::Lengths(size) = self else {
            start_coded(packet, visit);
            return Ok(());
        };
        let (mut left, mut wanted) = (packet, true);
        while !left.is_empty() {
            let (length, rest) = left.split_at_checked(size).ok_or(BadLength)?;
            let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            if length == 0 || length > rest.len() {
                return Err(BadLength);
            }
            let (unit, rest) = rest.split_at(length);
            wanted = wanted && visit(unit);
            left = rest;
        }
        Ok(())
    }
}

/// Passes units with everything after them, because finding their ends takes time.
fn start_coded(packet: &[u8], mut visit: impl FnMut(&[u8]) -> bool) {
    let mut next = after_start_code(packet);
    while let Some(unit) = next.filter(|unit| visit(unit)) {
        next = after_start_code(unit);
    }
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.windows(3).position(|window| window == [0, 0, 1])?;
    Some(&bytes[at + 3..])
}

/// Passes parameter sets to `visit`, each after its length of two bytes. Returns what follows them.
pub fn parameter_sets(mut sets: &[u8], count: usize, mut visit: impl FnMut(&[u8])) -> &[u8] {
    for _ in 0..count {
        let [high, low, rest @ ..] = sets else { return &[] };
        let length = usize::from(*high) << 8 | usize::from(*low);
        let Some((set, rest)) = rest.split_at_checked(length) else { return &[] };
        visit(set);
        sets = rest;
    }
    sets
}

/// Reads the bits of a unit, most significant first. Every method returns `None` at the end.
pub struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// Starts after `skip` bytes of a unit. Removes the bytes that prevent start codes.
    pub fn new(unit: &[u8], skip: usize) -> Self {
        let unit = unit.get(skip..).unwrap_or_default();
        let mut bytes = Vec::with_capacity(unit.len().min(HEADER_BYTES));
        let mut zeros = 0;
        for &byte in unit.iter().take(HEADER_BYTES) {
            if byte == 3 && zeros >= 2 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    /// Starts at the beginning of a unit of a codec whose units contain every byte.
    pub fn plain(unit: &[u8]) -> Self {
        Self { bytes: unit[..unit.len().min(HEADER_BYTES)].to_vec(), at: 0 }
    }

    pub fn flag(&mut self) -> Option<bool> {
        Some(self.number(1)? == 1)
    }

    /// Reads an unsigned number of at most 32 bits.
    pub fn number(&mut self, bits: u32) -> Option<u32> {
        let mut value = 0_u32;
        for _ in 0..bits {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Skips bits.
    pub fn skip(&mut self, bits: usize) -> Option<()> {
        self.at += bits;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Reads an unsigned Exp-Golomb number.
    pub fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.number(zeros)?)
    }

    /// Reads a signed Exp-Golomb number.
    pub fn signed(&mut self) -> Option<i32> {
        let code = i64::from(self.golomb()?);
        let half = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { half } else { -half }).ok()
    }
}
