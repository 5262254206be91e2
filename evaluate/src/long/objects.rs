//! Objects of known colours in a frame.
//!
//! Pixels of an object's colour that touch, also at a corner, are one piece. A count of pixels is
//! not enough: two halves of a torn figure have as many pixels as a whole one. A piece is a whole
//! object if its size fits. A smaller piece of at least half of the smallest size, or a larger
//! piece, is *debris*. Smaller specks do not count.
//!
//! An object may have another colour in another recording. The last prompt frame decides which one
//! it has in a clip. So a colour of one recording's object may be a background colour of another
//! recording.

use genie_training::TrackedObject;
use serde::{Deserialize, Serialize};

use crate::world::VideoBatch;

/// What a frame shows of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Centre of each whole object: x and y in pixels.
    pub whole: Vec<[f64; 2]>,
    /// Number of pieces that are not whole objects.
    pub debris: usize,
}

impl Sighting {
    /// Searches a frame `[height, width, 3]` for an object of one colour.
    #[must_use]
    pub fn of(frame: &[u8], width: usize, object: &TrackedObject, colour: [u8; 3]) -> Sighting {
        let has_colour = |pixel: &[u8]| largest_difference(pixel, colour) <= object.tolerance;
        let mut open: Vec<bool> = frame.chunks_exact(3).map(has_colour).collect();
        let [least, most] = object.pixels;
        let mut found = Sighting { whole: Vec::new(), debris: 0 };
        for start in 0..open.len() {
            let piece = take_piece(&mut open, width, start);
            if (least..=most).contains(&piece.len()) {
                found.whole.push(centre(&piece, width));
            } else if piece.len() > most || (!piece.is_empty() && piece.len() * 2 >= least) {
                found.debris += 1;
            }
        }
        found
    }

    /// Returns whether there are exactly `count` whole objects, and no debris.
    fn is(&self, count: usize) -> bool {
        self.debris == 0 && self.whole.len() == count
    }

    /// Returns whether each object is near a different object of `other`: within `distance` pixels.
    fn is_near(&self, other: &Sighting, distance: f64) -> bool {
        let mut left = other.whole.clone();
        self.whole.iter().all(|[x, y]| {
            let apart = |[a, b]: &[f64; 2]| (a - x).hypot(b - y);
            let nearest =
                (0..left.len()).min_by(|&i, &j| apart(&left[i]).total_cmp(&apart(&left[j])));
            nearest.is_some_and(|i| apart(&left.swap_remove(i)) <= distance)
        })
    }
}

/// Returns the largest difference of a channel between a pixel and a colour.
fn largest_difference(pixel: &[u8], colour: [u8; 3]) -> u8 {
    pixel.iter().zip(colour).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

/// Removes the piece with pixel `start` from `open` and returns its pixels.
fn take_piece(open: &mut [bool], width: usize, start: usize) -> Vec<usize> {
    if !std::mem::take(&mut open[start]) {
        return Vec::new();
    }
    let (mut piece, mut next) = (vec![start], 0);
    while let Some(&pixel) = piece.get(next) {
        next += 1;
        let (y, x) = (pixel / width, pixel % width);
        for row in y.saturating_sub(1)..=(y + 1).min(open.len() / width - 1) {
            for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let neighbour = row * width + column;
                if std::mem::take(&mut open[neighbour]) {
                    piece.push(neighbour);
                }
            }
        }
    }
    piece
}

/// Returns the mean place of some pixels.
fn centre(piece: &[usize], width: usize) -> [f64; 2] {
    let mean = |place: &dyn Fn(usize) -> usize| {
        piece.iter().map(|&pixel| place(pixel) as f64).sum::<f64>() / piece.len() as f64
    };
    [mean(&|pixel| pixel % width), mean(&|pixel| pixel / width)]
}

/// The objects of one kind in a clip, at each measured frame.
///
/// The last prompt frame says how many there must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectScores {
    /// Whether the recording still has as many whole objects, and no debris.
    pub recorded: Vec<bool>,
    /// The same for the tokenizer's reconstruction.
    pub reconstructed: Vec<bool>,
    /// The same for the rollout.
    pub as_many: Vec<bool>,
    /// Whether the rollout has no whole object and no debris.
    pub none: Vec<bool>,
    /// Whether the rollout has as many, each near a recorded one; `None` without as many recorded.
    pub near: Vec<Option<bool>>,
}

/// Clip `b` of three batches of equal clips.
#[derive(Clone, Copy)]
pub struct ComparedClips<'a> {
    pub real: &'a VideoBatch,
    pub reconstructed: &'a VideoBatch,
    pub generated: &'a VideoBatch,
}

impl ComparedClips<'_> {
    /// Searches clip `b` at frames `points`; `None` if its last prompt frame shows no whole object.
    #[must_use]
    pub fn objects(
        &self,
        b: usize,
        prompt: usize,
        points: &[usize],
        object: &TrackedObject,
    ) -> Option<ObjectScores> {
        let expected = Expected::of(self.real.frame(b, prompt - 1), self.real.width, object)?;
        let see = |video: &VideoBatch, t: usize| expected.see(video, b, t);
        let has = |video, t| see(video, t).is(expected.count);
        let seen = |video| points.iter().map(|&t| has(video, t)).collect();
        let none = |&t| see(self.generated, t).is(0);
        let near = |&t| {
            let real = see(self.real, t);
            real.is(expected.count).then(|| {
                let generated = see(self.generated, t);
                generated.is(expected.count) && real.is_near(&generated, object.within)
            })
        };
        Some(ObjectScores {
            recorded: seen(self.real),
            reconstructed: seen(self.reconstructed),
            as_many: seen(self.generated),
            none: points.iter().map(none).collect(),
            near: points.iter().map(near).collect(),
        })
    }
}

/// The objects of one kind that a clip must keep.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    object: &'a TrackedObject,
    colour: [u8; 3],
    count: usize,
}

impl<'a> Expected<'a> {
    /// Returns the colour and the number of the whole objects in the last frame of a prompt.
    ///
    /// A colour is possible if the frame shows whole objects and no debris of it. Of several
    /// possible colours, the one with the smallest mean difference is taken. `None` if no colour is
    /// possible.
    #[must_use]
    pub fn of(last: &[u8], width: usize, object: &'a TrackedObject) -> Option<Expected<'a>> {
        let expected = |&colour: &[u8; 3]| {
            let found = Sighting::of(last, width, object, colour);
            let count = found.whole.len();
            (found.debris == 0 && count > 0).then_some(Expected { object, colour, count })
        };
        object.colours.iter().filter_map(expected).min_by_key(|found| found.error(last))
    }

    /// Returns the mean difference from the colour, in thousandths of a level.
    ///
    /// Only pixels within the tolerance count.
    fn error(&self, frame: &[u8]) -> usize {
        let differences = frame.chunks_exact(3).map(|pixel| largest_difference(pixel, self.colour));
        let (mut sum, mut count) = (0, 0);
        for difference in differences.filter(|difference| *difference <= self.object.tolerance) {
            sum += usize::from(difference);
            count += 1;
        }
        sum * 1000 / count.max(1)
    }

    fn see(&self, video: &VideoBatch, b: usize, t: usize) -> Sighting {
        Sighting::of(video.frame(b, t), video.width, self.object, self.colour)
    }

    /// Returns whether frames `points` of clip `b` have exactly as many whole objects.
    #[must_use]
    pub fn are_in(
        &self,
        video: &VideoBatch,
        b: usize,
        points: impl Iterator<Item = usize>,
    ) -> Vec<bool> {
        points.map(|t| self.see(video, b, t).is(self.count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> TrackedObject {
        TrackedObject {
            name: "player".into(),
            videos: String::new(),
            colours: vec![[200, 0, 0]],
            tolerance: 20,
            pixels: [4, 9],
            within: 1.0,
        }
    }

    /// Draws `#` as a pixel of the object, and `~` as one of nearly its colour.
    fn frame(rows: [&str; 5]) -> Vec<u8> {
        let pixel = |c| match c {
            '#' => [200, 0, 0],
            '~' => [185, 19, 0],
            '-' => [175, 0, 0],
            _ => [90, 90, 90],
        };
        rows.iter().flat_map(|row| row.chars()).flat_map(pixel).collect()
    }

    fn see(rows: [&str; 5]) -> Sighting {
        Sighting::of(&frame(rows), 8, &object(), [200, 0, 0])
    }

    /// Catches: two halves of a figure count as one figure, because they have as many pixels; a
    /// smeared figure counts; pieces at opposite edges of the picture are joined; single wrong
    /// pixels hide a figure.
    #[test]
    fn only_whole_figures_count() {
        let whole = see(["........", ".##.....", ".#~.....", "........", "........"]);
        assert_eq!(whole, Sighting { whole: vec![[1.5, 1.5]], debris: 0 });
        let halves = see(["........", ".##...##", "........", "........", "........"]);
        assert_eq!((halves.whole.len(), halves.debris), (0, 2));
        let two = see(["##....##", "##....##", "........", "........", "........"]);
        assert!(two.whole.len() == 2 && two.is(2) && !two.is(1));
        let smear = see(["########", "########", "........", "........", "........"]);
        assert_eq!((smear.whole.len(), smear.debris), (0, 1));
        let wrapped = see([".......#", "#......#", "#.......", "........", "........"]);
        assert_eq!((wrapped.whole.len(), wrapped.debris), (0, 2), "two pieces of two pixels");
        let speck = see(["#.......", "...##...", "...##...", ".......-", "........"]);
        assert!(speck.is(1), "a single pixel is no debris: {speck:?}");
        let diagonal = see(["#.......", ".#......", "..#.....", "...#....", "........"]);
        assert!(diagonal.is(1));
    }

    /// Catches: the search uses a colour of another recording, because this recording's ground has
    /// it.
    #[test]
    fn the_prompt_decides_which_colour_an_object_has() {
        let both = TrackedObject { colours: vec![[182, 17, 0], [200, 0, 0]], ..object() };
        let of =
            |rows| Expected::of(&frame(rows), 8, &both).map(|found| (found.colour, found.count));
        let red = ["........", ".##..##.", ".##..##.", "........", "........"];
        assert_eq!(of(red), Some(([200, 0, 0], 2)));
        let other = ["........", ".~~.....", ".~~.....", "........", "........"];
        assert_eq!(of(other), Some(([182, 17, 0], 1)));
        assert_eq!(of(["##......", "........", "........", "........", "........"]), None);
    }

    /// Catches: two generated figures at the place of one recorded figure count as two right ones.
    #[test]
    fn each_figure_needs_its_own() {
        let at = |whole: &[[f64; 2]]| Sighting { whole: whole.to_vec(), debris: 0 };
        let real = at(&[[1.0, 1.0], [6.0, 1.0]]);
        assert!(real.is_near(&at(&[[6.5, 1.0], [1.0, 1.5]]), 1.0));
        assert!(!real.is_near(&at(&[[1.0, 1.0], [1.2, 1.0]]), 1.0));
    }
}
