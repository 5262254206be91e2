//! Turns pictures upright with a display matrix: quarter turns, also mirrored.
//!
//! The matrix is in the container, or in the coded stream (H.264 and HEVC have it in an SEI
//! message). The one in the stream counts. It may change in mid-stream.

use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::{Stream, frame};

use crate::decode::ffi::display_matrices;

/// The orientation of a coded picture: one of the eight symmetries of a rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// Mirror left to right first.
    pub mirrored: bool,
    /// Then turn clockwise by this many quarter turns, 0 to 3.
    pub quarters: u8,
}

impl Orientation {
    /// Reads the frame's own display matrix, if it has one.
    ///
    /// FFmpeg 7 also gives every frame the container's `matrix`, before its own one.
    pub fn of_frame(frame: &frame::Video, matrix: Option<&[u8]>) -> Option<Self> {
        let mut found = display_matrices(frame);
        if let Some(copy) = found.iter().position(|found| Some(*found) == matrix) {
            found.remove(copy);
        }
        found.last().map(|own| Self::from_matrix(own))
    }

    /// Reads the nine fixed-point numbers `a b u c d v x y w` of a display matrix.
    ///
    /// The result is the nearest quarter turn. An empty matrix means upright. A point (x, y) of the
    /// picture is shown at (ax + cy, bx + dy), with y downwards (ISO/IEC 14496-12, 8.3.2).
    pub fn from_matrix(matrix: &[u8]) -> Self {
        let number = |index: usize| {
            let bytes =
                matrix.get(4 * index..4 * index + 4).and_then(|bytes| bytes.try_into().ok());
            i64::from(bytes.map_or(0, i32::from_ne_bytes))
        };
        let (a, b, c, d) = (number(0), number(1), number(3), number(4));
        if a * d == b * c {
            return Self::default();
        }
        // A mirrored matrix reverses the orientation of the plane.
        let mirrored = a * d < b * c;
        // Where the picture's right side is shown. In a mirrored picture it was the left side.
        let (right, down) = if mirrored { (-a, -b) } else { (a, b) };
        let quarters = match (right.abs() >= down.abs(), right >= 0, down >= 0) {
            (true, true, _) => 0,
            (true, false, _) => 2,
            (false, _, true) => 1,
            (false, _, false) => 3,
        };
        Self { mirrored, quarters }
    }

    /// Returns the clockwise turn in degrees.
    pub fn degrees(self) -> i32 {
        i32::from(self.quarters) * 90
    }

    /// Returns whether width and height swap.
    pub fn swaps_sides(self) -> bool {
        self.quarters % 2 == 1
    }

    /// Turns a picture of `width`×`height` RGB pixels upright.
    pub fn apply(self, rgb: Vec<u8>, width: usize, height: usize) -> Vec<u8> {
        if self == Self::default() {
            return rgb;
        }
        let (out_width, out_height) =
            if self.swaps_sides() { (height, width) } else { (width, height) };
        let mut turned = Vec::with_capacity(rgb.len());
        for y in 0..out_height {
            for x in 0..out_width {
                let (from_x, from_y) = match self.quarters {
                    0 => (x, y),
                    1 => (y, height - 1 - x),
                    2 => (width - 1 - x, height - 1 - y),
                    _ => (width - 1 - y, x),
                };
                let from_x = if self.mirrored { width - 1 - from_x } else { from_x };
                let at = (from_y * width + from_x) * 3;
                turned.extend_from_slice(&rgb[at..at + 3]);
            }
        }
        turned
    }
}

/// FFmpeg's names of containers without a global header, in which recordings may be joined.
const WITHOUT_HEADER: [&str; 3] = ["mpegts", "mpeg", "h264"];

/// Largest number of frames that wait for a matrix after a key frame: the most B-frames, and one.
const WAITING: usize = 17;
/// The same at the start of a stream. It is small, because most streams have no matrix.
const WAITING_AT_START: usize = 5;

/// Returns the display matrix of a stream's container.
pub fn container_matrix(stream: &Stream<'_>) -> Option<Vec<u8>> {
    let matrix = stream.side_data().find(|data| data.kind() == side_data::Type::DisplayMatrix);
    matrix.map(|matrix| matrix.data().to_vec())
}

/// How long a frame's own matrix holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixScope {
    /// For this frame.
    ///
    /// FFmpeg's decoder gives every frame the matrix of the last SEI message (HEVC), and none after
    /// a message that cancels it.
    Frame,
    /// Until the next matrix.
    Stream,
    /// Until the next matrix, or until a key frame without one.
    ///
    /// Recordings may be joined in the file, and a coded video sequence ends at a key frame (H.264,
    /// D.2.27). But some programs write the SEI message after the key frame, so that it arrives
    /// with a later frame. So frames from such a key frame on wait for a matrix.
    Sequence,
}

impl MatrixScope {
    /// Returns the scope for a codec and a container, by FFmpeg's names.
    pub fn of(codec: &str, container: &str) -> Self {
        match codec {
            "hevc" => Self::Frame,
            "h264" if WITHOUT_HEADER.contains(&container) => Self::Sequence,
            _ => Self::Stream,
        }
    }
}

/// Finds the orientations of a stream's frames, given in presentation order.
pub struct Orientations<F> {
    container: Orientation,
    current: Orientation,
    waiting: Vec<F>,
    /// The number of waiting frames at which they wait no longer.
    limit: usize,
    scope: MatrixScope,
    /// The next frame is the first one.
    starts: bool,
}

impl<F> Orientations<F> {
    /// Creates a search for a stream whose container has this orientation.
    pub fn new(container: Orientation, scope: MatrixScope) -> Self {
        let (current, waiting) = (container, Vec::new());
        Self { container, current, waiting, limit: 0, scope, starts: true }
    }

    /// Takes the next frame and its own orientation. Returns the frames whose orientation is known.
    pub fn push(
        &mut self,
        frame: F,
        own: Option<Orientation>,
        is_key: bool,
    ) -> Vec<(F, Orientation)> {
        let mut known = Vec::new();
        let starts = std::mem::take(&mut self.starts);
        if self.scope == MatrixScope::Frame {
            self.current = self.container;
        }
        let is_key = is_key && self.scope == MatrixScope::Sequence;
        if is_key {
            known = self.finish();
            let turned = self.current != self.container;
            self.limit = if turned { WAITING } else { WAITING_AT_START * usize::from(starts) };
        }
        let waits = if is_key { self.limit > 0 } else { !self.waiting.is_empty() };
        self.waiting.push(frame);
        if let Some(own) = own {
            self.current = own;
            known.extend(self.release());
        } else if !waits {
            known.extend(self.release());
        } else if self.waiting.len() >= self.limit {
            known.extend(self.finish());
        }
        known
    }

    /// Returns the waiting frames. They have the container's orientation.
    pub fn finish(&mut self) -> Vec<(F, Orientation)> {
        if !self.waiting.is_empty() {
            self.current = self.container;
        }
        self.release()
    }

    fn release(&mut self) -> Vec<(F, Orientation)> {
        self.waiting.drain(..).map(|frame| (frame, self.current)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a quarter turn has the wrong direction, or the mirror and the turn are applied in
    /// the wrong order.
    #[test]
    fn pictures_turn_clockwise() {
        let pixels =
            |values: &[u8]| values.iter().flat_map(|&value| [value; 3]).collect::<Vec<u8>>();
        // 1 2 3
        // 4 5 6
        let picture = pixels(&[1, 2, 3, 4, 5, 6]);
        let turn =
            |mirrored, quarters| Orientation { mirrored, quarters }.apply(picture.clone(), 3, 2);
        assert_eq!(turn(false, 0), picture);
        assert_eq!(turn(false, 1), pixels(&[4, 1, 5, 2, 6, 3]));
        assert_eq!(turn(false, 2), pixels(&[6, 5, 4, 3, 2, 1]));
        assert_eq!(turn(false, 3), pixels(&[3, 6, 2, 5, 1, 4]));
        assert_eq!(turn(true, 0), pixels(&[3, 2, 1, 6, 5, 4]));
        assert_eq!(turn(true, 1), pixels(&[6, 3, 5, 2, 4, 1]));
    }

    /// Catches: phone videos are upside down because a matrix is transposed, or text is mirrored.
    #[test]
    fn display_matrices_are_quarter_turns() {
        let matrix = |a: i32, b: i32, c: i32, d: i32| {
            let one = 1 << 16;
            [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30].map(i32::to_ne_bytes).concat()
        };
        let of = |a, b, c, d| Orientation::from_matrix(&matrix(a, b, c, d));
        let turned = |mirrored, quarters| Orientation { mirrored, quarters };
        assert_eq!(of(1, 0, 0, 1), turned(false, 0));
        assert_eq!(of(0, 1, -1, 0), turned(false, 1));
        assert_eq!(of(-1, 0, 0, -1), turned(false, 2));
        assert_eq!(of(0, -1, 1, 0), turned(false, 3));
        // Left to right, and top to bottom.
        assert_eq!(of(-1, 0, 0, 1), turned(true, 0));
        assert_eq!(of(1, 0, 0, -1), turned(true, 2));
        // Over the diagonals: (x, y) is shown at (y, x), or at (-y, -x).
        assert_eq!(of(0, 1, 1, 0), turned(true, 3));
        assert_eq!(of(0, -1, -1, 0), turned(true, 1));
        assert_eq!(Orientation::from_matrix(&[]), turned(false, 0));
    }

    /// Catches: only key frames are upright, or a recording stays turned after the phone was
    /// turned back, or frames lie on their side until a late SEI message arrives.
    #[test]
    fn a_frames_own_matrix_holds_until_a_key_frame_without_one() {
        let turned = |quarters| Orientation { mirrored: false, quarters };
        // Whether it is a key frame, its own quarter turns, and those that are right.
        let frames = [
            (true, None, 0), // The matrix comes late.
            (false, Some(0), 0),
            (true, Some(1), 1),
            (false, None, 1),
            (true, None, 3), // The matrix comes late.
            (false, None, 3),
            (false, Some(3), 3),
            (false, None, 3),
            (true, None, 2), // No matrix comes before the next key frame.
            (false, None, 2),
            (true, None, 2),
        ];
        let mut orientations = Orientations::new(turned(2), MatrixScope::Sequence);
        let mut known = Vec::new();
        for (number, (is_key, own, _)) in frames.into_iter().enumerate() {
            known.extend(orientations.push(number, own.map(turned), is_key));
        }
        known.extend(orientations.finish());
        let expected: Vec<_> = frames.iter().map(|frame| turned(frame.2)).enumerate().collect();
        assert_eq!(known, expected);
    }

    /// Catches: a recording with one message in its header lies on its side from the second key
    /// frame on.
    #[test]
    fn a_matrix_in_the_header_holds_to_the_end() {
        let turned = |quarters| Orientation { mirrored: false, quarters };
        let mut orientations = Orientations::new(turned(0), MatrixScope::Stream);
        let frames = [(true, Some(1), 1), (false, None, 1), (true, None, 1), (true, Some(3), 3)];
        for (is_key, own, right) in frames {
            assert_eq!(orientations.push((), own.map(turned), is_key), [((), turned(right))]);
        }
    }

    /// Catches: an HEVC recording stays turned after a message that cancels its orientation.
    #[test]
    fn a_matrix_of_hevc_holds_for_its_frame() {
        let turned = |quarters| Orientation { mirrored: false, quarters };
        let mut orientations = Orientations::new(turned(2), MatrixScope::of("hevc", "mpegts"));
        for (is_key, own, right) in [(true, Some(1), 1), (false, Some(1), 1), (false, None, 2)] {
            assert_eq!(orientations.push((), own.map(turned), is_key), [((), turned(right))]);
        }
    }

    /// Catches: a long group of pictures without a matrix fills the memory with waiting frames.
    #[test]
    fn frames_do_not_wait_long() {
        let mut orientations = Orientations::new(Orientation::default(), MatrixScope::Sequence);
        let turned = Orientation { mirrored: false, quarters: 1 };
        assert_eq!(orientations.push(0, Some(turned), true).len(), 1);
        let lengths = (1..=40).map(|frame| orientations.push(frame, None, frame == 1).len());
        let lengths: Vec<usize> = lengths.collect();
        assert_eq!(lengths[..WAITING - 1], [0; WAITING - 1]);
        assert_eq!(lengths[WAITING - 1], WAITING);
        assert!(lengths[WAITING..].iter().all(|&length| length == 1));
    }
}
