//! Whether borders last: whether the other frames of a file have them, too.
//!
//! A few frames may lack them, because bars of a letterbox are not black all the time: there are
//! flashes, subtitles, and outros that fill the picture. If more frames lack them, the borders may
//! be a dark place of a game in which the recording begins.

use ffmpeg_next::frame;

use super::borders::{Borders, is_much_deeper};
use super::picture::Rectangle;

/// For each frame without the borders, at least this many have them.
const MAJORITY: usize = 3;

/// Checks borders in further frames of a file.
pub struct LastingBorders {
    /// The crop that is checked; `None` if too few frames were bright enough to find one.
    crop: Option<Rectangle>,
    /// The borders in all frames so far.
    all: Borders,
    /// The borders in the frames so far that have them.
    with: Borders,
    /// Number of checked frames that have the borders.
    has: usize,
    /// Number of checked frames that lack them.
    lacks: usize,
}

impl LastingBorders {
    /// Creates a check of borders that the first frames of a file have.
    pub fn new(borders: Borders) -> Self {
        Self { crop: borders.crop(), with: borders.clone(), all: borders, has: 0, lacks: 0 }
    }

    /// Examines a frame. Dark frames and frames of another size do not count.
    pub fn look(&mut self, frame: &frame::Video) {
        // Other bars end the crop where they begin. A picture without bars contradicts it.
        if self.all.cross_in(frame) {
            return;
        }
        self.all.look(frame);
        let (Some(crop), Some(mut alone)) = (self.crop, Borders::new(frame)) else { return };
        alone.look(frame);
        if alone.size() != self.all.size() || alone.has_seen_nothing() {
            return;
        }
        if alone.remaining(crop) == Some(crop) {
            self.with.look(frame);
            self.has += 1;
        } else {
            self.lacks += 1;
        }
    }

    /// Returns the borders of the frames that have them, or of all frames if too many lack them.
    ///
    /// If all frames have almost the same borders, the edge of a bar is not quite black. Then the
    /// borders of all frames do not end a clip each time that it flickers.
    pub fn finish(self) -> Borders {
        let is_deeper = |with: Rectangle| {
            self.all.crop().is_none_or(|all| is_much_deeper(with, all, self.all.size()))
        };
        let lasts = self.crop.is_some() && self.lacks * MAJORITY <= self.has;
        if lasts && self.with.crop().is_some_and(is_deeper) { self.with } else { self.all }
    }
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::format::Pixel;

    use super::super::borders::tests::barred;
    use super::*;

    /// Catches: one frame that a flash fills ends the crop of a whole film; a dark place in which a
    /// recording begins crops it.
    #[test]
    fn a_few_frames_may_lack_the_borders() {
        let frame = |bars| barred(Pixel::YUV420P, (200, 100), bars, 90);
        let (with, without) = (frame([20, 20, 0, 0]), frame([0; 4]));
        let mut borders = Borders::new(&with).unwrap();
        (0..10).for_each(|_| borders.look(&with));
        let crop_with = |has: usize, lacks: usize, other: &frame::Video| {
            let mut lasting = LastingBorders::new(borders.clone());
            (0..lacks).for_each(|_| lasting.look(other));
            (0..has).for_each(|_| lasting.look(&with));
            lasting.finish().crop()
        };
        let crop_after = |has: usize, lacks: usize| crop_with(has, lacks, &without);
        let crop = Some(Rectangle { x: 0, y: 20, width: 200, height: 60 });
        assert_eq!([crop_after(0, 0), crop_after(3, 1), crop_after(9, 3)], [crop; 3]);
        assert_eq!([crop_after(0, 1), crop_after(2, 1), crop_after(11, 4)], [None; 3]);
        let flickers = frame([17, 20, 0, 0]);
        let thinner = Some(Rectangle { x: 0, y: 18, width: 200, height: 62 });
        assert_eq!(crop_with(9, 1, &flickers), thinner, "an edge that is not quite black");
    }
}
