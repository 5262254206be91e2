//! The times of a file's packets: whether their clock is constant, and where it has holes.

/// A hole is a step of at least this many times the usual one.
const HOLE: f64 = 1.75;
/// Steps within this share of the usual one are regular.
const REGULAR: f64 = 0.25;
/// With more irregular steps than one in this many, the recorder has no constant clock.
const RARE: usize = 50;
/// Number of steps from which on a clock is known.
const ENOUGH: usize = 30;

/// The times of a file's packets.
#[derive(Debug, Default)]
pub struct PacketTimes {
    last: Option<i64>,
    /// Times of packets, and the steps to the next ones.
    steps: Vec<(i64, i64)>,
}

/// A constant clock with holes.
#[derive(Debug, PartialEq, Eq)]
pub struct HoledClock {
    /// The usual step.
    pub usual: i64,
    /// Decoding times of the packets before and after each hole.
    holes: Vec<(i64, i64)>,
}

impl PacketTimes {
    /// Records the decoding time of the next packet.
    pub fn packet(&mut self, time: Option<i64>) {
        if let (Some(last), Some(now)) = (self.last, time) {
            self.steps.push((last, now.saturating_sub(last)));
        }
        self.last = time.or(self.last);
    }

    /// Returns the clock. `None` if there are no holes, or the clock is not constant.
    pub fn with_holes(self) -> Option<HoledClock> {
        if self.steps.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<i64> = self.steps.iter().map(|&(_, step)| step).collect();
        sorted.sort_unstable();
        let usual = sorted[sorted.len() / 2];
        // Time stamps may be rounded to a millisecond.
        let apart = |step: i64| (step as f64 / usual.max(1) as f64 - 1.0).abs();
        let irregular = sorted.iter().filter(|&&step| apart(step) > REGULAR).count();
        let holes = self.steps.iter().filter(|(_, step)| is_hole(*step, usual));
        let holes: Vec<_> =
            holes.map(|&(before, step)| (before, before.saturating_add(step))).collect();
        let is_constant = usual > 0 && irregular * RARE <= self.steps.len();
        (is_constant && !holes.is_empty()).then_some(HoledClock { usual, holes })
    }
}

impl HoledClock {
    /// Returns whether packets are missing in the step to a frame at `pts`.
    pub fn has_hole(&self, pts: i64, step: i64) -> bool {
        // Decoding times are a little before presentation times.
        let near = self.usual.saturating_mul(4);
        let (begin, end) = (pts.saturating_sub(step), pts.saturating_add(near));
        let overlaps = |&(from, to): &(i64, i64)| from < end && begin < to.saturating_add(near);
        is_hole(step, self.usual) && self.holes.iter().any(overlaps)
    }
}

/// Returns whether a step is a hole, by the usual step.
fn is_hole(step: i64, usual: i64) -> bool {
    step as f64 >= HOLE * usual as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a recorder without a constant clock has holes; a short file causes a panic.
    #[test]
    fn only_a_constant_clock_has_holes() {
        let holes = |steps: &[i64]| {
            let mut times = PacketTimes::default();
            let mut now = 0;
            for step in steps {
                times.packet(Some(now));
                now += step;
            }
            times.packet(None);
            times.packet(Some(now));
            times.with_holes().map(|clock| (clock.usual, clock.holes))
        };
        assert_eq!(
            holes(&[&[33; 60][..], &[300], &[34; 50]].concat()),
            Some((33, vec![(1980, 2280)]))
        );
        assert_eq!(holes(&[33; 100]), None);
        assert_eq!(holes(&[33, 66, 33, 99, 33].repeat(20)), None);
        assert_eq!(holes(&[0; 100]), None);
        assert_eq!(holes(&[]), None);
    }
}
