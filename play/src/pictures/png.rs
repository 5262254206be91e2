//! Frames as PNG files.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, Limits};

use super::error::PictureError;

/// Colour of the gap between the frames of a strip.
const GAP: [u8; 3] = [128; 3];

/// Returns a frame as a PNG file.
///
/// # Panics
/// Panics if the frame is not `height · width · 3` bytes, or has no pixels.
pub fn png(frame: &[u8], (height, width): (usize, usize)) -> Vec<u8> {
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
        .write_image(frame, width as u32, height as u32, ExtendedColorType::Rgb8)
        .expect("a PNG is written to memory");
    file
}

/// Returns frames side by side, from left to right, as one PNG file.
///
/// `gap` is the number of grey pixels between two frames.
///
/// # Panics
/// Panics if there are no frames, or if a frame is not `height · width · 3` bytes.
pub fn strip(frames: &[impl AsRef<[u8]>], (height, width): (usize, usize), gap: usize) -> Vec<u8> {
    assert!(!frames.is_empty(), "a strip must have frames");
    let whole = frames.len() * (width + gap) - gap;
    let mut rows = Vec::with_capacity(height * whole * 3);
    for y in 0..height {
        for (i, frame) in frames.iter().enumerate() {
            if i > 0 {
                rows.extend(GAP.repeat(gap));
            }
            let frame = frame.as_ref();
            assert_eq!(frame.len(), height * width * 3, "every frame must have the strip's size");
            rows.extend(&frame[y * width * 3..(y + 1) * width * 3]);
        }
    }
    png(&rows, (height, whole))
}

/// Reads a PNG file that must have exactly this size, such as a prompt frame of an action log.
pub fn from_png(bytes: &[u8], (height, width): (usize, usize)) -> Result<Vec<u8>, PictureError> {
    let of_decoder = |error| PictureError::of_decoder(ImageFormat::Png, &error);
    let mut limits = Limits::no_limits();
    // Every pixel has at most four samples of 16 bits. The decoder needs some rows more.
    limits.max_alloc = Some(((height + 64) * width * 8) as u64 + (1 << 20));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    reader.limits(limits.clone());
    let found = reader.into_dimensions().map_err(of_decoder)?;
    if found != (width as u32, height as u32) {
        let reason = format!("it has {}×{} pixels instead of {width}×{height}", found.0, found.1);
        return Err(PictureError::damaged(ImageFormat::Png, reason));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    reader.limits(limits);
    Ok(reader.decode().map_err(of_decoder)?.into_rgb8().into_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::samples::corners;

    /// Catches: a frame changes on its way through a PNG file; height and width are exchanged.
    #[test]
    fn a_frame_comes_back_exactly() {
        let frame = corners(20, 12).into_raw();
        let file = png(&frame, (12, 20));
        assert_eq!(from_png(&file, (12, 20)).unwrap(), frame);
        let error = from_png(&file, (20, 12)).unwrap_err();
        assert!(error.to_string().contains("20×12 pixels instead of 12×20"), "{error}");
        assert!(from_png(&file[..40], (12, 20)).is_err());
        assert!(from_png(b"no PNG", (12, 20)).is_err());
    }

    /// Catches: frames of a strip are stacked, exchanged or overlap; the gap is at an end, too.
    #[test]
    fn a_strip_has_its_frames_in_order() {
        let frames: Vec<Vec<u8>> = [10, 20, 30].map(|value| vec![value; 2 * 4 * 3]).into();
        for gap in [0, 1, 3] {
            let whole = 12 + 2 * gap;
            let rows = from_png(&strip(&frames, (2, 4), gap), (2, whole)).unwrap();
            let row: Vec<u8> = rows[whole * 3..].iter().step_by(3).copied().collect();
            let between = vec![128; gap];
            let expected = [&[10; 4][..], &between, &[20; 4], &between, &[30; 4]].concat();
            assert_eq!(row, expected);
        }
    }
}
