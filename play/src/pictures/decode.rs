//! The player's images: decoded within limits, turned upright, and fitted into a frame.

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::error::PictureError;
use super::limits::PictureLimits;
use super::resample::{Fit, fit};
use super::scanline::DecodedPicture;
use super::{chunks, jpeg, webp};

/// Decodes a PNG, JPEG, WebP, GIF or BMP into one RGB frame, `[height, width, 3]`.
///
/// The content decides which format it is. Animations give their first frame. Transparency becomes
/// white. The EXIF orientation is applied; colour profiles are ignored.
///
/// # Panics
/// Panics if the frame has no pixels.
pub fn decode(
    bytes: &[u8],
    size: (usize, usize),
    how: Fit,
    limits: &PictureLimits,
) -> Result<Vec<u8>, PictureError> {
    assert!(size.0 > 0 && size.1 > 0, "a frame must have pixels");
    limits.check_bytes(bytes.len())?;
    let format = sniff(bytes)?;
    // The bytes are a stranger's. A decoder's bug must not stop the server.
    let decoded = catch_unwind(AssertUnwindSafe(|| pixels(bytes, format, limits)));
    let (picture, orientation) =
        decoded.unwrap_or_else(|_| Err(PictureError::damaged(format, "its decoder failed")))?;
    // The small frame is turned, not the large picture.
    let sideways = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let (height, width) = if sideways { (size.1, size.0) } else { size };
    let frame = fit(&picture, (height, width), how);
    let frame = RgbImage::from_raw(width as u32, height as u32, frame);
    let mut frame = DynamicImage::ImageRgb8(frame.expect("the frame has its size"));
    frame.apply_orientation(orientation);
    Ok(frame.into_rgb8().into_raw())
}

/// Returns the format that the first bytes show.
fn sniff(bytes: &[u8]) -> Result<ImageFormat, PictureError> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    match image::guess_format(bytes) {
        Ok(format @ (Png | Jpeg | WebP | Gif | Bmp)) => Ok(format),
        _ => Err(PictureError::not_an_image()),
    }
}

/// Decodes all pixels; every limit is checked before its memory is allocated.
fn pixels(
    bytes: &[u8],
    format: ImageFormat,
    limits: &PictureLimits,
) -> Result<(DecodedPicture, Orientation), PictureError> {
    if format == ImageFormat::WebP {
        webp::check(bytes, limits)?;
    }
    let bytes = match format {
        ImageFormat::Png => chunks::needed(bytes),
        _ => Cow::Borrowed(bytes),
    };
    let of_decoder = |error| PictureError::of_decoder(format, &error);
    let mut reader = ImageReader::with_format(Cursor::new(&*bytes), format);
    reader.limits(limits.for_decoder());
    let mut decoder = reader.into_decoder().map_err(of_decoder)?;
    let (width, height) = decoder.dimensions();
    limits.check_pixels(format, [width, height])?;
    let pixels = u64::from(width) * u64::from(height);
    let cost = match format {
        ImageFormat::Jpeg => jpeg::cost(&bytes),
        _ => jpeg::JpegCost::default(),
    };
    limits.check_scans(cost.scans, pixels)?;
    limits.check_memory(decoder.total_bytes() + cost.coefficients * pixels)?;
    // Damaged metadata are no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let color = decoder.color_type();
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(of_decoder)?;
    let picture = DecodedPicture { samples, width: width as usize, height: height as usize, color };
    Ok((picture, orientation))
}

#[cfg(test)]
mod tests;
