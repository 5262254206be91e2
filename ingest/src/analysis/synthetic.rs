//! Pictures for the tests of shots, scores and fingerprints: moving worlds, noise, plain colours.

use std::ops::Range;

use genie_shards::Frames;

use super::plane::Plane;

/// An RGB picture.
#[derive(Clone)]
pub struct TestPicture {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl TestPicture {
    fn from(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let mut data = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                data.extend(pixel(x, y));
            }
        }
        Self { width, height, data }
    }

    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        self.data.as_chunks().0[y * self.width + x]
    }

    /// Returns this picture with `other` in the given columns and rows.
    pub fn over(&self, other: &Self, xs: Range<usize>, ys: Range<usize>) -> Self {
        let inside = |x, y| xs.contains(&x) && ys.contains(&y);
        let pixel = |x, y| if inside(x, y) { other.pixel(x, y) } else { self.pixel(x, y) };
        Self::from(self.width, self.height, pixel)
    }

    /// Returns the picture as a mirror shows it.
    pub fn mirrored(&self) -> Self {
        Self::from(self.width, self.height, |x, y| self.pixel(self.width - 1 - x, y))
    }

    /// Scales the picture about its centre. Above size 1, edge pixels are repeated at the border.
    pub fn scaled(&self, size: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the picture"
        )]
        let source = |i: usize, length: usize| {
            let centre = length as f64 / 2.0;
            ((i as f64 + 0.5 - centre) * size + centre).clamp(0.0, length as f64 - 1.0) as usize
        };
        Self::from(self.width, self.height, |x, y| {
            self.pixel(source(x, self.width), source(y, self.height))
        })
    }

    /// Changes every byte. `change` gets the byte and its position.
    pub fn dimmed(mut self, change: impl Fn(u8, usize) -> u8) -> Self {
        for (at, byte) in self.data.iter_mut().enumerate() {
            *byte = change(*byte, at);
        }
        self
    }

    /// Returns the byte at a position.
    pub fn at(&self, at: usize) -> u8 {
        self.data[at]
    }

    /// Returns the bytes, `[height, width, 3]`.
    pub fn rgb(&self) -> &[u8] {
        &self.data
    }

    pub fn plane(&self) -> Plane {
        Plane::of(&self.data, self.width, self.height)
    }
}

/// Makes a clip of pictures of one size.
pub fn clip(pictures: impl IntoIterator<Item = TestPicture>) -> Frames {
    let pictures: Vec<TestPicture> = pictures.into_iter().collect();
    let (height, width) =
        pictures.first().map_or((1, 1), |picture| (picture.height, picture.width));
    Frames {
        t: pictures.len(),
        height,
        width,
        data: pictures.into_iter().flat_map(|picture| picture.data).collect(),
    }
}

/// Makes a picture of one colour.
pub fn plain(width: usize, height: usize, colour: [u8; 3]) -> TestPicture {
    TestPicture::from(width, height, |_, _| colour)
}

/// Makes a picture of independent random grey pixels.
pub fn noise(seed: u64, width: usize, height: usize) -> TestPicture {
    TestPicture::from(width, height, |x, y| [hash(seed, x as u64, y as u64); 3])
}

/// Makes a picture of a tiled level, seen from (`x`, `y`).
///
/// A tile is a tenth of the picture's width. Some tiles consist of smaller ones.
pub fn world(seed: u64, width: usize, height: usize, x: isize, y: isize) -> TestPicture {
    let tile = (width / 10).max(2).cast_signed();
    TestPicture::from(width, height, |column, row| {
        let (x, y) = (column.cast_signed() + x, row.cast_signed() + y);
        let at = |side: isize, salt| {
            hash(
                seed ^ salt,
                x.div_euclid(side).cast_unsigned() as u64,
                y.div_euclid(side).cast_unsigned() as u64,
            )
        };
        let base = at(tile, 0);
        let grey =
            if base.is_multiple_of(3) { base / 2 + at((tile / 3).max(1), 77) / 2 } else { base };
        [grey, grey / 2 + 40, 200 - grey / 2]
    })
}

/// Returns a pseudorandom byte (the finalizer of `SplitMix64`).
fn hash(seed: u64, x: u64, y: u64) -> u8 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ x.wrapping_mul(0xD1B5_4A32_D192_ED03)
        ^ y.wrapping_mul(0x8CB9_2BA7_2F3D_8DD7);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z >> 56).to_le_bytes()[0]
}
