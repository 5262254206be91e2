//! Finds letterbox and pillarbox borders: black bars that stay in place while the picture changes.
//!
//! A line at the edge belongs to a border if it is black, apart from noise, in every examined frame
//! that is not dark as a whole. One frame with something else in the line is enough to exclude it.
//! So the first frame usually ends the search in a video without borders. If borders are found, all
//! later frames are examined, too. The crop ends at the first frame that contradicts it.
//!
//! A bar counts only together with the opposite bar. Games have black areas at the top, at the
//! bottom or around the player's lamp. Added bars come in pairs.
//!
//! The cost per frame is reading some pixels of the black lines and of one more line on each side.

use std::iter::StepBy;
use std::ops::Range;

use ffmpeg_next::frame;

use super::ffi::{layout, properties};
use super::picture::{Lines, Rectangle};

/// Mean brightness up to which a line is black, in levels of 255.
///
/// Capture devices raise black, and an encoder smears some of the picture into the bar.
const DARK: u32 = 18;
/// A pixel brighter than this comes from text or a picture, not from smearing.
const BRIGHT: u32 = 64;
/// At most one pixel in this many of a black line may be brighter than [`BRIGHT`].
const NOISE: u32 = 64;
/// Largest mean distance of a black line's chroma from grey. Dark blue is above it.
const NEUTRAL: u32 = 8;
/// A bar covers at least one part in this many of the picture's side.
const LEAST: u32 = 50;
/// The rest covers at least one part in this many of the picture's area.
const LEFT: u64 = 2;
/// A frame is not dark if at least one pixel in this many is not black.
const LIT: u32 = 50;
/// Number of pixels of a line that are examined, at least, if the line has as many.
const EXAMINED: u32 = 128;
/// Two thicker bars are at least one part in this many of the picture's side thicker together.
const DEEPER: u32 = 25;
/// Number of frames that are not dark before a bar counts.
const EVIDENCE: usize = 8;

/// Black lines at the edges of a video's frames.
#[derive(Clone, Debug)]
pub struct Borders {
    size: (u32, u32),
    /// Number of lines that were black in all frames: top, bottom, left, right.
    black: [u32; 4],
    /// The corners of the crop are multiples of these columns and rows.
    align: (u32, u32),
    frames: usize,
}

impl Borders {
    /// Creates a search for frames of this frame's size and pixel format.
    ///
    /// Returns `None` if this code cannot read the pixel format.
    pub fn new(frame: &frame::Video) -> Option<Self> {
        let found = properties(frame);
        let layout = layout(found.pixel_format)?;
        let (width, height) = (u32::try_from(found.width).ok()?, u32::try_from(found.height).ok()?);
        Some(Self {
            size: (width, height),
            black: [height, height, width, width],
            align: layout.chroma,
            frames: 0,
        })
    }

    /// Returns width and height of the frames that are examined.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Examines a frame.
    ///
    /// It ignores frames that the decoder marks as damaged, dark frames and frames of another size.
    /// The caller leaves out frames that depend on lost data.
    pub fn look(&mut self, frame: &frame::Video) {
        let Some(lines) = Lines::of(frame).filter(|lines| (lines.width, lines.height) == self.size)
        else {
            return;
        };
        if frame.is_corrupt() || frame.has_decode_errors() || show_nothing(&lines) {
            return;
        }
        self.frames += 1;
        // Each field of an interlaced frame has its own chroma lines.
        let fields = if frame.is_interlaced() { 2 } else { 1 };
        self.align = (
            self.align.0.max(lines.layout.chroma.0),
            self.align.1.max(lines.layout.chroma.1 * fields),
        );
        let (width, height) = self.size;
        let [top, bottom, left, right] = &mut self.black;
        *top = run_of_black(*top, |y| row_is_black(&lines, y));
        *bottom = run_of_black(*bottom, |y| row_is_black(&lines, height - 1 - y));
        // Check the columns only between the bars above and below.
        let rows = *top..height.saturating_sub(*bottom);
        *left = run_of_black(*left, |x| column_is_black(&lines, x, rows.clone()));
        *right = run_of_black(*right, |x| column_is_black(&lines, width - 1 - x, rows.clone()));
    }

    /// Returns whether a frame may have borders: lines at two opposite edges are black.
    pub fn are_possible(frame: &frame::Video) -> bool {
        let Some(lines) = Lines::of(frame) else { return false };
        let (width, height) = (lines.width, lines.height);
        let column = |x| column_is_black(&lines, x, 0..height);
        width > 0
            && height > 0
            && (row_is_black(&lines, 0) && row_is_black(&lines, height - 1)
                || column(0) && column(width - 1))
    }

    /// Returns whether no border can be found any more, with any further frames.
    pub fn hopeless(&self) -> bool {
        self.pairs() == [0; 4]
    }

    /// Returns whether all frames so far were dark or damaged.
    pub fn has_seen_nothing(&self) -> bool {
        self.frames == 0
    }

    /// Returns whether too few frames were bright enough to tell.
    pub fn is_undecided(&self) -> bool {
        self.frames < EVIDENCE && !self.hopeless()
    }

    /// Returns the picture inside the borders, or `None` if there are no usable borders.
    pub fn crop(&self) -> Option<Rectangle> {
        self.inside().filter(|_| self.frames >= EVIDENCE)
    }

    /// Returns whether a frame has bars, and on another axis than these.
    pub fn cross_in(&self, frame: &frame::Video) -> bool {
        let Some(mut alone) = Self::new(frame) else { return false };
        alone.look(frame);
        alone.inside().is_some() && alone.cross(self)
    }

    /// Returns whether the bars of this and of other frames are on different axes only.
    fn cross(&self, other: &Self) -> bool {
        let axes = |borders: &Self| {
            let [top, bottom, left, right] = borders.pairs();
            [top + bottom > 0, left + right > 0]
        };
        let (one, other) = (axes(self), axes(other));
        one.contains(&true) && other == one.map(|has_bars| !has_bars)
    }

    /// Returns [`Self::crop`] also if few frames were bright enough to tell.
    pub fn inside(&self) -> Option<Rectangle> {
        let pairs = self.pairs();
        if self.frames == 0 || pairs == [0; 4] {
            return None;
        }
        let (width, height) = self.size;
        let start = |black: u32, align: u32| black.div_ceil(align) * align;
        let end = |side: u32, black: u32, align: u32| {
            // The picture's own edge needs no alignment.
            if black == 0 { side } else { (side - black) / align * align }
        };
        let (x, y) = (start(pairs[2], self.align.0), start(pairs[0], self.align.1));
        let (to_x, to_y) =
            (end(width, pairs[3], self.align.0), end(height, pairs[1], self.align.1));
        let left = Rectangle { x, y, width: to_x.checked_sub(x)?, height: to_y.checked_sub(y)? };
        let area = |width: u32, height: u32| u64::from(width) * u64::from(height);
        (area(left.width, left.height) * LEFT >= area(width, height)).then_some(left)
    }

    /// Returns the crop that remains of a crop of earlier frames.
    ///
    /// It stays the same if the frames show something only at the edge of a bar, because a bright
    /// picture smears into it.
    pub fn remaining(&self, crop: Rectangle) -> Option<Rectangle> {
        let (width, height) = self.size;
        let cut = [
            (crop.y, height),
            (height.saturating_sub(crop.y + crop.height), height),
            (crop.x, width),
            (width.saturating_sub(crop.x + crop.width), width),
        ];
        let contradicts = |(&black, (cut, side)): (&u32, (u32, u32))| {
            black + side.div_ceil(LEAST).min(cut / 4) < cut
        };
        if self.black.iter().zip(cut).any(contradicts) { self.crop() } else { Some(crop) }
    }

    /// Returns the black lines of each side. A bar that is too thin or has no partner counts as 0.
    fn pairs(&self) -> [u32; 4] {
        let [top, bottom, left, right] = self.black;
        let pair = |one: u32, other: u32, side: u32| {
            let (thin, thick) = (one.min(other), one.max(other));
            if thin < side.div_ceil(LEAST) || thin < thick.div_ceil(2) {
                [0, 0]
            } else {
                [one, other]
            }
        };
        let ([top, bottom], [left, right]) =
            (pair(top, bottom, self.size.1), pair(left, right, self.size.0));
        [top, bottom, left, right]
    }
}

/// Returns whether a crop cuts much more than another one, on at least one axis.
///
/// A dark line at the edge of a cropped picture is not much.
pub fn is_much_deeper(crop: Rectangle, outer: Rectangle, (width, height): (u32, u32)) -> bool {
    let lines = |outer: u32, crop: u32, side: u32| outer.saturating_sub(crop) * DEEPER >= side;
    let is_inside = crop.x >= outer.x
        && crop.y >= outer.y
        && crop.x + crop.width <= outer.x + outer.width
        && crop.y + crop.height <= outer.y + outer.height;
    is_inside && (lines(outer.width, crop.width, width) || lines(outer.height, crop.height, height))
}

/// Returns the share of the picture's area that a crop removes, 0 to 1.
pub fn share(crop: Option<&Rectangle>, width: u32, height: u32) -> f64 {
    let area = f64::from(width) * f64::from(height);
    crop.map_or(0.0, |crop| 1.0 - f64::from(crop.width) * f64::from(crop.height) / area.max(1.0))
}

/// Returns how many of the first `most` lines are black without a gap.
fn run_of_black(most: u32, is_black: impl Fn(u32) -> bool) -> u32 {
    (0..most).find(|&line| !is_black(line)).unwrap_or(most)
}

fn row_is_black(lines: &Lines<'_>, y: u32) -> bool {
    let rows = lines.line(y);
    is_black(examined(0..lines.width).map(|x| lines.pixel(&rows, x)))
}

fn column_is_black(lines: &Lines<'_>, x: u32, between: Range<u32>) -> bool {
    is_black(examined(between).map(|y| lines.pixel(&lines.line(y), x)))
}

/// Returns whether the frame is dark, from every eighth pixel of every eighth line.
fn show_nothing(lines: &Lines<'_>) -> bool {
    let (mut lit, mut all) = (0, 0);
    for y in (0..lines.height).step_by(8) {
        let rows = lines.line(y);
        for x in (0..lines.width).step_by(8) {
            let (bright, coloured) = lines.pixel(&rows, x);
            lit += u32::from(bright > DARK || coloured > NEUTRAL);
            all += 1;
        }
    }
    lit * LIT < all
}

/// Returns the positions of a line's pixels that are examined, evenly spaced.
fn examined(line: Range<u32>) -> StepBy<Range<u32>> {
    let length = line.end.saturating_sub(line.start);
    line.step_by((length / EXAMINED).max(1) as usize)
}

/// Returns whether a line with these examined pixels is black.
fn is_black(mut pixels: impl ExactSizeIterator<Item = (u32, u32)>) -> bool {
    let length = u32::try_from(pixels.len()).unwrap_or(u32::MAX);
    let (mut brightness, mut colour, mut outliers) = (0, 0, 0);
    pixels.all(|(bright, coloured)| {
        brightness += bright;
        colour += coloured;
        outliers += u32::from(bright > BRIGHT);
        brightness <= DARK * length && colour <= NEUTRAL * length && outliers * NOISE <= length
    })
}

#[cfg(test)]
pub(super) mod tests {
    use ffmpeg_next::format::Pixel;

    use super::*;

    /// Makes a grey picture between bars, in a limited-range YUV frame of `width`×`height` pixels.
    pub fn barred(
        format: Pixel,
        (width, height): (u32, u32),
        [top, bottom, left, right]: [u32; 4],
        grey: u8,
    ) -> frame::Video {
        let mut frame = frame::Video::new(format, width, height);
        for plane in 0..3 {
            let (stride, rows) = (frame.stride(plane), frame.plane_height(plane));
            let data = frame.data_mut(plane);
            for y in 0..rows {
                for x in 0..u32::try_from(stride).unwrap() {
                    let inside =
                        (left..width - right).contains(&x) && (top..height - bottom).contains(&y);
                    let level = if plane > 0 {
                        128
                    } else if inside {
                        grey
                    } else {
                        16
                    };
                    data[(y * u32::try_from(stride).unwrap() + x) as usize] = level;
                }
            }
        }
        frame
    }

    fn found(frames: &[frame::Video]) -> Option<Rectangle> {
        let mut borders = Borders::new(&frames[0]).unwrap();
        for frame in frames {
            borders.look(frame);
        }
        assert!(!borders.hopeless() || borders.crop().is_none());
        borders.crop()
    }

    fn of(format: Pixel, bars: [u32; 4]) -> Option<Rectangle> {
        let frames: Vec<_> = (0..10).map(|_| barred(format, (200, 100), bars, 90)).collect();
        found(&frames)
    }

    /// Catches: bars are missed, thin edges are cut, or corners split a chroma sample.
    #[test]
    fn pairs_of_bars_are_cut_on_whole_chroma_samples() {
        let rectangle = |x, y, width, height| Some(Rectangle { x, y, width, height });
        assert_eq!(of(Pixel::YUV444P, [10, 11, 0, 0]), rectangle(0, 10, 200, 79));
        assert_eq!(of(Pixel::YUV420P, [10, 11, 0, 0]), rectangle(0, 10, 200, 78));
        assert_eq!(of(Pixel::YUV420P, [0, 0, 25, 24]), rectangle(26, 0, 150, 100));
        assert_eq!(of(Pixel::YUV420P, [10, 10, 20, 20]), rectangle(20, 10, 160, 80));
        assert_eq!(of(Pixel::YUV420P, [1, 1, 3, 3]), None, "thin");
        assert_eq!(of(Pixel::YUV420P, [30, 0, 0, 40]), None, "alone");
        assert_eq!(of(Pixel::YUV420P, [40, 40, 0, 0]), None, "too little is left");
    }

    /// Catches: a dark scene of a game counts as letterbox, or a fade or cut hides a letterbox.
    #[test]
    fn every_lit_frame_must_have_them() {
        let size = (200, 100);
        let mut frames: Vec<_> =
            (0..10).map(|_| barred(Pixel::YUV420P, size, [20, 20, 0, 0], 90)).collect();
        frames.push(barred(Pixel::YUV420P, size, [0; 4], 16));
        frames.push(barred(Pixel::YUV420P, size, [40, 40, 80, 80], 90));
        frames.push(barred(Pixel::YUV420P, (100, 100), [0; 4], 90));
        assert!(found(&frames).is_some(), "dark frames and frames of another size do not count");
        frames.push(barred(Pixel::YUV420P, size, [20, 10, 0, 0], 90));
        assert_eq!(found(&frames), Some(Rectangle { x: 0, y: 20, width: 200, height: 70 }));
        frames.push(barred(Pixel::YUV420P, size, [20, 0, 0, 0], 90));
        assert_eq!(found(&frames), None);
        assert_eq!(found(&frames[..5]), None, "too few frames");
    }

    /// Catches: a line more ends a clip; bars on another axis or thinner bars count as thicker.
    #[test]
    fn only_much_thicker_borders_begin_inside_of_others() {
        let crop = |x, y| Rectangle { x, y, width: 200 - 2 * x, height: 100 - 2 * y };
        let is_deeper = |inner, outer| is_much_deeper(inner, outer, (200, 100));
        assert!(is_deeper(crop(0, 20), crop(0, 10)) && is_deeper(crop(20, 10), crop(0, 10)));
        assert!(!is_deeper(crop(0, 11), crop(0, 10)) && !is_deeper(crop(0, 10), crop(0, 10)));
        assert!(!is_deeper(crop(0, 10), crop(0, 20)) && !is_deeper(crop(20, 0), crop(0, 10)));
    }

    /// Catches: a dark colour counts as black.
    #[test]
    fn dark_blue_is_no_border() {
        let mut frames: Vec<_> =
            (0..10).map(|_| barred(Pixel::YUV444P, (200, 100), [20, 20, 0, 0], 90)).collect();
        for frame in &mut frames {
            frame.data_mut(1).fill(150);
        }
        assert_eq!(found(&frames), None);
    }

    /// Catches: a flash of the picture at a bar's edge ends the clip and the crop, or a picture in
    /// the bar does not.
    #[test]
    fn a_crop_survives_a_smeared_edge() {
        let frames = |bars| (0..10).map(move |_| barred(Pixel::YUV420P, (200, 100), bars, 90));
        let frames: Vec<_> = frames([20, 20, 0, 0]).collect();
        let crop = found(&frames).unwrap();
        let after = |bars| {
            let mut borders = Borders::new(&frames[0]).unwrap();
            for frame in &frames {
                borders.look(frame);
            }
            borders.look(&barred(Pixel::YUV420P, (200, 100), bars, 90));
            borders.remaining(crop)
        };
        assert_eq!(after([20, 20, 0, 0]), Some(crop));
        assert_eq!(after([18, 19, 0, 0]), Some(crop));
        assert_eq!(after([40, 40, 0, 0]), Some(crop));
        assert_eq!(after([0, 0, 0, 0]), None);
        assert_eq!(after([20, 0, 0, 0]), None);
        let thinner = Rectangle { x: 0, y: 12, width: 200, height: 76 };
        assert_eq!(after([12, 12, 0, 0]), Some(thinner));
    }
}
