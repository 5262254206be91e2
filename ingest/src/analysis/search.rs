//! Finds the one translation that best explains the change between two pictures.
//!
//! At the coarse scale it tries every translation of up to a quarter of the picture. Then it tries,
//! pixel by pixel, the translations around the best coarse one, around none and around the last
//! frame's.

use super::plane::{Luma, Plane, ratio};
use super::shift::Shift;

/// Change in levels below which nothing is searched. Encoding leaves more than this.
const NOTHING: f32 = 0.25;

impl Plane {
    /// Returns the translation from `before` to this plane with the least mean absolute difference.
    ///
    /// Also returns that difference where the two overlap, in levels (0 to 255). The search also
    /// starts from `hint`, because a moving camera continues to move.
    pub fn shift_from(&self, before: &Self, hint: Shift) -> (Shift, f32) {
        let still = self.fine.difference(&before.fine, Shift::NONE, 1);
        if still < NOTHING {
            return (Shift::NONE, still);
        }
        let coarse = |shift| self.coarse.difference(&before.coarse, shift, 1);
        let shift = self.search(hint, coarse, |shift| self.fine.difference(&before.fine, shift, 2));
        let left = self.fine.difference(&before.fine, shift, 1);
        if left < still { (shift, left) } else { (Shift::NONE, still) }
    }

    /// Returns the translation of the moving layer. Every pixel may also have stayed in place.
    ///
    /// So a HUD or a banner does not hide it. If nothing scrolls, the result is the motion of a
    /// single figure or random.
    pub fn layer_shift_from(&self, before: &Self) -> Shift {
        let (coarse, fine) = (self.coarse.changes(&before.coarse), self.fine.changes(&before.fine));
        if ratio(fine.iter().map(|&change| u64::from(change)).sum(), fine.len() as u64) < NOTHING {
            return Shift::NONE;
        }
        let coarse = |shift| self.coarse.explained(&before.coarse, &coarse, shift, 1);
        self.search(Shift::NONE, coarse, |shift| self.fine.explained(&before.fine, &fine, shift, 2))
    }

    /// Searches for the translation with the least `fine`, from the one with the least `coarse`.
    fn search(
        &self,
        hint: Shift,
        coarse: impl Fn(Shift) -> f32,
        fine: impl Fn(Shift) -> f32,
    ) -> Shift {
        let reach = |side: usize| isize::try_from(side / 4).unwrap_or(0);
        let (reach_x, reach_y) = (reach(self.coarse.width), reach(self.coarse.height));
        let all = (-reach_y..=reach_y)
            .flat_map(|dy| (-reach_x..=reach_x).map(move |dx| Shift { dx, dy }));
        let coarse = all.map(|shift| (coarse(shift), shift)).min_by(|a, b| a.0.total_cmp(&b.0));
        let scale = isize::try_from(self.factor).unwrap_or(1);
        let coarse = coarse
            .map_or(Shift::NONE, |(_, Shift { dx, dy })| Shift { dx: dx * scale, dy: dy * scale });
        let found =
            [coarse, hint, Shift::NONE].map(|start| descend(start, (scale / 2).max(1), &fine));
        found.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(Shift::NONE, |(_, shift)| shift)
    }
}

/// Searches `step` pixels around `start`, then one pixel around the best result.
fn descend(start: Shift, step: isize, rate: impl Fn(Shift) -> f32) -> (f32, Shift) {
    let mut best = (rate(start), start);
    for step in [step, 1] {
        let centre = best.1;
        for (x, y) in [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
            let shift = Shift { dx: centre.dx + x * step, dy: centre.dy + y * step };
            let rated = rate(shift);
            if rated < best.0 {
                best = (rated, shift);
            }
        }
    }
    best
}

impl Luma {
    /// Returns the absolute difference of each pixel.
    fn changes(&self, before: &Self) -> Vec<u8> {
        self.data.iter().zip(&before.data).map(|(&a, &b)| a.abs_diff(b)).collect()
    }

    /// Returns minus the mean change, in levels, that `shift` explains of `changes`.
    ///
    /// It covers every `every`th row.
    fn explained(&self, before: &Self, changes: &[u8], shift: Shift, every: usize) -> f32 {
        let Some((xs, ys)) = self.overlap(shift) else { return 0.0 };
        let row = |y: usize| {
            let (now, then) = (self.row(y, &xs, Shift::NONE), before.row(y, &xs, shift));
            let changes = &changes[y * self.width..][xs.clone()];
            let saved = now
                .iter()
                .zip(then)
                .zip(changes)
                .map(|((&a, &b), &change)| change.saturating_sub(a.abs_diff(b)));
            saved.map(u32::from).sum::<u32>()
        };
        -ratio(ys.step_by(every).map(|y| u64::from(row(y))).sum(), self.data.len() as u64)
    }
}
