//! Finds lost reference pictures in H.264, from the numbers in slice headers.
//!
//! Every reference picture counts `frame_num` up by one (ITU-T H.264, 7.4.3). A larger step means
//! that reference pictures are missing. FFmpeg then repeats an earlier picture without a word.

use super::bits::{BadLength, Bits, Framing, parameter_sets};
use super::finding::{Finding, Refresh};

/// Numbers of parameter sets are below this.
const MAX_SPS: usize = 32;
const MAX_PPS: usize = 256;

/// Follows the pictures of an H.264 stream in decoding order.
pub struct H264 {
    framing: Framing,
    sps: [Option<Sps>; MAX_SPS],
    /// The number of the SPS of each PPS.
    pps: Vec<Option<usize>>,
    /// `frame_num` of the last reference picture; `None` before the first key frame.
    last: Option<u32>,
    /// `frame_num` of the picture from which on the pictures are whole again.
    recovers_at: Option<u32>,
}

#[derive(Clone, Copy)]
struct Sps {
    frame_num_bits: u32,
    /// Gaps are allowed, because the stream has layers that may be left out.
    gaps: bool,
    separate_planes: bool,
}

impl H264 {
    /// `extradata` is the codec's global header in the container, which may be empty.
    pub fn new(extradata: &[u8]) -> Self {
        let framing = match extradata {
            [1, _, _, _, size, ..] => Framing::Lengths(usize::from(size & 3) + 1),
            _ => Framing::StartCodes,
        };
        let mut this = Self {
            framing,
            sps: [None; MAX_SPS],
            pps: vec![None; MAX_PPS],
            last: None,
            recovers_at: None,
        };
        if let (Framing::Lengths(_), Some(sets)) = (framing, extradata.get(5..)) {
            this.read_sets(sets);
        } else {
            let _ = Framing::StartCodes.units(extradata, |unit| {
                let _ = this.set(unit);
                true
            });
        }
        this
    }

    /// Reads the parameter sets of an MP4 file: their number, then length and content of each.
    fn read_sets(&mut self, sets: &[u8]) {
        let Some((&count, sets)) = sets.split_first() else { return };
        let rest = parameter_sets(sets, usize::from(count & 31), |unit| _ = self.set(unit));
        if let Some((&count, sets)) = rest.split_first() {
            parameter_sets(sets, usize::from(count), |unit| _ = self.set(unit));
        }
    }

    /// Examines the next packet.
    pub fn packet(&mut self, packet: &[u8]) -> Finding {
        let mut finding = Finding::default();
        let mut recovery = None;
        let units = self.framing.units(packet, |unit| match unit.first().map(|byte| byte & 31) {
            Some(1 | 5) => {
                let _ = self.slice(unit, recovery, &mut finding);
                false
            }
            Some(6) => {
                recovery = recovery.or(recovery_point(unit));
                true
            }
            _ => {
                let _ = self.set(unit);
                true
            }
        });
        finding.damaged = units == Err(BadLength);
        finding
    }

    /// Stores a parameter set. Returns `None` if the unit is another one or malformed.
    fn set(&mut self, unit: &[u8]) -> Option<()> {
        let kind = unit.first()? & 31;
        if !matches!(kind, 7 | 8) {
            return None;
        }
        let mut bits = Bits::new(unit, 1);
        if kind == 7 {
            let (number, sps) = Sps::read(&mut bits)?;
            *self.sps.get_mut(number)? = Some(sps);
        } else {
            let (number, sps) = (bits.golomb()? as usize, bits.golomb()? as usize);
            *self.pps.get_mut(number)? = Some(sps);
        }
        Some(())
    }

    fn slice(&mut self, unit: &[u8], recovery: Option<u32>, finding: &mut Finding) -> Option<()> {
        let head = *unit.first()?;
        let (is_reference, is_key) = (head >> 5 & 3 != 0, head & 31 == 5);
        let mut bits = Bits::new(&unit[..unit.len().min(64)], 1);
        let (_first_block, _kind, pps) = (bits.golomb()?, bits.golomb()?, bits.golomb()?);
        let sps = (*self.sps.get((*self.pps.get(pps as usize)?)?)?)?;
        if sps.separate_planes {
            bits.skip(2)?;
        }
        let number = bits.number(sps.frame_num_bits)?;
        let count = 1 << sps.frame_num_bits;
        if is_key {
            self.recovers_at = None;
        } else if let Some(last) = self.last {
            finding.lost_before = !sps.gaps && number != last && number != (last + 1) % count;
        }
        if let Some(frames) = recovery.filter(|&frames| frames > 0) {
            self.recovers_at = Some(number.wrapping_add(frames) % count);
            finding.refresh = Refresh::Begins;
        } else if is_reference && self.recovers_at == Some(number) {
            self.recovers_at = None;
            finding.refresh = Refresh::Complete;
        }
        // After a gap, a picture that is no reference has the number of the next reference.
        self.last = Some(if is_reference { number } else { (number + count - 1) % count })
            .filter(|_| is_reference || finding.lost_before)
            .or(self.last);
        Some(())
    }
}

impl Sps {
    fn read(bits: &mut Bits) -> Option<(usize, Self)> {
        let profile = bits.number(8)?;
        bits.skip(16)?;
        let number = bits.golomb()? as usize;
        let mut separate_planes = false;
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
            let chroma = bits.golomb()?;
            separate_planes = chroma == 3 && bits.flag()?;
            bits.golomb()?;
            bits.golomb()?;
            bits.skip(1)?;
            if bits.flag()? {
                skip_scaling_lists(bits, if chroma == 3 { 12 } else { 8 })?;
            }
        }
        let frame_num_bits = bits.golomb()?.checked_add(4).filter(|&bits| bits <= 16)?;
        match bits.golomb()? {
            0 => _ = bits.golomb()?,
            1 => {
                bits.skip(1)?;
                bits.golomb()?;
                bits.golomb()?;
                for _ in 0..bits.golomb()?.min(255) {
                    bits.golomb()?;
                }
            }
            _ => {}
        }
        bits.golomb()?;
        Some((number, Self { frame_num_bits, gaps: bits.flag()?, separate_planes }))
    }
}

fn skip_scaling_lists(bits: &mut Bits, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = bits.signed()?.wrapping_add(last).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Returns the number of frames after which the pictures are whole, from a recovery point message.
fn recovery_point(unit: &[u8]) -> Option<u32> {
    let mut bits = Bits::new(unit, 1);
    loop {
        let (kind, size) = (message_number(&mut bits)?, message_number(&mut bits)?);
        if kind == 6 {
            return bits.golomb();
        }
        bits.skip(8 * size as usize)?;
    }
}

/// Reads a number of a message: bytes of 255, then one smaller byte, all added.
fn message_number(bits: &mut Bits) -> Option<u32> {
    let mut sum = 0_u32;
    loop {
        let byte = bits.number(8)?;
        sum = sum.checked_add(byte)?;
        if byte != 255 {
            return Some(sum);
        }
    }
}
