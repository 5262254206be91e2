//! Finds lost pictures in MPEG-1 and MPEG-2, from the numbers in picture headers.
//!
//! `temporal_reference` counts the pictures of a group in presentation order (ISO/IEC 13818-2,
//! 6.3.9). B-pictures come after the later of their two references. So when the next reference
//! comes, the pictures between these two are known, and a missing number is a lost picture. A lost
//! B-picture counts, too, because it cannot be told from a lost reference.

use super::bits::Framing;
use super::finding::Finding;

/// The numbers are below this, and begin again.
const NUMBERS: u16 = 1024;
/// Number of references in a row with the expected numbers before a missing one is believed.
const ENOUGH: u32 = 4;

const PICTURE: u8 = 0x00;
const INTRA: u8 = 1;
const PREDICTED: u8 = 2;
const BIDIRECTIONAL: u8 = 3;

/// Follows the pictures of an MPEG-1 or MPEG-2 stream in decoding order.
#[derive(Default)]
pub struct Mpeg12 {
    /// Numbers of the last reference and of the one before it, if they are known.
    latest: Option<u16>,
    before: Option<u16>,
    /// Number of B-pictures since the last reference.
    between: u16,
    /// Number of packets since the last reference.
    packets: u64,
    /// Number of references with the expected numbers.
    expected: u32,
}

impl Mpeg12 {
    /// Examines the next packet.
    pub fn packet(&mut self, packet: &[u8]) -> Finding {
        let mut finding = Finding::default();
        self.packets += 1;
        let _ = Framing::StartCodes.units(packet, |unit| match unit {
            [PICTURE, high, low, ..] => {
                let number = u16::from(*high) << 2 | u16::from(*low) >> 6;
                finding = self.picture(number, low >> 3 & 7);
                false
            }
            _ => true,
        });
        finding
    }

    fn picture(&mut self, number: u16, kind: u8) -> Finding {
        let mut finding = Finding::default();
        match kind {
            INTRA => self.reference(None, number),
            PREDICTED => {
                if let (Some(before), Some(latest)) = (self.before, self.latest) {
                    let whole = steps(before, latest) == self.between + 1;
                    if !whole && self.expected >= ENOUGH {
                        finding.lost_earlier = Some(self.packets);
                    }
                    self.expected = if whole { self.expected + 1 } else { 0 };
                }
                self.reference(self.latest, number);
            }
            BIDIRECTIONAL => {
                self.between = self.between.saturating_add(1);
                let is_later = |latest: u16| steps(latest, number) < NUMBERS / 2;
                if self.latest.take_if(|latest| is_later(*latest)).is_some() {
                    // The later one of its references did not come.
                    finding.lost_before = self.expected >= ENOUGH;
                }
            }
            _ => {}
        }
        finding
    }

    fn reference(&mut self, before: Option<u16>, number: u16) {
        (self.before, self.latest) = (before, Some(number));
        (self.between, self.packets) = (0, 0);
    }
}

/// The number of steps from one number to another.
fn steps(from: u16, to: u16) -> u16 {
    (to % NUMBERS + NUMBERS - from % NUMBERS) % NUMBERS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with the header of a picture.
    fn picture(kind: u8, number: u16) -> Vec<u8> {
        let [high, low] = (number << 6 | u16::from(kind) << 3).to_be_bytes();
        vec![0, 0, 1, 0xb3, 5, 5, 0, 0, 1, PICTURE, high, low, 9]
    }

    /// Returns the packets before which pictures are missing, if `lost` packets are.
    fn found(packets: &[Vec<u8>], lost: &[usize]) -> Vec<usize> {
        let mut stream = Mpeg12::default();
        let mut found = Vec::new();
        let here = packets.iter().enumerate().filter(|(at, _)| !lost.contains(at));
        let places: Vec<usize> = here.clone().map(|(at, _)| at).collect();
        for (count, (at, packet)) in here.enumerate() {
            let finding = stream.packet(packet);
            found.extend(finding.lost_before.then_some(at));
            let ago = finding.lost_earlier.map(|ago| usize::try_from(ago).unwrap());
            found.extend(ago.map(|ago| places[count - ago]));
        }
        found
    }

    /// Catches: lost pictures are not found, or too late, with or without B-pictures; the numbers
    /// of a new group, or those that begin again, are a loss.
    #[test]
    fn a_missing_number_is_a_lost_picture() {
        let kind = |number: u16| if number == 0 { INTRA } else { PREDICTED };
        let simple: Vec<_> = (0..1100).map(|i| picture(kind(i % 1030), i % NUMBERS)).collect();
        assert_eq!(found(&simple, &[]), [0; 0]);
        assert_eq!(found(&simple, &[10, 11, 12]), [13]);
        assert_eq!(found(&simple, &[1026]), [1027], "the numbers begin again");
        assert_eq!(found(&simple, &[2]), [0; 0], "not believed yet");
        // In decoding order: I2 B0 B1 P5 B3 B4 P8 …
        let group = [(INTRA, 2), (BIDIRECTIONAL, 0), (BIDIRECTIONAL, 1)].into_iter().chain(
            (1..9).flat_map(|i| {
                let late = [(BIDIRECTIONAL, 3 * i), (BIDIRECTIONAL, 3 * i + 1)];
                [(PREDICTED, 3 * i + 2)].into_iter().chain(late)
            }),
        );
        let group: Vec<_> = group.map(|(kind, number)| picture(kind, number)).collect();
        let two = [&group[..], &group].concat();
        assert_eq!(found(&two, &[]), [0; 0]);
        assert_eq!(found(&two, &[18]), [19], "a P-picture");
        assert_eq!(found(&two, &[19]), [18], "a B-picture");
        assert_eq!(found(&two, &[27, 28, 29]), [30], "the I-picture of the second group");
    }

    /// Catches: an encoder that does not count is said to lose pictures.
    #[test]
    fn numbers_that_do_not_count_are_not_believed() {
        let constant: Vec<_> = (0..50).map(|_| picture(PREDICTED, 0)).collect();
        assert_eq!(found(&constant, &[7, 8]), [0; 0]);
        assert_eq!(found(&[vec![0, 0, 1, PICTURE], Vec::new()], &[]), [0; 0]);
    }
}
