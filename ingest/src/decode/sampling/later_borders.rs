//! Borders that begin in mid-stream: after an intro that fills the picture, or after other borders.
//!
//! Thicker borders may also begin while thinner ones are cut.
//!
//! Frames with borders are held back until there are enough of them. Each is held twice: with its
//! borders, and without them. If the borders then remain until the end of the file, the frames
//! without borders are passed on, and the crop goes on. Otherwise the others are.

use ffmpeg_next::frame;

use super::frames::ConvertedFrame;
use crate::decode::borders::{Borders, is_much_deeper};
use crate::decode::picture::{Orientation, Properties, Rectangle};

/// Largest number of borders of a file that are tried. Each costs a pass over its key frames.
const MOST: usize = 4;

/// A frame that is held back.
pub struct HeldFrame {
    pub shown: ConvertedFrame,
    /// Its pixels inside the borders.
    pub inside: Vec<u8>,
    pub found: Properties,
    pub orientation: Orientation,
}

/// Borders that may begin with the first held frame.
pub struct Candidate {
    pub borders: Borders,
    pub crop: Rectangle,
    /// Presentation time of the first held frame.
    pub begins: i64,
    pub held: Vec<HeldFrame>,
}

/// Searches for borders in the frames of a file that are not cropped, or less than it finds.
#[derive(Default)]
pub struct LaterBorders {
    candidate: Option<Candidate>,
    refused: Vec<RefusedBorders>,
}

/// Borders that did not last.
struct RefusedBorders {
    crop: Rectangle,
    /// A later frame lacked them. Where they begin again, they may last.
    has_ended: bool,
}

impl LaterBorders {
    /// Examines the next frame, at `pts`. `outer` is the crop that is cut now.
    ///
    /// Returns the held frames that turn out to have no borders, and the rectangle inside the
    /// borders of this frame if it must be held.
    pub fn look(
        &mut self,
        frame: &frame::Video,
        pts: i64,
        is_corrupt: bool,
        outer: Option<Rectangle>,
    ) -> (Vec<HeldFrame>, Option<Rectangle>) {
        if let Some(candidate) = &mut self.candidate {
            if !is_corrupt {
                candidate.borders.look(frame);
            }
            if candidate.borders.remaining(candidate.crop) == Some(candidate.crop) {
                return (Vec::new(), Some(candidate.crop));
            }
        }
        let released = self.candidate.take().map_or(Vec::new(), |candidate| candidate.held);
        if is_corrupt || self.refused.len() >= MOST {
            return (released, None);
        }
        let borders = Borders::new(frame).filter(|_| Borders::are_possible(frame));
        let borders = borders.map(|mut borders| {
            borders.look(frame);
            borders
        });
        for refused in &mut self.refused {
            let has = |borders: &Borders| borders.remaining(refused.crop) == Some(refused.crop);
            refused.has_ended |= !borders.as_ref().is_some_and(has);
        }
        let begun = borders.and_then(|borders| Some((borders.inside()?, borders)));
        let begun = begun.filter(|(crop, borders)| {
            let is_refused = |refused: &RefusedBorders| refused.crop == *crop && !refused.has_ended;
            !self.refused.iter().any(is_refused)
                && outer.is_none_or(|outer| is_much_deeper(*crop, outer, borders.size()))
        });
        let crop = begun.map(|(crop, borders)| {
            self.candidate = Some(Candidate { borders, crop, begins: pts, held: Vec::new() });
            crop
        });
        (released, crop)
    }

    /// Holds a frame. Returns the number of frames and of bytes that are held.
    pub fn hold(&mut self, frame: HeldFrame) -> (usize, usize) {
        let Some(candidate) = &mut self.candidate else { return (0, 0) };
        let bytes = frame.shown.rgb.len() + frame.inside.len();
        candidate.held.push(frame);
        (candidate.held.len(), candidate.held.len() * bytes)
    }

    /// Takes the borders that were found so far, with the held frames.
    pub fn take(&mut self) -> Option<Candidate> {
        self.candidate.take()
    }

    /// Does not try borders again until a frame lacks them.
    pub fn refuse(&mut self, crop: Rectangle) {
        self.refused.push(RefusedBorders { crop, has_ended: false });
    }
}
