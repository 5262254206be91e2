//! Tests of decoding: formats, orientation, and what is refused.

mod hostile;
mod scans;

use image::{ColorType, DynamicImage, ImageEncoder, ImageFormat};

use super::*;
use crate::pictures::PictureErrorKind;
use crate::pictures::samples::{FORMATS, corners, encode, save};

fn read(bytes: &[u8], size: (usize, usize)) -> Result<Vec<u8>, PictureError> {
    decode(bytes, size, Fit::Crop, &PictureLimits::default())
}

fn kind(bytes: &[u8]) -> PictureErrorKind {
    read(bytes, (8, 8)).unwrap_err().kind
}

/// Returns the colours near the corners: top left, top right, bottom left, bottom right.
fn near_corners(frame: &[u8], (height, width): (usize, usize)) -> [[u8; 3]; 4] {
    let at = |y: usize, x: usize| frame.as_chunks::<3>().0[y * width + x];
    [at(1, 1), at(1, width - 2), at(height - 2, 1), at(height - 2, width - 2)]
}

/// Names a corner's colour: red, green, blue or yellow.
fn names(colors: [[u8; 3]; 4]) -> String {
    let name = |[r, g, b]: [u8; 3]| match [r > 128, g > 128, b > 128] {
        [true, false, false] => 'r',
        [false, true, false] => 'g',
        [false, false, true] => 'b',
        [true, true, false] => 'y',
        _ => '?',
    };
    colors.map(name).into_iter().collect()
}

/// Catches: a format is not compiled in; rows and columns, or colours, are exchanged.
#[test]
fn every_format_is_read_upright() {
    for format in FORMATS {
        let frame = read(&encode(format, 64, 48), (24, 32)).unwrap();
        assert_eq!(frame.len(), 24 * 32 * 3);
        assert_eq!(names(near_corners(&frame, (24, 32))), "rgby", "{format:?}");
    }
}

/// Catches: pixel art of the model's own size does not arrive exactly.
#[test]
fn lossless_pictures_arrive_exactly() {
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif] {
        let frame = read(&encode(format, 32, 24), (24, 32)).unwrap();
        assert_eq!(frame, corners(32, 24).into_raw(), "{format:?}");
    }
}

/// Catches: 16 bits, greyscale or transparency are refused, or transparency becomes black.
#[test]
fn other_colour_types_are_converted() {
    let plain = DynamicImage::ImageRgb8(corners(16, 16));
    for image in [
        DynamicImage::ImageLuma8(plain.to_luma8()),
        DynamicImage::ImageLumaA8(plain.to_luma_alpha8()),
        DynamicImage::ImageLuma16(plain.to_luma16()),
        DynamicImage::ImageLumaA16(plain.to_luma_alpha16()),
        DynamicImage::ImageRgba8(plain.to_rgba8()),
        DynamicImage::ImageRgb16(plain.to_rgb16()),
        DynamicImage::ImageRgba16(plain.to_rgba16()),
    ] {
        let frame = read(&save(&image, ImageFormat::Png), (16, 16)).unwrap();
        let expected = image.to_rgb8().into_raw();
        let apart = frame.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(1), "{:?}: {apart:?}", image.color());
    }
    let grey = DynamicImage::ImageLuma8(plain.to_luma8());
    let frame = read(&save(&grey, ImageFormat::Jpeg), (16, 16)).unwrap();
    assert!(frame.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
    let clear = DynamicImage::new_rgba8(5, 5);
    assert_eq!(read(&save(&clear, ImageFormat::Png), (5, 5)).unwrap(), [255; 75]);
}

/// Returns a PNG with an EXIF orientation.
fn turned(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut file = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(&corners(40, 20), 40, 20, ColorType::Rgb8.into()).unwrap();
    file
}

/// Catches: a photo of a phone lies on its side, or its shape is measured before it is turned.
#[test]
fn exif_orientation_is_applied() {
    let sides = [
        (1, "rgby"),
        (2, "gryb"),
        (3, "ybgr"),
        (4, "byrg"),
        (5, "rbgy"),
        (6, "bryg"),
        (7, "ygbr"),
        (8, "gyrb"),
    ];
    for (orientation, expected) in sides {
        let size = if orientation > 4 { (40, 20) } else { (20, 40) };
        let frame = read(&turned(orientation), size).unwrap();
        assert_eq!(names(near_corners(&frame, size)), expected, "orientation {orientation}");
    }
}

/// Catches: a text, a drawing in SVG or a TIFF is called a damaged picture; an empty body panics.
#[test]
fn what_is_no_picture_is_named_so() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>";
    for bytes in [&b""[..], b"\0", b"hello", svg, b"II*\0\x08\0\0\0", b"%PDF-1.7", b"P6 1 1 255\n"]
    {
        assert_eq!(kind(bytes), PictureErrorKind::NotAnImage, "{bytes:?}");
    }
    let message = read(b"hello", (8, 8)).unwrap_err().to_string();
    assert!(message.contains("PNG, JPEG, WebP, GIF or BMP"), "{message}");
}

/// Catches: a file that ends early is accepted, or the message does not say that it is damaged.
#[test]
fn a_truncated_file_is_damaged() {
    for format in FORMATS {
        let file = encode(format, 64, 64);
        assert_eq!(kind(&file[..20]), PictureErrorKind::Damaged, "{format:?}, the header");
        // The decoder of JPEG shows what is there, as browsers do.
        if format != ImageFormat::Jpeg {
            assert_eq!(kind(&file[..file.len() / 2]), PictureErrorKind::Damaged, "{format:?}");
        }
    }
}
