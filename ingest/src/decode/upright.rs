//! Turning pictures upright, as the container's display matrix says. Mirroring is ignored.

use ffmpeg_next::Stream;
use ffmpeg_next::codec::packet::side_data;

/// Turns a picture of `width`×`height` RGB pixels clockwise by a multiple of 90 degrees.
pub fn turn(rgb: Vec<u8>, width: usize, height: usize, degrees: i32) -> Vec<u8> {
    let pixel = |x: usize, y: usize| (y * width + x) * 3;
    let from: Box<dyn Fn(usize, usize) -> usize> = match degrees {
        90 => Box::new(|x, y| pixel(y, height - 1 - x)),
        180 => Box::new(|x, y| pixel(width - 1 - x, height - 1 - y)),
        270 => Box::new(|x, y| pixel(width - 1 - y, x)),
        _ => return rgb,
    };
    let (out_width, out_height) = if degrees == 180 { (width, height) } else { (height, width) };
    let mut turned = Vec::with_capacity(rgb.len());
    for y in 0..out_height {
        for x in 0..out_width {
            let at = from(x, y);
            turned.extend_from_slice(&rgb[at..at + 3]);
        }
    }
    turned
}

/// Degrees clockwise by which the stream's display matrix turns the picture, to the nearest quarter.
pub fn rotation(stream: &Stream<'_>) -> i32 {
    let matrix = stream.side_data().find(|data| data.kind() == side_data::Type::DisplayMatrix);
    matrix.map_or(0, |matrix| quarter_turns(matrix.data()) * 90)
}

/// Quarters of a turn clockwise, 0 to 3, from the nine 16.16 fixed-point numbers of a display matrix.
fn quarter_turns(matrix: &[u8]) -> i32 {
    let number = |index: usize| {
        matrix
            .get(4 * index..4 * index + 4)
            .map_or(0.0, |bytes| f64::from(i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
    };
    let across = number(0).hypot(number(3));
    let down = number(1).hypot(number(4));
    if across == 0.0 || down == 0.0 {
        return 0;
    }
    let degrees = (number(1) / down).atan2(number(0) / across).to_degrees();
    #[expect(clippy::cast_possible_truncation, reason = "-2 to 2")]
    let quarters = (degrees / 90.0).round() as i32;
    quarters.rem_euclid(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch a quarter turn the wrong way round.
    #[test]
    fn pictures_turn_clockwise() {
        let pixels = |values: &[u8]| values.iter().flat_map(|&value| [value; 3]).collect::<Vec<u8>>();
        // 1 2 3
        // 4 5 6
        let picture = pixels(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(turn(picture.clone(), 3, 2, 90), pixels(&[4, 1, 5, 2, 6, 3]));
        assert_eq!(turn(picture.clone(), 3, 2, 180), pixels(&[6, 5, 4, 3, 2, 1]));
        assert_eq!(turn(picture.clone(), 3, 2, 270), pixels(&[3, 6, 2, 5, 1, 4]));
        assert_eq!(turn(picture.clone(), 3, 2, 0), picture);
    }

    /// Would catch a matrix read as its transpose: phones held the usual way would come out upside down.
    #[test]
    fn display_matrices_are_quarter_turns() {
        let matrix = |a: i32, b: i32, c: i32, d: i32| {
            let one = 1 << 16;
            [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30].map(i32::to_ne_bytes).concat()
        };
        assert_eq!(quarter_turns(&matrix(1, 0, 0, 1)), 0);
        assert_eq!(quarter_turns(&matrix(0, 1, -1, 0)), 1);
        assert_eq!(quarter_turns(&matrix(-1, 0, 0, -1)), 2);
        assert_eq!(quarter_turns(&matrix(0, -1, 1, 0)), 3);
        assert_eq!(quarter_turns(&[]), 0);
    }
}
