//! Tests with pictures that are made to do harm.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// A PNG chunk with a correct checksum, as the decoder checks it.
fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [&name, content].concat();
    let checksum = named.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    [&(content.len() as u32).to_be_bytes()[..], &named, &(!checksum).to_be_bytes()].concat()
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [&size[..], &[8, 2, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(*b"IHDR", &header)].concat()
}

fn gif(canvas: u16, frame: u16) -> Vec<u8> {
    let [canvas, frame] = [canvas.to_le_bytes(), frame.to_le_bytes()];
    let head = [&b"GIF89a"[..], &canvas, &canvas, &[0x80, 0, 0, 0, 0, 0, 255, 255, 255]].concat();
    [&head[..], &[0x2c, 0, 0, 0, 0], &frame, &frame, &[0, 2, 2, 0x4c, 1, 0, 0x3b]].concat()
}

/// Catches: memory or time is spent on a picture of 900 million pixels in a few bytes.
#[test]
fn huge_pictures_are_refused_by_their_headers() {
    let started = Instant::now();
    let png = [png_header(30_000, 30_000), chunk(*b"IDAT", &[0x78, 1]), chunk(*b"IEND", &[])];
    let mut jpeg = encode(ImageFormat::Jpeg, 16, 16);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    let mut bmp = encode(ImageFormat::Bmp, 16, 16);
    bmp[18..26].copy_from_slice(&[0x30, 0x75, 0, 0, 0x30, 0x75, 0, 0]);
    for file in [png.concat(), gif(65_535, 1), gif(10, 65_535), jpeg, bmp] {
        assert_eq!(kind(&file), PictureErrorKind::TooLarge, "{:?}", read(&file, (8, 8)));
    }
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

/// Catches: a colour profile or a text takes memory that the limits do not count or do not allow.
#[test]
fn profiles_and_texts_are_not_read() {
    let mut file = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
    encoder.set_icc_profile(vec![0; 8 << 20]).unwrap();
    encoder.write_image(&corners(16, 16), 16, 16, ColorType::Rgb8.into()).unwrap();
    let text = chunk(*b"tEXt", &[b"Comment\0".to_vec(), vec![b'x'; 200_000]].concat());
    let after_header = png_header(16, 16).len();
    file.splice(after_header..after_header, text);
    let limits = PictureLimits { bytes: 1 << 20, ..TIGHT };
    let frame = decode(&file, (16, 16), Fit::Crop, &limits).unwrap();
    assert_eq!(frame, corners(16, 16).into_raw());
}

/// Catches: the number of bytes is not limited.
#[test]
fn too_many_bytes_are_refused() {
    let limits = PictureLimits { bytes: 100, ..PictureLimits::default() };
    let file = encode(ImageFormat::Bmp, 16, 16);
    let error = decode(&file, (8, 8), Fit::Crop, &limits).unwrap_err();
    assert_eq!(error.kind, PictureErrorKind::TooLarge);
}

/// Catches: the largest picture that is allowed takes minutes, or more memory than is allowed.
#[test]
fn the_largest_pictures_are_decoded_in_seconds() {
    let flat = DynamicImage::new_rgb8(8_000, 5_000);
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let file = save(&flat, format);
        let started = Instant::now();
        read(&file, (64, 64)).unwrap();
        let took = started.elapsed();
        eprintln!("{format:?}: 40 million pixels in {took:?}");
        assert!(took < Duration::from_secs(20), "{format:?}: {took:?}");
    }
    let deep = png_header(6_500, 6_000);
    let limits = PictureLimits { memory: 100 << 20, ..PictureLimits::default() };
    let file = [deep, chunk(*b"IDAT", &[0x78, 1]), chunk(*b"IEND", &[])].concat();
    let error = decode(&file, (8, 8), Fit::Crop, &limits).unwrap_err();
    assert_eq!(error.kind, PictureErrorKind::TooLarge, "{error}");
}

/// Catches: a picture without pixels causes a panic.
#[test]
fn pictures_without_pixels_are_damaged() {
    let png = [png_header(0, 7), chunk(*b"IDAT", &[0x78, 1]), chunk(*b"IEND", &[])].concat();
    let mut bmp = encode(ImageFormat::Bmp, 16, 16);
    bmp[18..26].fill(0);
    for file in [png, gif(0, 0)] {
        assert_eq!(kind(&file), PictureErrorKind::Damaged, "{:?}", read(&file, (8, 8)));
    }
    // The decoder of BMP calls this a feature that it does not support.
    assert!(read(&bmp, (8, 8)).is_err());
}

/// Limits that make an excess visible: any accepted picture is small.
const TIGHT: PictureLimits = PictureLimits { bytes: 4096, pixels: 10_000, memory: 64 << 10 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Catches: some bytes after the header of a known format cause a panic.
    #[test]
    fn any_bytes_are_decoded_or_refused(
        format in 0..6_usize,
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let start: &[u8] = match format {
            0 => b"\x89PNG\r\n\x1a\n",
            1 => b"\xff\xd8\xff",
            2 => b"GIF89a",
            3 => b"RIFF\0\x02\0\0WEBP",
            4 => b"BM",
            _ => b"",
        };
        let decoded = decode(&[start, &rest].concat(), (4, 6), Fit::Pad, &TIGHT);
        prop_assert!(decoded.is_err() || decoded.is_ok_and(|frame| frame.len() == 4 * 6 * 3));
    }

    /// Catches: a valid picture with some wrong bytes causes a panic, or exceeds a limit.
    #[test]
    fn changed_pictures_are_decoded_or_refused(
        format in 0..FORMATS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = encode(FORMATS[format], 24, 16);
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let decoded = decode(&file, (4, 6), Fit::Crop, &TIGHT);
        prop_assert!(decoded.is_err() || decoded.is_ok_and(|frame| frame.len() == 4 * 6 * 3));
    }
}
