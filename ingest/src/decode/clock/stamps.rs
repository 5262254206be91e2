//! Single wrong time stamps.
//!
//! One stamp may be seconds too late or too early: a bit was flipped, or a muxer had a bad moment.
//! It then contradicts both neighbours: the frame after it continues the frame before it. Such a
//! frame gets a time between the two. A stamp that only looks wrong, because the recording has a
//! gap or begins again there, is confirmed by the next frame.

/// Takes frames of type `F` in the order of the decoder, with their times.
///
/// A frame whose time jumps is held until the next frame comes. The others pass.
#[derive(Debug)]
pub struct StampFilter<F> {
    /// Time of the last frame that passed.
    last: Option<i64>,
    held: Option<(F, i64)>,
    /// Largest step in time-base units that is no jump.
    largest: i64,
}

impl<F> StampFilter<F> {
    /// `half_second` is half a second in time-base units. A longer step is a jump.
    pub fn new(half_second: i64) -> Self {
        Self { last: None, held: None, largest: half_second.max(1) }
    }

    /// Takes the next frame, at `pts`. Returns the frames whose times are certain.
    ///
    /// `usual` is the usual step between frames.
    pub fn push(&mut self, frame: F, pts: i64, usual: i64) -> Vec<(F, i64)> {
        let largest = self.largest.max(usual.saturating_mul(4));
        let jumps = |last: i64, pts: i64| {
            let step = pts.saturating_sub(last);
            step >= largest || step <= -largest
        };
        let mut certain = Vec::new();
        if let (Some((held, claimed)), Some(last)) = (self.held.take(), self.last) {
            let continues = pts > last && !jumps(last, pts);
            let contradicts = claimed < last || claimed > pts;
            let time = if continues && contradicts { last + (pts - last) / 2 } else { claimed };
            self.last = Some(time);
            certain.push((held, time));
        }
        if self.last.is_some_and(|last| jumps(last, pts)) {
            self.held = Some((frame, pts));
        } else {
            self.last = Some(pts);
            certain.push((frame, pts));
        }
        certain
    }

    /// Returns the frame that is held.
    pub fn finish(&mut self) -> Option<(F, i64)> {
        let held = self.held.take();
        self.last = held.as_ref().map(|(_, pts)| *pts).or(self.last);
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the times of frames at these stamps in milliseconds; all come out in order.
    fn times(stamps: &[i64]) -> Vec<i64> {
        let mut filter = StampFilter::new(500);
        let mut out = Vec::new();
        for (number, &stamp) in stamps.iter().enumerate() {
            out.extend(filter.push(number, stamp, 33));
        }
        out.extend(filter.finish());
        assert!(out.iter().map(|(number, _)| *number).eq(0..stamps.len()), "{out:?}");
        out.into_iter().map(|(_, time)| time).collect()
    }

    /// Catches: one wrong stamp adds seconds of stills, or ends the shot.
    #[test]
    fn a_single_wrong_stamp_is_between_its_neighbours() {
        assert_eq!(times(&[0, 33, 5067, 100, 133]), [0, 33, 66, 100, 133], "late");
        assert_eq!(times(&[9000, 9033, 67, 9100, 9133]), [9000, 9033, 9066, 9100, 9133], "early");
        assert_eq!(times(&[0, 33, i64::MAX, 100]), [0, 33, 66, 100]);
        assert_eq!(times(&[0, 33, i64::MIN, 100]), [0, 33, 66, 100]);
    }

    /// Catches: a gap, a clock that begins again or one that jumps is smoothed away; a stamp of the
    /// first or last frame counts as wrong; slow videos have wrong stamps only.
    #[test]
    fn a_jump_that_goes_on_is_true() {
        for stamps in [
            &[0, 33, 5067, 5100, 5133][..],
            &[9000, 9033, 0, 33, 67],
            &[0, 33, 5067, 12_000, 12_033],
            &[0, 33, 9_000_000],
            &[7000, 0, 33],
            &[0, 33, 20, 66, 66, 100],
            &[0, 2000, 4000, 6000],
        ] {
            assert_eq!(times(stamps), stamps);
        }
    }
}
