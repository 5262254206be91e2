//! Finds the part of the picture that stays in place while the picture scrolls.
//!
//! In many games the camera follows the player. Then everything moves through the picture but the
//! player, and most of what changes between two frames is the camera's motion. The player is found
//! without labels: at its pixels, "this pixel did not move" predicts the next frame better than
//! "this pixel moved with the picture".

use super::pairs::visit_pairs;
use super::scroll::Scroll;
use crate::data::{FrameCrop, Video};
use crate::error::ModelError;

/// Pairs of frames that are looked at, evenly spread over all clips.
const PAIRS: usize = 1024;
/// Pairs that must scroll; with fewer, the recordings count as not scrolling.
const SCROLLING: usize = 20;
/// Smallest scroll in pixels along one axis; a smaller one moves many pixels onto their equals.
const FAR: isize = 2;
/// Largest share of the error of "moved with the picture" that a pixel that stays may have.
const STAYS: f64 = 0.85;
/// Smallest number of connected pixels that count as a part of the picture.
const CONNECTED: usize = 4;

/// The rectangle around the part that stays in place while the picture scrolls.
///
/// Its sides are multiples of `patch` where the frame is large enough. If there are several such
/// parts, it is the one that changes most: a score or a map at the edge changes less than a player.
/// The result is `None` if the recordings do not scroll or nothing stays. Fails if frames cannot be
/// read.
pub fn still_region(video: &dyn Video, patch: usize) -> Result<Option<FrameCrop>, ModelError> {
    let (height, width) = video.size();
    let mut errors = Errors::new(height, width);
    visit_pairs(video, PAIRS, |before, after| errors.add(before, after))?;
    if errors.scrolling < SCROLLING {
        return Ok(None);
    }
    Ok(errors.still_box().map(|found| grow(&found, (height, width), patch)))
}

/// For each pixel, the summed errors of two predictions of the next frame.
struct Errors {
    height: usize,
    width: usize,
    /// Number of pairs that scroll.
    scrolling: usize,
    /// Error of "did not move".
    stays: Vec<f64>,
    /// Error of "moved with the picture".
    scrolls: Vec<f64>,
}

impl Errors {
    fn new(height: usize, width: usize) -> Self {
        let zeros = || vec![0.0; height * width];
        Self { height, width, scrolling: 0, stays: zeros(), scrolls: zeros() }
    }

    /// Adds a pair of grey frames, if the picture scrolls between them.
    fn add(&mut self, before: &[f32], after: &[f32]) {
        let Some(scroll) = self.scroll(before, after) else { return };
        self.scrolling += 1;
        for y in 0..self.height {
            for x in 0..self.width {
                let Some(source) = self.source(y, x, scroll) else { continue };
                let at = y * self.width + x;
                self.stays[at] += f64::from((after[at] - before[at]).abs());
                self.scrolls[at] += f64::from((after[at] - before[source]).abs());
            }
        }
    }

    /// The pixel of the earlier frame that a scroll moves to row `y` and column `x`.
    fn source(&self, y: usize, x: usize, (down, right): (isize, isize)) -> Option<usize> {
        let row = y.checked_add_signed(-down).filter(|row| *row < self.height)?;
        let column = x.checked_add_signed(-right).filter(|column| *column < self.width)?;
        Some(row * self.width + column)
    }

    /// Rows and columns by which the picture scrolls between two frames, if it clearly scrolls.
    fn scroll(&self, before: &[f32], after: &[f32]) -> Option<(isize, isize)> {
        let Scroll { down, right, error, still } =
            Scroll::between(before, after, (self.height, self.width));
        (down.abs().max(right.abs()) >= FAR && error < 0.5 * still).then_some((down, right))
    }

    /// First and last row and column of the part that stays and changes most.
    fn still_box(&self) -> Option<Bounds> {
        let stays = |at: usize| self.stays[at] < STAYS * self.scrolls[at];
        let mut seen = vec![false; self.stays.len()];
        let mut best: Option<(f64, Bounds)> = None;
        for first in 0..seen.len() {
            if seen[first] || !stays(first) {
                continue;
            }
            seen[first] = true;
            let (mut part, mut next) = (vec![first], 0);
            while let Some(&at) = part.get(next) {
                next += 1;
                let (y, x) = (at / self.width, at % self.width);
                let around = [
                    (y > 0).then(|| at - self.width),
                    (y + 1 < self.height).then(|| at + self.width),
                    (x > 0).then(|| at - 1),
                    (x + 1 < self.width).then(|| at + 1),
                ];
                for near in around.into_iter().flatten() {
                    if !seen[near] && stays(near) {
                        seen[near] = true;
                        part.push(near);
                    }
                }
            }
            let change: f64 = part.iter().map(|at| self.stays[*at]).sum();
            if part.len() >= CONNECTED && best.as_ref().is_none_or(|(most, _)| change > *most) {
                best = Some((change, Bounds::around(&part, self.width)));
            }
        }
        best.map(|(_, bounds)| bounds)
    }
}

/// First and last row, first and last column.
struct Bounds {
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Bounds {
    fn around(pixels: &[usize], width: usize) -> Self {
        let span = |of: &dyn Fn(usize) -> usize| {
            pixels
                .iter()
                .fold((usize::MAX, 0), |(low, high), at| (low.min(of(*at)), high.max(of(*at))))
        };
        Self { rows: span(&|at| at / width), columns: span(&|at| at % width) }
    }
}

/// The rectangle, grown on both sides until its sides are multiples of `patch`.
fn grow(bounds: &Bounds, frame: (usize, usize), patch: usize) -> FrameCrop {
    let side = |(first, last): (usize, usize), whole: usize| {
        let least = last + 1 - first;
        let size = least.next_multiple_of(patch).min(whole);
        (first.saturating_sub((size - least) / 2).min(whole - size), size)
    };
    let (top, height) = side(bounds.rows, frame.0);
    let (left, width) = side(bounds.columns, frame.1);
    FrameCrop { frame, corner: (top, left), size: (height, width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Clips, scrolling_level};

    const SIDE: usize = 32;

    /// Catches: the scroll's sign or axes are exchanged, the still part is the scrolling one, or a
    /// constant display is taken for the player.
    #[test]
    fn the_figure_that_stays_and_changes_is_found() {
        let clips = vec![scrolling_level(60, |frame| 2 + frame % 3)];
        let video = Clips { size: (SIDE, SIDE), clips };
        let found = still_region(&video, 4).unwrap().expect("the picture scrolls");
        assert_eq!(found, FrameCrop { frame: (SIDE, SIDE), corner: (11, 15), size: (8, 4) });
    }

    /// Catches: recordings of a fixed camera get a region, so that the model sees a random
    /// rectangle of them.
    #[test]
    fn without_scrolling_there_is_no_region() {
        let clips = vec![scrolling_level(60, |_| 0), scrolling_level(1, |_| 0)];
        let video = Clips { size: (SIDE, SIDE), clips };
        assert_eq!(still_region(&video, 4).unwrap(), None);
    }

    /// Catches: a rectangle at the frame's edge reaches out of the frame.
    #[test]
    fn rectangles_stay_inside_the_frame() {
        let grown = |rows, columns| {
            let crop = grow(&Bounds { rows, columns }, (10, 9), 4);
            (crop.corner, crop.size)
        };
        assert_eq!(grown((0, 4), (8, 8)), ((0, 5), (8, 4)));
        assert_eq!(grown((1, 9), (0, 8)), ((0, 0), (10, 9)));
    }
}
