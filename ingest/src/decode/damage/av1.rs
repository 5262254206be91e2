//! Finds lost pictures in AV1, from the order hints in frame headers.
//!
//! An order hint is the number of a frame in presentation order (AV1 specification, 5.9.2). It
//! begins again at its largest value. Hidden frames have the number at which they are shown later.
//! So the numbers of the shown frames count up by one. A decoder does not notice a missing one: it
//! predicts from the wrong frames. If the frame that a packet shows was lost, the decoder shows an
//! older one. If that is a key frame, the decoder takes it for a new one.

use super::av1_headers::{Header, SLOTS, SequenceHeader, Unit, frame_header, sequence, units};
use super::finding::Finding;

/// Number of frames in a row with the expected numbers before a missing one is believed.
const ENOUGH: u32 = 16;

/// A frame that the decoder keeps.
#[derive(Clone, Copy)]
struct Slot {
    hint: u32,
    /// It is a key frame that was not shown when it was coded.
    is_hidden_key: bool,
}

/// Follows the frames of an AV1 stream in decoding order.
#[derive(Default)]
pub struct Av1 {
    /// `None` before the first one, and if it has no order hints.
    sequence: Option<SequenceHeader>,
    /// The frames that the decoder keeps, if they are known.
    slots: [Option<Slot>; SLOTS],
    /// Order hint of the frame that was shown last.
    shown: Option<u32>,
    /// Number of frames in a row with the expected hint.
    expected: u32,
}

impl Av1 {
    /// `extradata` is the codec's global header in the container, which may be empty.
    pub fn new(extradata: &[u8]) -> Self {
        let mut this = Self::default();
        // The configuration record of MP4 and Matroska begins with four bytes of its own.
        let record = extradata.strip_prefix(&[0x81]).and_then(|rest| rest.get(3..));
        this.packet(record.unwrap_or(extradata));
        this
    }

    /// Examines the next packet.
    pub fn packet(&mut self, packet: &[u8]) -> Finding {
        let mut finding = Finding::default();
        units(packet, |unit| match unit {
            Unit::Sequence(content) => self.sequence = sequence(content),
            Unit::Frame(content) => {
                let header = self.sequence.as_ref();
                let header = header.and_then(|sequence| frame_header(content, sequence));
                if let Some(header) = header {
                    let is_key = self.is_key(&header) || finding.is_key == Some(true);
                    finding.is_key = Some(is_key);
                    finding.lost_before |= self.frame(header);
                }
            }
        });
        finding
    }

    /// Returns whether a frame shows a key frame for the first time.
    fn is_key(&self, header: &Header) -> bool {
        match *header {
            Header::Existing(slot) => {
                self.slots[slot % SLOTS].is_some_and(|slot| slot.is_hidden_key)
            }
            Header::Coded { is_key, is_shown, .. } => is_key && is_shown,
        }
    }

    /// Takes the header of a frame. Returns whether frames before it are missing.
    fn frame(&mut self, header: Header) -> bool {
        match header {
            Header::Existing(slot) => {
                let Some(Slot { hint, is_hidden_key }) = self.slots[slot % SLOTS] else {
                    self.shown = None;
                    return false;
                };
                if is_hidden_key {
                    // It refreshes all slots, and may be shown only once.
                    self.slots = [Some(Slot { hint, is_hidden_key: false }); SLOTS];
                    self.shown = Some(hint);
                    return false;
                }
                self.show(hint)
            }
            Header::Coded { hint, is_key: true, is_shown: true, .. } => {
                let slot = Slot { hint, is_hidden_key: false };
                (self.slots, self.shown) = ([Some(slot); SLOTS], Some(hint));
                false
            }
            Header::Coded { hint, is_key, is_shown, refreshes } => {
                let coded = Slot { hint, is_hidden_key: is_key };
                for (number, slot) in self.slots.iter_mut().enumerate() {
                    match refreshes {
                        None => *slot = None,
                        Some(refreshes) if refreshes >> number & 1 == 1 => *slot = Some(coded),
                        Some(_) => {}
                    }
                }
                is_shown && self.show(hint)
            }
        }
    }

    fn show(&mut self, hint: u32) -> bool {
        let Some(last) = self.shown.replace(hint) else { return false };
        let bits = self.sequence.map_or(1, |sequence| sequence.hint_bits);
        // A picture of another quality has the same number.
        match hint.wrapping_sub(last) & ((1 << bits) - 1) {
            0 => false,
            1 => {
                self.expected += 1;
                false
            }
            _ => std::mem::take(&mut self.expected) >= ENOUGH,
        }
    }
}
