//! Reading the headers of AV1: units of a packet, the sequence, and the beginning of frames.
//!
//! The numbers of sections are those of the AV1 specification.

use super::bits::Bits;

/// Number of frames that a decoder keeps.
pub const SLOTS: usize = 8;

const SEQUENCE: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
/// Kinds of frames.
const KEY: u32 = 0;
const INTRA_ONLY: u32 = 2;
const SWITCH: u32 = 3;
/// The value of a tool of the sequence that each frame chooses.
const CHOSEN: u32 = 2;

/// The content of a unit of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit<'a> {
    Sequence(&'a [u8]),
    Frame(&'a [u8]),
}

/// What the headers of frames need of the sequence header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceHeader {
    /// Bits of an order hint, at least 1.
    pub hint_bits: u32,
    /// Bits of a frame's time, if every shown frame has one.
    time_bits: Option<u32>,
    /// Frames may have the times at which a model of a decoder removes them.
    has_model: bool,
    /// Bits of a frame's identifier, if it has one.
    id_bits: Option<u32>,
    screen_content: u32,
    integer_motion: u32,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Shows a frame of a slot.
    Existing(usize),
    Coded {
        hint: u32,
        is_key: bool,
        is_shown: bool,
        /// The slots that get the frame, one bit for each; `None` if they are not known.
        refreshes: Option<u32>,
    },
}

/// Passes the units of a packet that matter here. Those of other qualities are left out.
pub fn units<'a>(mut packet: &'a [u8], mut visit: impl FnMut(Unit<'a>)) {
    while let Some((kind, content, rest)) = unit(packet) {
        match kind {
            Some(SEQUENCE) => visit(Unit::Sequence(content)),
            Some(FRAME | FRAME_HEADER) => visit(Unit::Frame(content)),
            _ => {}
        }
        packet = rest;
    }
}

/// Splits off the first unit (5.3): its kind, its content and what follows it.
///
/// The kind is `None` if it belongs to another quality, which is not decoded.
fn unit(bytes: &[u8]) -> Option<(Option<u8>, &[u8], &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    let (layer, rest) = match head & 4 {
        0 => (0, rest),
        _ => (rest.first()? >> 3 & 3, &rest[1..]),
    };
    let kind = (layer == 0).then_some(head >> 3 & 15);
    if head & 2 == 0 {
        return Some((kind, rest, &[]));
    }
    let end = rest.iter().take(8).position(|byte| byte & 0x80 == 0)?;
    let size = rest[..=end].iter().rev().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
    let (content, rest) = rest[end + 1..].split_at_checked(size)?;
    Some((kind, content, rest))
}

/// Reads a sequence header (5.5). `None` if its frames have no order hints, or it is cut off.
pub fn sequence(content: &[u8]) -> Option<SequenceHeader> {
    let mut bits = Bits::plain(content);
    let mut found = SequenceHeader::default();
    bits.skip(4)?;
    if bits.flag()? {
        return None;
    }
    let mut delay_bits = 0;
    if bits.flag()? {
        bits.skip(64)?;
        let has_equal_steps = bits.flag()?;
        if has_equal_steps {
            bits.golomb()?;
        }
        found.has_model = bits.flag()?;
        if found.has_model {
            delay_bits = bits.number(5)? as usize + 1;
            bits.skip(32 + 5)?;
            found.time_bits = Some(bits.number(5)? + 1).filter(|_| !has_equal_steps);
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.number(5)? {
        bits.skip(12)?;
        if bits.number(5)? > 7 {
            bits.skip(1)?;
        }
        if found.has_model && bits.flag()? {
            bits.skip(2 * delay_bits + 1)?;
        }
        if has_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
    bits.skip((width_bits + height_bits) as usize)?;
    if bits.flag()? {
        let difference = bits.number(4)? + 2;
        found.id_bits = Some(bits.number(3)? + difference + 1);
    }
    // Large blocks, two tools of prediction inside a frame, four of prediction from others.
    bits.skip(3 + 4)?;
    let has_hints = bits.flag()?;
    if has_hints {
        bits.skip(2)?;
    }
    found.screen_content = if bits.flag()? { CHOSEN } else { bits.number(1)? };
    found.integer_motion = CHOSEN;
    if found.screen_content > 0 && !bits.flag()? {
        found.integer_motion = bits.number(1)?;
    }
    if !has_hints {
        return None;
    }
    found.hint_bits = bits.number(3)? + 1;
    Some(found)
}

/// Reads the beginning of a frame header (5.9.2).
pub fn frame_header(content: &[u8], sequence: &SequenceHeader) -> Option<Header> {
    let mut bits = Bits::plain(&content[..content.len().min(64)]);
    if bits.flag()? {
        return Some(Header::Existing(bits.number(3)? as usize));
    }
    let (kind, is_shown) = (bits.number(2)?, bits.flag()?);
    if is_shown {
        bits.skip(sequence.time_bits.unwrap_or(0) as usize)?;
    } else {
        bits.skip(1)?;
    }
    let is_key = kind == KEY;
    let is_resilient = kind == SWITCH || is_key && is_shown || bits.flag()?;
    bits.skip(1)?;
    let screen_content = match sequence.screen_content {
        CHOSEN => bits.number(1)?,
        fixed => fixed,
    };
    if screen_content > 0 && sequence.integer_motion == CHOSEN {
        bits.skip(1)?;
    }
    bits.skip(sequence.id_bits.unwrap_or(0) as usize)?;
    if kind != SWITCH {
        bits.skip(1)?;
    }
    let hint = bits.number(sequence.hint_bits)?;
    if !(is_key || kind == INTRA_ONLY || is_resilient) {
        bits.skip(3)?;
    }
    let refreshes = if kind == SWITCH || is_key && is_shown {
        Some(u32::MAX)
    } else if sequence.has_model {
        // Times of an unknown number come first.
        None
    } else {
        Some(bits.number(8)?)
    };
    Some(Header::Coded { hint, is_key, is_shown, refreshes })
}
