//! Streams whose pictures get lost, made bit by bit.

use super::finding::{Finding, Refresh};
use super::h264::H264;
use super::hevc::Hevc;
use super::{DecodedFrame, FrameState, LossTracker};

/// Writes bits, most significant first.
#[derive(Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn number(mut self, value: u32, bits: u32) -> Self {
        self.bits.extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn golomb(self, value: u32) -> Self {
        let bits = (value + 1).ilog2();
        self.number(0, bits).number(value + 1, bits + 1)
    }

    fn golombs(self, values: &[u32]) -> Self {
        values.iter().fold(self, |writer, &value| writer.golomb(value))
    }

    /// Returns a unit after its start code, with a stop bit.
    fn unit(self, head: &[u8]) -> Vec<u8> {
        let mut writer = self.number(1, 1);
        writer.bits.resize(writer.bits.len().next_multiple_of(8), false);
        let (bytes, _) = writer.bits.as_chunks::<8>();
        let byte = |bits: &[bool; 8]| bits.iter().fold(0, |sum, &bit| sum << 1 | u8::from(bit));
        let mut unit = [&[0, 0, 1], head].concat();
        for byte in bytes.iter().map(byte) {
            if unit.ends_with(&[0, 0]) && byte <= 3 {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }
}

/// The parameter sets of an H.264 stream whose `frame_num` has four bits.
fn h264_sets() -> Vec<u8> {
    let sps = Writer::default().number(66 << 16, 24).golombs(&[0, 0, 2, 1]).number(0, 1);
    [sps.unit(&[0x67]), Writer::default().golombs(&[0, 0]).unit(&[0x68])].concat()
}

/// A slice of an H.264 picture; `head` is its kind.
fn h264_slice(head: u8, frame_num: u32) -> Vec<u8> {
    Writer::default().golombs(&[0, 0, 0]).number(frame_num, 4).number(77, 8).unit(&[head])
}

const KEY: u8 = 0x65;
const REFERENCE: u8 = 0x41;
const UNREFERENCED: u8 = 0x01;

fn findings(packets: &[Vec<u8>]) -> Vec<Finding> {
    let mut h264 = H264::new(&h264_sets());
    packets.iter().map(|packet| h264.packet(packet)).collect()
}

/// Catches: a lost reference picture of H.264 is not noticed; a picture that no other refers to, a
/// key frame or a wrapped number counts as a loss.
#[test]
fn a_gap_in_the_frame_numbers_is_a_loss() {
    let whole: Vec<Vec<u8>> = (0..40)
        .flat_map(|i| {
            let reference = h264_slice(if i % 20 == 0 { KEY } else { REFERENCE }, i % 20 % 16);
            [reference, h264_slice(UNREFERENCED, (i % 20 + 1) % 16)]
        })
        .collect();
    assert!(findings(&whole).iter().all(|finding| *finding == Finding::default()));
    let without = |lost: &[usize]| {
        let packets = whole.iter().enumerate().filter(|(i, _)| !lost.contains(i));
        let packets: Vec<_> = packets.map(|(_, packet)| packet.clone()).collect();
        let found = findings(&packets);
        found
            .iter()
            .enumerate()
            .filter(|(_, found)| found.lost_before)
            .map(|(i, _)| i)
            .collect::<Vec<_>>()
    };
    assert_eq!(without(&[10]), [10]);
    assert_eq!(without(&[10, 11, 12]), [10]);
    assert_eq!(without(&[11, 13]), [0; 0], "nothing refers to them");
    assert_eq!(without(&[38, 39]), [0; 0], "a key frame follows");
}

/// Catches: a refreshed picture counts as damaged for ever, because the stream has no key frames.
#[test]
fn a_refresh_ends_the_damage() {
    let refresh = Writer::default().number(6 << 8 | 1, 16).golomb(3).unit(&[6]);
    let packets = (0..20).map(|i| {
        let slice = h264_slice(if i == 0 { KEY } else { REFERENCE }, i % 16);
        if i == 10 { [refresh.clone(), slice].concat() } else { slice }
    });
    let found = findings(&packets.clone().collect::<Vec<_>>());
    assert_eq!((found[10].refresh, found[13].refresh), (Refresh::Begins, Refresh::Complete));
    let corrupt = |lost: u32| {
        let mut tracker = LossTracker::new("h264", &h264_sets(), 1000);
        let mut corrupt = Vec::new();
        for (i, packet) in (0..).zip(packets.clone()).filter(|&(i, _)| i != lost) {
            tracker.packet(Some(i64::from(i) * 33), &packet, false);
            if tracker.frame(frame(i64::from(i) * 33, i == 0)).corrupt {
                corrupt.push(i);
            }
        }
        corrupt
    };
    assert_eq!(corrupt(5), [6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(corrupt(11), [12, 13, 14, 15, 16, 17, 18, 19], "it was lost during the refresh");
}

/// Catches: a file whose lengths are wrong or whose headers end early causes a panic.
#[test]
fn malformed_units_are_no_evidence_or_damage() {
    let mut boxed = H264::new(&[1, 66, 0, 10, 255, 0]);
    assert!(boxed.packet(&[0, 0, 0, 0, 0, 0]).damaged, "zeros instead of data");
    assert!(boxed.packet(&[0, 0, 0, 9, 0x41]).damaged, "a length beyond the end");
    assert!(!boxed.packet(&[0, 0, 0, 1, 0x41]).damaged);
    let whole = [h264_sets(), h264_slice(KEY, 0)].concat();
    for length in 0..whole.len() {
        H264::new(&whole[..length]).packet(&whole[..length]);
        Hevc::new(&whole[..length]).packet(&whole[..length]);
    }
}

/// The parameter sets of an HEVC stream with one set of references: the picture before.
fn hevc_sets() -> Vec<u8> {
    let sps = Writer::default().number(0, 8).number(0, 32).number(0, 32).number(0, 32);
    let sps = sps.golombs(&[0, 1, 64, 64]).number(0, 1).golombs(&[0, 0, 0]).number(1, 1);
    let sps = sps.golombs(&[1, 0, 0]).golombs(&[0, 0, 0, 0, 0, 0]).number(0, 4);
    let sps = sps.golomb(1).golombs(&[1, 0, 0]).number(1, 1);
    let pps = Writer::default().golombs(&[0, 0]).number(0, 5);
    [sps.unit(&[33 << 1, 1]), pps.unit(&[34 << 1, 1])].concat()
}

fn hevc_slice(kind: u8, order: u32) -> Vec<u8> {
    let slice = Writer::default().number(1, 1);
    let is_key = kind >= 16;
    let slice = if is_key { slice.number(0, 1) } else { slice }.golombs(&[0, 1]);
    let has_order = !matches!(kind, 19 | 20);
    let slice = if has_order { slice.number(order % 16, 4).number(1, 1) } else { slice };
    slice.number(77, 8).unit(&[kind << 1, 1])
}

/// Catches: a lost reference picture of HEVC is not noticed, or order counts that wrap are losses.
#[test]
fn a_missing_reference_is_a_loss() {
    let lost_before = |lost: &[u32]| {
        let mut hevc = Hevc::new(&hevc_sets());
        let packets = (0..50)
            .filter(|i| !lost.contains(i))
            .map(|i| (i, if i % 25 == 0 { hevc_slice(19, 0) } else { hevc_slice(1, i % 25) }));
        let found = packets.filter(|(_, packet)| hevc.packet(packet).lost_before);
        found.map(|(i, _)| i).collect::<Vec<_>>()
    };
    assert_eq!(lost_before(&[]), [0; 0]);
    assert_eq!(lost_before(&[7]), [8]);
    assert_eq!(lost_before(&[7, 8, 9]), [10]);
    assert_eq!(lost_before(&[24]), [0; 0], "a key frame follows");
    assert_eq!(lost_before(&[0]), (1..25).collect::<Vec<_>>(), "no key frame yet");
}

/// Catches: after a loss, all pictures up to the second key picture are damaged, because those that
/// are shown before the first one need lost pictures.
#[test]
fn a_loss_before_a_key_picture_ends_there() {
    const OPEN_KEY: u8 = 21;
    const LEADING: u8 = 9;
    let mut hevc = Hevc::new(&hevc_sets());
    let _ = hevc.packet(&hevc_slice(19, 0));
    let before: Vec<Finding> = (1..20).map(|i| hevc.packet(&hevc_slice(1, i))).collect();
    assert!(before.iter().all(|finding| *finding == Finding::default()));
    assert_eq!(hevc.packet(&hevc_slice(OPEN_KEY, 25)), Finding::default());
    let earlier = Finding { lost_earlier: Some(1), ..Finding::default() };
    assert_eq!(hevc.packet(&hevc_slice(LEADING, 24)), earlier);
    let mut tracker = LossTracker::new("hevc", &hevc_sets(), 1000);
    let packets =
        [(0, hevc_slice(19, 0)), (25, hevc_slice(OPEN_KEY, 25)), (24, hevc_slice(LEADING, 24))];
    for (pts, data) in &packets {
        tracker.packet(Some(*pts), data, false);
    }
    let corrupt = [0, 24, 25].map(|pts| tracker.frame(frame(pts, pts != 24)).corrupt);
    assert_eq!(corrupt, [false, true, false]);
}

/// Catches: every segment of a joined stream ends with a damaged frame, because the demuxer marks
/// its last packet; lost seconds after such a packet are a pause.
#[test]
fn a_marked_packet_may_be_whole() {
    let mut tracker = LossTracker::new("mpeg2video", &[], 1000);
    tracker.packet(Some(0), &[], true);
    let state = FrameState { corrupt: false, interrupted: true, follows_error: false };
    assert_eq!(tracker.frame(frame(0, true)), state);
}

fn frame(pts: i64, is_key: bool) -> DecodedFrame {
    DecodedFrame { pts: Some(pts), is_key, is_marked: false }
}

/// A stream with two pictures between the references, in decoding order, with a key every 12.
const ORDER: [i64; 24] =
    [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11, 15, 13, 14, 18, 16, 17, 21, 19, 20, 24, 22];

/// Returns the frames that depend on the loss of a packet with an error, in presentation order.
fn after_error(lost: i64) -> Vec<i64> {
    let mut tracker = LossTracker::new("mpeg4", &[], 1000);
    let (mut decoded, mut out, mut corrupt) = (Vec::new(), 0, Vec::new());
    for number in ORDER {
        tracker.packet(Some(number * 33), &[], false);
    }
    for number in ORDER {
        if number == lost {
            tracker.failed();
        } else {
            decoded.push(number);
        }
        // A reference comes out when the next one is decoded.
        if number % 3 != 0 && number != lost {
            out = number;
            corrupt.extend(tracker.frame(frame(number * 33, false)).corrupt.then_some(number));
        } else if let Some(&next) =
            decoded.iter().filter(|&&next| next > out && next < number).min()
        {
            out = next;
            corrupt.extend(tracker.frame(frame(next * 33, next % 12 == 0)).corrupt.then_some(next));
        }
    }
    corrupt
}

/// Catches: only the frame of a damaged packet counts, a key frame does not end the damage, or
/// frames before a key frame that refer to lost ones are taken for whole.
#[test]
fn damage_lasts_until_a_key_frame() {
    assert_eq!(after_error(6), [4, 5, 7, 8, 9, 10, 11]);
    let mut marked = LossTracker::new("h263", &[], 1000);
    let corrupt = (0..20).filter(|&i| {
        marked.packet(Some(i * 33), &[], i == 5);
        if i == 15 {
            marked.skipped();
        }
        marked.frame(DecodedFrame { is_marked: i == 12, ..frame(i * 33, i % 10 == 0) }).corrupt
    });
    assert_eq!(corrupt.collect::<Vec<_>>(), [5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19]);
}

/// Catches: seconds that the decoder could not decode are a pause, because a key frame follows.
#[test]
fn a_frame_may_follow_an_error() {
    let mut tracker = LossTracker::new("av1", &[], 1000);
    let follows = (0..30).filter(|&i| {
        tracker.packet(Some(i * 33), &[], false);
        let fails = i == 0 || (5..20).contains(&i);
        if fails {
            tracker.failed();
        }
        !fails && tracker.frame(frame(i * 33, i == 1 || i == 20)).follows_error
    });
    assert_eq!(follows.collect::<Vec<_>>(), [20]);
}

/// Catches: a clock that starts again takes the new frames for lost ones; without time stamps,
/// damage never ends.
#[test]
fn time_stamps_may_start_again_or_be_missing() {
    let mut again = LossTracker::new("mpeg4", &[], 1000);
    let times: Vec<i64> = (0..10).map(|i| 5000 + i * 33).chain((0..10).map(|i| i * 33)).collect();
    for &time in &times {
        again.packet(Some(time), &[], false);
    }
    assert!(times.iter().all(|&time| !again.frame(frame(time, time == 5000)).corrupt));
    let mut none = LossTracker::new("mpeg4", &[], 1000);
    let corrupt = (0..20).filter(|&i| {
        none.packet(None, &[], false);
        if i == 5 {
            none.failed();
            return false;
        }
        none.frame(DecodedFrame { pts: None, is_key: i % 10 == 0, is_marked: false }).corrupt
    });
    assert_eq!(corrupt.collect::<Vec<_>>(), [6, 7, 8, 9]);
}
