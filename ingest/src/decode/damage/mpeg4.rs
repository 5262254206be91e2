//! Finds lost pictures in MPEG-4 Part 2, from the direction in which predictions are rounded.
//!
//! Encoders let `vop_rounding_type` change with every P-picture, so that errors do not add up
//! (ISO/IEC 14496-2, 6.3.5). Two P-pictures in a row with the same direction enclose an odd number
//! of lost ones. An even number is not found in this way.

use super::bits::{Bits, Framing};
use super::finding::Finding;

/// Number of changes in a row before a missing one is believed.
const ENOUGH: u32 = 16;

const LAYERS: std::ops::RangeInclusive<u8> = 0x20..=0x2f;
const PICTURE: u8 = 0xb6;
const INTRA: u32 = 0;
const BIDIRECTIONAL: u32 = 2;

/// Follows the pictures of an MPEG-4 stream in decoding order.
#[derive(Default)]
pub struct Mpeg4 {
    /// Bits of a picture's time in its second, if the header of the layer was read.
    time_bits: Option<u32>,
    /// The direction of the last P-picture, if a picture of that kind must follow.
    last: Option<bool>,
    /// Number of changes in a row.
    changes: u32,
}

impl Mpeg4 {
    /// `extradata` is the codec's global header in the container, which may be empty.
    pub fn new(extradata: &[u8]) -> Self {
        let mut this = Self::default();
        this.packet(extradata);
        this
    }

    /// Examines the next packet.
    pub fn packet(&mut self, packet: &[u8]) -> Finding {
        let mut finding = Finding::default();
        let _ = Framing::StartCodes.units(packet, |unit| {
            match unit {
                [kind, ..] if LAYERS.contains(kind) => self.time_bits = time_bits(unit),
                [PICTURE, ..] => finding.lost_before |= self.picture(unit).unwrap_or(false),
                _ => {}
            }
            true
        });
        finding
    }

    /// Returns whether pictures before this one are missing; `None` if it does not tell.
    fn picture(&mut self, unit: &[u8]) -> Option<bool> {
        let mut bits = Bits::plain(unit.get(1..)?);
        let kind = bits.number(2)?;
        if kind == BIDIRECTIONAL {
            return None;
        }
        let last = self.last.take();
        if kind == INTRA {
            return None;
        }
        while bits.flag()? {}
        bits.skip(1 + self.time_bits? as usize + 1)?;
        if !bits.flag()? {
            // A picture that repeats the one before. Encoders differ in how they go on.
            return None;
        }
        let rounding = bits.flag()?;
        self.last = Some(rounding);
        if last? == rounding {
            return Some(std::mem::take(&mut self.changes) >= ENOUGH);
        }
        self.changes += 1;
        Some(false)
    }
}

/// Reads the header of a layer: the number of bits of a picture's time in its second.
///
/// Returns `None` for a layer whose pictures have a shape, or that is cut off.
fn time_bits(unit: &[u8]) -> Option<u32> {
    let mut bits = Bits::plain(unit.get(1..)?);
    bits.skip(1 + 8)?;
    if bits.flag()? {
        bits.skip(4 + 3)?;
    }
    if bits.number(4)? == 15 {
        bits.skip(16)?;
    }
    if bits.flag()? {
        bits.skip(2 + 1)?;
        if bits.flag()? {
            bits.skip(79)?;
        }
    }
    if bits.number(2)? != 0 {
        return None;
    }
    bits.skip(1)?;
    let resolution = bits.number(16)?;
    Some(resolution.saturating_sub(1).checked_ilog2().unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs bits, written as zeros and ones, into a unit of a kind.
    fn packed(kind: u8, bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
        let byte = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum << 1 | bit) << (8 - bits.len());
        [&[0, 0, 1, kind][..], &bits.chunks(8).map(byte).collect::<Vec<u8>>(), &[0x40]].concat()
    }

    /// A layer with 30 ticks per second, so a time has five bits.
    fn layer() -> Vec<u8> {
        packed(0x20, "0 00000001 0 0001 0 00 1 0000000000011110 1 0")
    }

    /// A picture: its kind, and its direction of rounding.
    fn picture(kind: u32, rounding: bool) -> Vec<u8> {
        packed(PICTURE, &format!("{kind:02b} 10 1 00111 1 1 {} 000", u8::from(rounding)))
    }

    /// Returns the packets before which pictures are missing, if `lost` packets are.
    fn found(packets: &[Vec<u8>], lost: &[usize]) -> Vec<usize> {
        let mut stream = Mpeg4::new(&layer());
        let kept = (0..packets.len()).filter(|at| !lost.contains(at));
        kept.filter(|&at| stream.packet(&packets[at]).lost_before).collect()
    }

    /// Catches: a lost P-picture is not found; a lost B-picture, a key picture or one that repeats
    /// the one before is a loss; the header of the layer is read wrongly.
    #[test]
    fn two_equal_directions_are_a_loss() {
        assert_eq!(Mpeg4::new(&layer()).time_bits, Some(5));
        let kind = |at: usize| [1, BIDIRECTIONAL][at % 2];
        let group = |at: usize| picture(if at == 0 { INTRA } else { kind(at) }, at / 2 % 2 == 1);
        let two: Vec<Vec<u8>> = (0..160).map(|at| group(at % 80)).collect();
        assert_eq!(found(&two, &[]), [0; 0]);
        assert_eq!(found(&two, &[50]), [52]);
        assert_eq!(found(&two, &[51, 53]), [0; 0], "nothing refers to them");
        assert_eq!(found(&two, &[78, 79]), [0; 0], "a key picture follows");
        assert_eq!(found(&two, &[10]), [0; 0], "not believed yet");
        let mut repeated = two;
        repeated[60] = packed(PICTURE, "01 10 1 00111 1 0 000");
        assert_eq!(found(&repeated, &[]), [0; 0]);
    }

    /// Catches: an encoder that always rounds in one direction is said to lose pictures.
    #[test]
    fn one_direction_tells_nothing() {
        let constant: Vec<_> = (0..50).map(|_| picture(1, false)).collect();
        assert_eq!(found(&constant, &[7, 8]), [0; 0]);
        for length in 0..constant[0].len() {
            Mpeg4::new(&layer()[..length]).packet(&constant[0][..length]);
        }
    }
}
