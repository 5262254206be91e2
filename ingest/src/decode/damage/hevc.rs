//! Finds lost reference pictures in HEVC, from the reference picture sets in slice headers.
//!
//! Every picture names the pictures that it needs by their order count (ITU-T H.265, 8.3.2). FFmpeg
//! replaces a missing one by a grey picture without a word.

use super::bits::{BadLength, Bits, Framing, parameter_sets};
use super::finding::Finding;
use super::hevc_sets::{Pps, ReferenceSet, Sps, read_reference_set};

const MAX_SPS: usize = 16;
const MAX_PPS: usize = 64;
/// Kinds of units: leading pictures that a decoder leaves out after a cut, and key pictures.
const SKIPPED_LEADING: [u8; 2] = [8, 9];
const KEYS: std::ops::RangeInclusive<u8> = 16..=23;
const INSTANT_KEYS: [u8; 2] = [19, 20];
const BROKEN_LINKS: std::ops::RangeInclusive<u8> = 16..=18;
const END_OF_SEQUENCE: [u8; 2] = [36, 37];

/// Follows the pictures of an HEVC stream in decoding order.
pub struct Hevc {
    framing: Framing,
    sps: Vec<Option<Sps>>,
    pps: Vec<Option<Pps>>,
    /// Order counts of the decoded pictures that may still be needed.
    decoded: Vec<i32>,
    /// Order count of the last picture that other layers build on.
    last: i32,
    /// The next key picture begins a sequence: nothing before it is needed.
    begins: bool,
    /// The pictures that precede the last key picture cannot be decoded.
    leading_skipped: bool,
    /// Number of pictures since the last key picture.
    since_key: u64,
}

impl Hevc {
    /// `extradata` is the codec's global header in the container, which may be empty.
    pub fn new(extradata: &[u8]) -> Self {
        let framing = Framing::of_hevc(extradata);
        let mut this = Self {
            framing,
            sps: (0..MAX_SPS).map(|_| None).collect(),
            pps: vec![None; MAX_PPS],
            decoded: Vec::new(),
            last: 0,
            begins: true,
            leading_skipped: false,
            since_key: 0,
        };
        if let (Framing::Lengths(_), Some((&arrays, mut sets))) =
            (framing, extradata.get(22..).and_then(<[u8]>::split_first))
        {
            for _ in 0..arrays {
                let [_kind, high, low, rest @ ..] = sets else { break };
                let count = usize::from(*high) << 8 | usize::from(*low);
                sets = parameter_sets(rest, count, |unit| _ = this.set(unit));
            }
        } else {
            let _ = Framing::StartCodes.units(extradata, |unit| {
                let _ = this.set(unit);
                true
            });
        }
        this
    }

    /// Examines the next packet.
    pub fn packet(&mut self, packet: &[u8]) -> Finding {
        let mut finding = Finding::default();
        let units = self.framing.units(packet, |unit| {
            let &[first, second, ..] = unit else { return true };
            let kind = first >> 1 & 63;
            if first & 1 != 0 || second >> 3 != 0 {
                // A picture of another view or quality, which FFmpeg does not decode.
                return true;
            }
            if kind < 32 {
                let _ = self.slice(kind, unit, &mut finding);
                return false;
            }
            self.begins |= END_OF_SEQUENCE.contains(&kind);
            let _ = self.set(unit);
            true
        });
        finding.damaged |= units == Err(BadLength);
        finding
    }

    /// Stores a parameter set. Returns `None` if the unit is another one or malformed.
    fn set(&mut self, unit: &[u8]) -> Option<()> {
        let kind = unit.first()? >> 1 & 63;
        if !matches!(kind, 33 | 34) {
            return None;
        }
        let mut bits = Bits::new(unit, 2);
        if kind == 33 {
            let (number, sps) = Sps::read(&mut bits)?;
            *self.sps.get_mut(number)? = Some(sps);
        } else {
            let (number, pps) = Pps::read(&mut bits)?;
            *self.pps.get_mut(number)? = Some(pps);
        }
        Some(())
    }

    fn slice(&mut self, kind: u8, unit: &[u8], finding: &mut Finding) -> Option<()> {
        let layer = unit.get(1)? & 7;
        let mut bits = Bits::new(&unit[..unit.len().min(512)], 2);
        if !bits.flag()? {
            // The first part of the picture is missing.
            finding.damaged = true;
            return None;
        }
        let is_key = KEYS.contains(&kind);
        if is_key {
            bits.skip(1)?;
        }
        let pps = (*self.pps.get(bits.golomb()? as usize)?)?;
        let sps = self.sps.get(pps.sps)?.as_ref()?;
        bits.skip(pps.extra_slice_bits as usize)?;
        bits.golomb()?;
        if pps.output_flag {
            bits.skip(1)?;
        }
        if sps.separate_planes {
            bits.skip(2)?;
        }
        let begins = is_key && (self.begins || INSTANT_KEYS.contains(&kind));
        let begins = begins || BROKEN_LINKS.contains(&kind);
        let (order, references) = if INSTANT_KEYS.contains(&kind) {
            (0, ReferenceSet::default())
        } else {
            let low = bits.number(sps.order_bits)?.cast_signed();
            let order = full_order(low, if begins { 0 } else { self.last }, sps.order_bits);
            let references = if bits.flag()? {
                let count = u32::try_from(sps.sets.len()).ok()?;
                let number = bits.number(u32::BITS - count.saturating_sub(1).leading_zeros())?;
                sps.sets.get(number as usize)?.clone()
            } else {
                read_reference_set(&mut bits, &sps.sets, true)?
            };
            (order, references)
        };
        if begins {
            self.decoded.clear();
            (self.begins, self.leading_skipped) = (false, !INSTANT_KEYS.contains(&kind));
        } else if is_key {
            self.leading_skipped = false;
        }
        self.since_key = if is_key { 0 } else { self.since_key + 1 };
        let is_leading = SKIPPED_LEADING.contains(&kind);
        if is_leading && self.leading_skipped {
            return Some(());
        }
        let mut needed = references.iter().filter(|step| step.used && !is_key);
        // Before the first key picture, everything is missing.
        let is_lost =
            self.begins || needed.any(|step| !self.decoded.contains(&order.wrapping_add(step.by)));
        // A leading picture needs pictures before the key picture. Those after it do not.
        finding.lost_before = is_lost && !is_leading;
        finding.lost_earlier = (is_lost && is_leading).then_some(self.since_key);
        let kept =
            |decoded: &i32| references.iter().any(|step| order.wrapping_add(step.by) == *decoded);
        self.decoded.retain(kept);
        self.decoded.push(order);
        // Pictures of higher layers, and those that no other picture of their layer needs, do not
        // count.
        if layer == 1 && !(kind < 16 && kind.is_multiple_of(2)) && !(6..=9).contains(&kind) {
            self.last = order;
        }
        Some(())
    }
}

/// Returns the order count of a picture from its low `bits` and the one of an earlier picture.
fn full_order(low: i32, earlier: i32, bits: u32) -> i32 {
    let count = 1_i32 << bits;
    let high = earlier.wrapping_sub(earlier & (count - 1));
    let step = low - (earlier & (count - 1));
    if step <= -count / 2 {
        high.wrapping_add(count).wrapping_add(low)
    } else if step > count / 2 {
        high.wrapping_sub(count).wrapping_add(low)
    } else {
        high.wrapping_add(low)
    }
}
