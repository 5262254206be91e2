//! Pictures for tests.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// Returns the pixels of a picture whose four corners differ.
pub fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (right, below) = (x * 2 >= width, y * 2 >= height);
        match (right, below) {
            (false, false) => Rgb([250, 20, 20]),
            (true, false) => Rgb([20, 250, 20]),
            (false, true) => Rgb([20, 20, 250]),
            (true, true) => Rgb([240, 240, 30]),
        }
    })
}

/// Returns a file of that picture.
pub fn encode(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    save(&DynamicImage::ImageRgb8(corners(width, height)), format)
}

/// Returns a file of any picture.
pub fn save(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// The formats that are read.
pub const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];
