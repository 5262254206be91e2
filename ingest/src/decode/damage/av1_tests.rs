//! AV1 streams whose frames get lost, made bit by bit.

use super::av1::Av1;
use super::av1_headers::{Header, Unit, frame_header, sequence, units};

const SEQUENCE: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const KEY: u32 = 0;
const INTER: u32 = 1;

/// Packs numbers of given lengths into a unit of a kind.
fn packed(kind: u8, fields: &[(u32, u32)]) -> Vec<u8> {
    let bit = |(value, length): (u32, u32)| {
        (0..length).rev().map(move |bit| u8::from(value >> bit & 1 == 1))
    };
    let bits: Vec<u8> = fields.iter().copied().flat_map(bit).collect();
    let byte = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum << 1 | bit) << (8 - bits.len());
    let content: Vec<u8> = bits.chunks(8).map(byte).collect();
    [&[kind << 3 | 2, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

/// A sequence header whose order hints have three bits.
fn header() -> Vec<u8> {
    let begin = [(0, 3), (0, 2), (0, 1), (0, 1), (0, 5), (0, 12), (0, 5)];
    let size = [(5, 4), (5, 4), (63, 6), (63, 6), (0, 1)];
    // Order hints follow seven tools. Then come two of their tools, and two that are off.
    let tools = [(0, 7), (1, 1), (0, 2), (0, 1), (0, 1), (2, 3)];
    packed(SEQUENCE, &[&begin[..], &size, &tools].concat())
}

fn frame(kind: u32, is_shown: bool, hint: u32, refreshes: u32) -> Vec<u8> {
    let mut fields = vec![(0, 1), (kind, 2), (u32::from(is_shown), 1)];
    if !is_shown {
        fields.push((1, 1));
    }
    let is_first = kind == KEY && is_shown;
    if !is_first {
        fields.push((0, 1));
    }
    fields.extend([(0, 1), (0, 1), (hint % 8, 3)]);
    if kind != KEY {
        fields.push((0, 3));
    }
    if !is_first {
        fields.push((refreshes, 8));
    }
    packed(FRAME, &fields)
}

fn existing(slot: u32) -> Vec<u8> {
    packed(FRAME_HEADER, &[(1, 1), (slot, 3), (0, 4)])
}

/// Returns the packets before which frames are missing, if `lost` packets are.
fn found(packets: &[Vec<u8>], lost: &[usize]) -> Vec<usize> {
    let mut stream = Av1::new(&[]);
    let kept = (0..packets.len()).filter(|at| !lost.contains(at));
    kept.filter(|&at| stream.packet(&packets[at]).lost_before).collect()
}

/// Catches: a field of the headers is read at a wrong place; a header that ends early causes a
/// panic.
#[test]
fn headers_are_read() {
    let read = |packet: &[u8]| {
        let (mut known, mut read) = (None, None);
        units(packet, |unit| match unit {
            Unit::Sequence(content) => known = sequence(content),
            Unit::Frame(content) => {
                read = known.as_ref().and_then(|known| frame_header(content, known));
            }
        });
        read
    };
    let coded = |hint, is_key, is_shown, refreshes| {
        Some(Header::Coded { hint, is_key, is_shown, refreshes: Some(refreshes) })
    };
    let after = |frame: Vec<u8>| read(&[header(), frame].concat());
    assert_eq!(after(frame(INTER, true, 6, 0x81)), coded(6, false, true, 0x81));
    assert_eq!(after(frame(INTER, false, 5, 2)), coded(5, false, false, 2));
    assert_eq!(after(frame(KEY, true, 0, 0)), coded(0, true, true, u32::MAX));
    assert_eq!(after(existing(3)), Some(Header::Existing(3)));
    let whole = [header(), frame(INTER, true, 6, 0x81)].concat();
    for length in 0..whole.len() {
        Av1::new(&whole[..length]).packet(&whole[..length]);
    }
}

/// Catches: a lost frame is not found, or a number that begins again, a key frame or a hidden frame
/// is a loss.
#[test]
fn a_missing_number_is_a_lost_frame() {
    let key = [header(), frame(KEY, true, 0, 0)].concat();
    // After the key frame, two frames each: a hidden one that is shown after the other.
    let pairs = (0..30).flat_map(|pair| {
        let hint = 2 * pair + 1;
        let both = [frame(INTER, false, hint + 1, 4), frame(INTER, true, hint, 1)].concat();
        [both, existing(2)]
    });
    let group: Vec<Vec<u8>> = std::iter::once(key).chain(pairs).collect();
    let two = [&group[..], &group].concat();
    assert_eq!(found(&two, &[]), [0; 0]);
    assert_eq!(found(&two, &[30]), [31], "a shown one");
    assert_eq!(found(&two, &[31]), [33], "a hidden one: an older frame is shown again");
    assert_eq!(found(&two, &[30, 31, 32, 33]), [35], "34 shows the one that 30 showed");
    assert_eq!(found(&two, &[59, 60]), [0; 0], "a key frame follows");
    assert_eq!(found(&two, &[4]), [0; 0], "not believed yet");
}

/// Catches: an old key frame that a decoder shows again, because the frame in its place was lost,
/// ends the damage; a hidden key frame that is shown later does not.
#[test]
fn a_key_frame_is_shown_once() {
    let mut stream = Av1::new(&[]);
    let mut key = |packet: &[u8]| stream.packet(packet).is_key;
    assert_eq!(key(&[header(), frame(KEY, true, 0, 0)].concat()), Some(true));
    assert_eq!(key(&frame(INTER, true, 1, 1)), Some(false));
    assert_eq!(key(&existing(5)), Some(false), "the frame in slot 5 is the key frame");
    assert_eq!(key(&[frame(KEY, false, 4, 32), frame(INTER, true, 2, 1)].concat()), Some(false));
    assert_eq!(key(&existing(5)), Some(true));
    assert_eq!(key(&existing(5)), Some(false));
    assert_eq!(key(&[]), None);
}
