//! Packets that a decoder may skip: no other frame refers to them and no tick shows them.
//!
//! Decoding is the largest cost of ingest. At a third of a video's frame rate, most B-frames are
//! not needed. The output is bit-identical, because a packet may be skipped only if no tick falls
//! between it and the next frame in presentation order. The packets that were read so far, some of
//! them ahead, give the next frame's time. A later packet can only shorten the interval. Skipped
//! frames are counted, with their times, as if they had been decoded. So the clock and the numbers
//! of native frames do not change.
//!
//! Nothing is skipped before the first frame, because the clock starts with it. Nothing is skipped
//! once the time stamps are unreliable: if they are missing, jump, repeat or differ from those of
//! the decoded frames. Nothing is skipped after damage. (Within the first damaged frames, the
//! decoder's concealment may differ.)

use std::collections::{BTreeMap, BTreeSet};

use super::TickClock;

/// Codecs whose decoders skip exactly the unreferenced frames (`AVDISCARD_NONREF`).
///
/// `tests/reference.rs` verifies it.
const CODECS: [&str; 4] = ["h264", "hevc", "mpeg1video", "mpeg2video"];
/// Largest number of frames inside a decoder. With more, the time stamps are unreliable.
const MAX_AHEAD: usize = 256;

/// Times of a packet, from its container.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub pts: Option<i64>,
    pub duration: i64,
    /// An edit list hides the packet. It is decoded only because other frames refer to it.
    pub hidden: bool,
}

/// Decides which packets the decoder of one file may skip.
#[derive(Debug)]
pub struct Skips {
    trusted: bool,
    /// Presentation times of all packets after the last frame that came out.
    ahead: BTreeSet<i64>,
    /// Times and durations of packets that the decoder may have skipped.
    skipped: BTreeMap<i64, i64>,
    latest: Option<i64>,
    shown: Option<i64>,
}

impl Skips {
    pub fn new(codec: &str) -> Self {
        Self {
            trusted: CODECS.contains(&codec),
            ahead: BTreeSet::new(),
            skipped: BTreeMap::new(),
            latest: None,
            shown: None,
        }
    }

    /// Records a packet that was read from the file.
    pub fn read(&mut self, timing: Timing, clock: &TickClock) {
        if !self.trusted || timing.hidden {
            return;
        }
        let steady = |pts: &i64| self.latest.is_none_or(|latest| clock.may_belong(latest, *pts));
        let pts = timing.pts.filter(steady);
        self.trusted =
            pts.is_some_and(|pts| self.ahead.insert(pts)) && self.ahead.len() <= MAX_AHEAD;
        self.latest = self.latest.max(pts);
    }

    /// Returns whether the decoder may skip a packet, if no other frame refers to it.
    pub fn may_skip(&mut self, timing: Timing, clock: &TickClock) -> bool {
        let after_first = |pts: &i64| self.shown.is_some_and(|shown| shown < *pts);
        let Some(pts) = timing.pts.filter(after_first).filter(|_| self.trusted && !timing.hidden)
        else {
            return false;
        };
        let next = self.ahead.range(pts + 1..).next();
        let unseen = next.is_some_and(|&next| clock.shows(pts, next) == Some(false));
        if unseen {
            self.skipped.insert(pts, timing.duration);
        }
        unseen
    }

    /// Skips nothing from now on: a decoder may repair damaged frames from any earlier frame.
    pub fn end(&mut self) {
        self.trusted = false;
    }

    /// Records a decoded frame, at `pts` by its packet and at `time` by FFmpeg's best estimate.
    ///
    /// Returns the times and durations of the skipped frames before it.
    pub fn frame(&mut self, pts: Option<i64>, time: i64) -> BTreeMap<i64, i64> {
        self.trusted &= pts == Some(time) && self.shown.is_none_or(|shown| shown < time);
        self.shown = Some(time);
        let later = self.skipped.split_off(&time);
        let passed = std::mem::replace(&mut self.skipped, later);
        self.skipped.remove(&time);
        self.ahead = self.ahead.split_off(&time);
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SamplingRate;

    fn timing(pts: Option<i64>) -> Timing {
        Timing { pts, duration: 33, hidden: false }
    }

    /// Runs packets through a decoder with a delay of one frame, `ahead` of them read ahead.
    ///
    /// `times` are in decoding order. The decoder cannot skip those in `references`. Returns the
    /// frames that came out and the skipped ones, in presentation order.
    fn run(times: &[i64], references: &[i64], ahead: usize) -> (Vec<i64>, Vec<i64>) {
        let mut clock = TickClock::new(SamplingRate::Fixed(10.0), (1, 1000));
        let mut skips = Skips::new("h264");
        let (mut out, mut skipped, mut inside) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut come_out = |pts: i64, skips: &mut Skips, clock: &mut TickClock| {
            for (pts, duration) in skips.frame(Some(pts), pts) {
                clock.advance(pts, pts + duration);
                skipped.push(pts);
            }
            clock.advance(pts, pts);
            out.push(pts);
        };
        for (number, &pts) in times.iter().enumerate() {
            let read = if number == 0 { 0..=ahead } else { number + ahead..=number + ahead };
            for &pts in times.get(read).unwrap_or_default() {
                skips.read(timing(Some(pts)), &clock);
            }
            let may = skips.may_skip(timing(Some(pts)), &clock);
            if !may || references.contains(&pts) {
                inside.insert(pts);
            }
            if inside.len() > 1 {
                come_out(inside.pop_first().unwrap(), &mut skips, &mut clock);
            }
        }
        for pts in inside {
            come_out(pts, &mut skips, &mut clock);
        }
        (out, skipped)
    }

    /// Catches: a frame that a tick shows is skipped, or no frame is ever skipped.
    #[test]
    fn only_frames_between_ticks_are_skipped() {
        // 30 FPS, three B-frames between the others; ticks at 0, 100, 200, 300, 400.
        let times = [0, 133, 33, 67, 100, 267, 167, 200, 233, 400, 300, 333, 367];
        for ahead in [0, 4] {
            let (out, skipped) = run(&times, &[0, 133, 267, 400], ahead);
            assert!([100, 200, 300].iter().all(|tick| out.contains(tick)), "{out:?}");
            assert!(skipped.contains(&233) && skipped.contains(&333), "{skipped:?}");
            // Only reading ahead shows that 200 comes between it and 267.
            assert_eq!(skipped.contains(&167), ahead > 0, "{skipped:?}");
            let mut all = [out, skipped].concat();
            all.sort_unstable();
            let mut given = times.to_vec();
            given.sort_unstable();
            assert_eq!(all, given, "each is counted once");
        }
    }

    /// Catches: a frame before a gap is skipped although a tick shows it.
    #[test]
    fn a_frame_before_a_gap_is_needed() {
        // Frame 167 stays until 433. The ticks at 200, 300 and 400 show it.
        let times = [0, 133, 33, 67, 100, 433, 167, 567, 467, 500, 533];
        for ahead in [0, 4] {
            let (out, _) = run(&times, &[0, 133, 433, 567], ahead);
            assert!(out.contains(&167), "{out:?}");
        }
    }

    /// Catches: time stamps are trusted although they are missing, jump or repeat.
    #[test]
    fn unreliable_time_stamps_end_skipping() {
        let mut clock = TickClock::new(SamplingRate::Fixed(10.0), (1, 1000));
        clock.advance(0, 0);
        let begun = |codec| {
            let mut skips = Skips::new(codec);
            skips.frame(Some(0), 0);
            for pts in [133, 67, 33] {
                skips.read(timing(Some(pts)), &clock);
            }
            skips
        };
        let may = |skips: &mut Skips| skips.may_skip(timing(Some(33)), &clock);
        assert!(may(&mut begun("h264")));
        assert!(!may(&mut begun("vp9")), "what the decoder of this codec skips is not verified");
        for doubtful in [None, Some(133), Some(900_000), Some(-5000)] {
            let mut skips = begun("h264");
            skips.read(timing(doubtful), &clock);
            assert!(!may(&mut skips), "{doubtful:?}");
        }
        let mut guessed = begun("h264");
        guessed.frame(Some(7), 10);
        assert!(!may(&mut guessed), "the frame's time is not its packet's");
        let mut damaged = begun("h264");
        damaged.end();
        assert!(!may(&mut damaged));
    }
}
