//! Which frames depend on lost data.
//!
//! A decoder repairs lost pictures from earlier ones, and most decoders do not say so. All pictures
//! that refer to a repaired one are wrong, up to the next key frame. Loss shows in several ways:
//! - The demuxer skipped data, or marked a packet as damaged (MPEG-TS counts its packets). It also
//!   marks whole packets, for example where segments of a stream are joined. So a mark counts only
//!   if the decoder of the codec does not notice missing data itself.
//! - The decoder returned an error, or marked a frame as damaged.
//! - The headers of H.264 and HEVC refer to pictures that are not there ([`h264`], [`hevc`]), those
//!   of MPEG-1, MPEG-2 and AV1 leave out a number ([`mpeg12`], [`av1`]), or those of MPEG-4 break a
//!   pattern ([`mpeg4`]).
//! - Two passes before decoding find frames that left no trace but a hole in the time stamps
//!   ([`silent`]).
//! - A packet has a hole of zeros, which its decoder may accept ([`holes`]).
//!
//! A frame depends on a loss if its packet comes later in the file, in decoding order, and no key
//! frame lies between them. Pictures that are shown before a key frame but decoded after it may
//! refer to pictures before it, so the key frame counts from its time on. What is found does not
//! depend on the number of threads, because a decoder returns frames and errors in the same order.

mod av1;
mod av1_headers;
#[cfg(test)]
mod av1_tests;
mod bits;
mod finding;
mod h264;
mod hevc;
mod hevc_sets;
mod holes;
mod mpeg12;
mod mpeg4;
mod silent;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use av1::Av1;
pub use bits::{Bits, Framing};
use finding::{Finding, Refresh};
use h264::H264;
use hevc::Hevc;
use holes::HoleFinder;
use mpeg4::Mpeg4;
use mpeg12::Mpeg12;
pub use silent::{POINTS, PacketTimes, SilentLosses, is_silent};

/// Codecs whose decoders mark every frame with missing data.
const SELF_CHECKING: [&str; 4] = ["h264", "mpeg1video", "mpeg2video", "mpeg4"];
/// Largest number of packets that wait for their frames.
const MAX_WAITING: usize = 512;

/// Follows the headers of a stream, if its codec is known.
enum Headers {
    H264(Box<H264>),
    Hevc(Box<Hevc>),
    Mpeg12(Mpeg12),
    Mpeg4(Mpeg4),
    Av1(Box<Av1>),
    Unknown,
}

/// A packet whose frame did not come out yet.
#[derive(Clone, Copy)]
struct Waiting {
    pts: Option<i64>,
    /// Its place in decoding order: even numbers.
    place: u64,
    /// If its frame is whole, the place from which on no loss matters.
    whole_from: Option<u64>,
    /// The decoder may skip it.
    unneeded: bool,
    /// The demuxer marked it as damaged.
    is_marked: bool,
    /// Whether its headers say that it is a key frame; `None` if the decoder knows it.
    is_key: Option<bool>,
}

/// A decoded frame, as far as damage is concerned.
#[derive(Clone, Copy, Debug)]
pub struct DecodedFrame {
    /// Presentation time of the frame's packet.
    pub pts: Option<i64>,
    pub is_key: bool,
    /// The decoder marked the frame as damaged.
    pub is_marked: bool,
}

/// What is known about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameState {
    /// The frame is damaged, or depends on lost data.
    pub corrupt: bool,
    /// By the demuxer, data are missing in the frame's packet or after it.
    pub interrupted: bool,
    /// The decoder returned an error since the frame before.
    pub follows_error: bool,
}

/// Tells which frames of one file depend on lost data.
pub struct LossTracker {
    headers: Headers,
    holes: HoleFinder,
    /// A packet that the demuxer marked is damaged.
    trusts_marks: bool,
    /// Time by which the order of packets and of frames may differ, in time-base units.
    reorder: i64,
    waiting: VecDeque<Waiting>,
    /// Place of the next packet.
    next: u64,
    /// Data before the next packet are lost.
    skipped: bool,
    /// Places of losses: even ones in a packet, odd ones before the next packet.
    losses: BTreeSet<u64>,
    /// Losses before this place do not matter to the frames that come out now.
    whole_from: u64,
    /// Place where the last refresh began.
    refresh: Option<u64>,
    /// Latest place of a frame that came out.
    latest: Option<u64>,
    /// `latest` when the decoder returned an error whose packet is not known yet.
    failed: Option<u64>,
    /// The decoder returned an error since the last frame.
    follows_error: bool,
}

impl LossTracker {
    /// Creates a tracker for a codec, by FFmpeg's name, and its global header.
    ///
    /// `second` is the number of time-base units in a second.
    pub fn new(codec: &str, extradata: &[u8], second: i64) -> Self {
        let headers = match codec {
            "h264" => Headers::H264(Box::new(H264::new(extradata))),
            "hevc" => Headers::Hevc(Box::new(Hevc::new(extradata))),
            "mpeg1video" | "mpeg2video" => Headers::Mpeg12(Mpeg12::default()),
            "mpeg4" => Headers::Mpeg4(Mpeg4::new(extradata)),
            "av1" => Headers::Av1(Box::new(Av1::new(extradata))),
            _ => Headers::Unknown,
        };
        Self {
            headers,
            holes: HoleFinder::new(codec, extradata),
            trusts_marks: !SELF_CHECKING.contains(&codec),
            reorder: second.max(1),
            waiting: VecDeque::new(),
            next: 2,
            skipped: false,
            losses: BTreeSet::new(),
            whole_from: 0,
            refresh: None,
            latest: None,
            failed: None,
            follows_error: false,
        }
    }

    /// Records that the demuxer skipped damaged data.
    pub fn skipped(&mut self) {
        self.skipped = true;
    }

    /// Records the next packet in decoding order.
    ///
    /// `is_marked` is true if the demuxer marked it as damaged.
    pub fn packet(&mut self, pts: Option<i64>, data: &[u8], is_marked: bool) {
        let finding = match &mut self.headers {
            Headers::H264(headers) => headers.packet(data),
            Headers::Hevc(headers) => headers.packet(data),
            Headers::Mpeg12(headers) => headers.packet(data),
            Headers::Mpeg4(headers) => headers.packet(data),
            Headers::Av1(headers) => headers.packet(data),
            Headers::Unknown => Finding::default(),
        };
        let place = self.next;
        self.next += 2;
        if std::mem::take(&mut self.skipped) || finding.lost_before {
            self.losses.insert(place - 1);
        }
        let earlier = finding.lost_earlier.map(|ago| (place - 1).saturating_sub(2 * ago));
        self.losses.extend(earlier.filter(|&earlier| earlier > self.whole_from));
        let has_hole = self.holes.has_hole(data);
        if (is_marked && self.trusts_marks) || finding.damaged || has_hole {
            self.losses.insert(place);
        }
        if finding.refresh == Refresh::Begins {
            self.refresh = Some(place);
        }
        let whole_from = self.refresh.take_if(|_| finding.refresh == Refresh::Complete);
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        let Finding { is_key, .. } = finding;
        let waiting = Waiting { pts, place, whole_from, unneeded: false, is_marked, is_key };
        self.waiting.push_back(waiting);
    }

    /// Records that the decoder may skip the frame at `pts`.
    pub fn unneeded(&mut self, pts: Option<i64>) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.pts == pts) {
            waiting.unneeded = true;
        }
    }

    /// Records that the decoder returned an error instead of a frame.
    pub fn failed(&mut self) {
        // Errors before the first frame have no effect: the decoder waits for a key frame.
        self.failed = self.failed.or(self.latest);
        self.follows_error |= self.latest.is_some();
    }

    /// Records the next frame in presentation order.
    pub fn frame(&mut self, mut frame: DecodedFrame) -> FrameState {
        let found = self.waiting.iter().position(|waiting| waiting.pts == frame.pts);
        let found = found.and_then(|index| self.waiting.remove(index));
        // A decoder may repeat an old key frame.
        frame.is_key = found.and_then(|waiting| waiting.is_key).unwrap_or(frame.is_key);
        let interrupted = found.is_some_and(|waiting| waiting.is_marked);
        let refreshed = found.and_then(|waiting| waiting.whole_from);
        // With another time stamp, the frame probably belongs to the next packet.
        let place = found.map_or(self.latest.unwrap_or(0) + 1, |waiting| waiting.place);
        self.blame(frame, place);
        if frame.is_marked {
            self.losses.insert(place);
        }
        let whole_from = if frame.is_key { Some(place) } else { refreshed };
        if let Some(whole_from) = whole_from.filter(|&place| place > self.whole_from) {
            self.whole_from = whole_from;
            self.losses = self.losses.split_off(&whole_from);
        }
        self.latest = self.latest.max(Some(place));
        let follows_error = std::mem::take(&mut self.follows_error);
        let corrupt = self.losses.range(..=place).next().is_some();
        FrameState { corrupt, interrupted, follows_error }
    }

    /// Finds the packet of the last error: its frame should have come before this one.
    fn blame(&mut self, frame: DecodedFrame, place: u64) {
        let reorder = self.reorder;
        let is_late = |waiting: &Waiting| match (waiting.pts, frame.pts) {
            (Some(waiting), Some(now)) => (1..=reorder).contains(&now.saturating_sub(waiting)),
            _ => false,
        };
        let mut lost = Vec::new();
        self.waiting.retain(|waiting| {
            let late = is_late(waiting);
            if late && !waiting.unneeded {
                lost.push(waiting.place);
            }
            !late
        });
        let Some(before) = self.failed else { return };
        if lost.is_empty() && place > before && !frame.is_key {
            // A frame that is decoded after the lost one, but shown before it, may depend on it.
            self.losses.insert(place);
        }
        if !lost.is_empty() || frame.pts.is_none() {
            self.losses.extend(lost);
            self.failed = None;
        }
    }
}
