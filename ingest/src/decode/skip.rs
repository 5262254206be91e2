//! Which packets a decoder may leave out: those of frames that no other frame refers to and no tick shows.
//!
//! Decoding is most of what ingest costs, and at a third of a video's frame rate most of its B-frames are for nothing. What
//! comes out is the same to the bit, because a packet is only left to the decoder's discretion when it is certain that no tick falls into
//! the time until the next frame in order of presentation, as far as the packets tell that were read so far, some of them ahead: one that
//! comes later can only make that time shorter. Frames that were left out are counted, with their times, as if they had been decoded: the
//! clock and the numbers of native frames do not know the difference.
//!
//! Nothing is left out before the first frame is there (the clock starts with it), nor once time stamps cannot be trusted: where they are
//! missing, jump, repeat, or are not those of the frames that come out; nor after damage. (In the first damaged frames themselves, what is made
//! up for the damage may differ.)

use std::collections::{BTreeMap, BTreeSet};

use super::clock::TickClock;

/// Codecs whose decoders leave out unreferenced frames and nothing else (`AVDISCARD_NONREF`), as `tests/reference.rs` verifies.
const CODECS: [&str; 4] = ["h264", "hevc", "mpeg1video", "mpeg2video"];
/// So many frames may be on their way through a decoder; more means that time stamps are not what they seem.
const MAX_AHEAD: usize = 256;

/// A packet's time, as its container tells.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub pts: Option<i64>,
    pub duration: i64,
    /// It is decoded only for the sake of others: an edit list hides it.
    pub hidden: bool,
}

/// What is on its way through the decoder of one file.
#[derive(Debug)]
pub struct Skips {
    trusted: bool,
    /// Presentation times of all packets after the last frame that came out.
    ahead: BTreeSet<i64>,
    /// Those that the decoder may have left out, with their durations.
    left_out: BTreeMap<i64, i64>,
    latest: Option<i64>,
    shown: Option<i64>,
}

impl Skips {
    pub fn new(codec: &str) -> Self {
        Self {
            trusted: CODECS.contains(&codec),
            ahead: BTreeSet::new(),
            left_out: BTreeMap::new(),
            latest: None,
            shown: None,
        }
    }

    /// A packet was read from the file.
    pub fn read(&mut self, timing: Timing, clock: &TickClock) {
        if !self.trusted || timing.hidden {
            return;
        }
        let steady = |pts: &i64| self.latest.is_none_or(|latest| clock.is_steady(latest, *pts));
        let pts = timing.pts.filter(steady);
        self.trusted =
            pts.is_some_and(|pts| self.ahead.insert(pts)) && self.ahead.len() <= MAX_AHEAD;
        self.latest = self.latest.max(pts);
    }

    /// Whether the decoder may leave out a packet that it is given, if nothing refers to it.
    pub fn may_leave_out(&mut self, timing: Timing, clock: &TickClock) -> bool {
        let after_first = |pts: &i64| self.shown.is_some_and(|shown| shown < *pts);
        let Some(pts) = timing.pts.filter(after_first).filter(|_| self.trusted && !timing.hidden)
        else {
            return false;
        };
        let next = self.ahead.range(pts + 1..).next();
        let unseen = next.is_some_and(|&next| clock.shows(pts, next) == Some(false));
        if unseen {
            self.left_out.insert(pts, timing.duration);
        }
        unseen
    }

    /// Leaves nothing out from now on: what a decoder makes up for damaged frames may come from any frame before.
    pub fn end(&mut self) {
        self.trusted = false;
    }

    /// A frame comes out, at `pts` by its packet and at `time` by FFmpeg's best guess. Returns the times and durations of the frames before it
    /// that were left out.
    pub fn frame(&mut self, pts: Option<i64>, time: i64) -> BTreeMap<i64, i64> {
        self.trusted &= pts == Some(time) && self.shown.is_none_or(|shown| shown < time);
        self.shown = Some(time);
        let later = self.left_out.split_off(&time);
        let passed = std::mem::replace(&mut self.left_out, later);
        self.left_out.remove(&time);
        self.ahead = self.ahead.split_off(&time);
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(pts: Option<i64>) -> Timing {
        Timing { pts, duration: 33, hidden: false }
    }

    /// Runs packets at `times` (in order of decoding, of which those in `references` cannot be left out) through a decoder of one frame's
    /// delay, `ahead` of them read ahead. Returns the frames that came out and those that were left out, in order of presentation.
    fn run(times: &[i64], references: &[i64], ahead: usize) -> (Vec<i64>, Vec<i64>) {
        let mut clock = TickClock::new(10.0, (1, 1000));
        let mut skips = Skips::new("h264");
        let (mut out, mut left_out, mut inside) = (Vec::new(), Vec::new(), BTreeSet::new());
        let mut come_out = |pts: i64, skips: &mut Skips, clock: &mut TickClock| {
            for (pts, duration) in skips.frame(Some(pts), pts) {
                clock.advance(pts, pts + duration);
                left_out.push(pts);
            }
            clock.advance(pts, pts);
            out.push(pts);
        };
        for (number, &pts) in times.iter().enumerate() {
            let read = if number == 0 { 0..=ahead } else { number + ahead..=number + ahead };
            for &pts in times.get(read).unwrap_or_default() {
                skips.read(timing(Some(pts)), &clock);
            }
            let may = skips.may_leave_out(timing(Some(pts)), &clock);
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
        (out, left_out)
    }

    /// Would catch a frame that a tick shows and that is left out, and a decoder that is never spared anything.
    #[test]
    fn only_what_no_tick_shows_is_left_out() {
        // 30 FPS, three B-frames between others; ticks at 0, 100, 200, 300, 400.
        let times = [0, 133, 33, 67, 100, 267, 167, 200, 233, 400, 300, 333, 367];
        for ahead in [0, 4] {
            let (out, left_out) = run(&times, &[0, 133, 267, 400], ahead);
            assert!([100, 200, 300].iter().all(|tick| out.contains(tick)), "{out:?}");
            assert!(left_out.contains(&233) && left_out.contains(&333), "{left_out:?}");
            // That 200 comes between it and 267 is known only from reading ahead.
            assert_eq!(left_out.contains(&167), ahead > 0, "{left_out:?}");
            let mut all = [out, left_out].concat();
            all.sort_unstable();
            let mut given = times.to_vec();
            given.sort_unstable();
            assert_eq!(all, given, "each is counted once");
        }
    }

    /// Would catch a gap that makes an earlier frame stay on the screen over a tick, while it was left out.
    #[test]
    fn a_frame_before_a_gap_is_needed() {
        // 167 stays until 433: over 200, 300 and 400.
        let times = [0, 133, 33, 67, 100, 433, 167, 567, 467, 500, 533];
        for ahead in [0, 4] {
            let (out, _) = run(&times, &[0, 133, 433, 567], ahead);
            assert!(out.contains(&167), "{out:?}");
        }
    }

    /// Would catch trust in time stamps that are missing, jump or repeat.
    #[test]
    fn doubtful_time_stamps_end_it() {
        let mut clock = TickClock::new(10.0, (1, 1000));
        clock.advance(0, 0);
        let begun = |codec| {
            let mut skips = Skips::new(codec);
            skips.frame(Some(0), 0);
            for pts in [133, 67, 33] {
                skips.read(timing(Some(pts)), &clock);
            }
            skips
        };
        let may = |skips: &mut Skips| skips.may_leave_out(timing(Some(33)), &clock);
        assert!(may(&mut begun("h264")));
        assert!(!may(&mut begun("vp9")), "of which nobody knows what its decoder leaves out");
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
