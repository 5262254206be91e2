//! Turns pictures upright with the container's display matrix: quarter turns, also mirrored.

use ffmpeg_next::Stream;
use ffmpeg_next::codec::packet::side_data;

/// The orientation of a coded picture: one of the eight symmetries of a rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// Mirror left to right first.
    pub mirrored: bool,
    /// Then turn clockwise by this many quarter turns, 0 to 3.
    pub quarters: u8,
}

impl Orientation {
    /// Reads the stream's display matrix, to the nearest quarter turn. No matrix means upright.
    pub fn of(stream: &Stream<'_>) -> Self {
        let matrix = stream.side_data().find(|data| data.kind() == side_data::Type::DisplayMatrix);
        matrix.map_or(Self::default(), |matrix| Self::from_matrix(matrix.data()))
    }

    /// Reads the nine fixed-point numbers `a b u c d v x y w` of a display matrix.
    ///
    /// A point (x, y) of the picture is shown at (ax + cy, bx + dy), with y downwards (ISO/IEC
    /// 14496-12, 8.3.2).
    fn from_matrix(matrix: &[u8]) -> Self {
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
    pub fn lies(self) -> bool {
        self.quarters % 2 == 1
    }

    /// Turns a picture of `width`×`height` RGB pixels upright.
    pub fn apply(self, rgb: Vec<u8>, width: usize, height: usize) -> Vec<u8> {
        if self == Self::default() {
            return rgb;
        }
        let (out_width, out_height) = if self.lies() { (height, width) } else { (width, height) };
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
}
