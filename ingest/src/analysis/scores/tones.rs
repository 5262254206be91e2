//! Brightness, contrast, detail and colour of single pictures.

use crate::analysis::plane::{Luma, Plane, ratio};

/// Luma below which a pixel is black. It allows for limited-range or dim black.
const BLACK: u8 = 24;
/// Luma above which a pixel is white. It allows for limited-range or dim white.
const WHITE: u8 = 232;

/// Only one in this many pixels counts for colour.
const EVERY: usize = 7;

/// Sums over frames.
#[derive(Default)]
pub(super) struct Tones {
    frames: u64,
    pixels: u64,
    black: u64,
    white: u64,
    deviation: f64,
    /// Sum of squares of the Laplacian.
    detail: f64,
    /// Sum of squares of the difference from the mean.
    variance: f64,
    colour: u64,
    coloured: u64,
}

impl Tones {
    /// Adds a frame's luma.
    pub fn add(&mut self, plane: &Plane) {
        let data = &plane.fine.data;
        self.frames += 1;
        self.pixels += data.len() as u64;
        self.black += data.iter().filter(|&&p| p < BLACK).count() as u64;
        self.white += data.iter().filter(|&&p| p > WHITE).count() as u64;
        self.deviation += variance(&plane.fine).sqrt();
    }

    /// Adds a frame's fine detail and colours. They cost more, so only some frames are added.
    pub fn add_detail(&mut self, plane: &Plane, rgb: &[u8]) {
        self.detail += laplacian(&plane.fine);
        self.variance += variance(&plane.fine);
        for pixel in rgb.as_chunks::<3>().0.iter().step_by(EVERY) {
            let [r, g, b] = *pixel;
            self.colour += u64::from(r.max(g).max(b) - r.min(g).min(b));
            self.coloured += 1;
        }
    }

    /// Returns the share of black pixels.
    pub fn black(&self) -> f32 {
        ratio(self.black, self.pixels)
    }

    /// Returns the share of white pixels.
    pub fn white(&self) -> f32 {
        ratio(self.white, self.pixels)
    }

    /// Returns the standard deviation of luma within a frame, averaged over frames, in levels.
    #[expect(clippy::cast_possible_truncation, reason = "a score needs seven digits")]
    pub fn deviation(&self) -> f32 {
        if self.frames == 0 { 0.0 } else { (self.deviation / self.frames as f64) as f32 }
    }

    /// Returns the energy of the Laplacian over 64 times the variance.
    ///
    /// It can exceed 1 only through the edges, so it is limited to 1.
    #[expect(clippy::cast_possible_truncation, reason = "a score needs seven digits")]
    pub fn sharpness(&self) -> f32 {
        if self.variance < 1.0 { 0.0 } else { (self.detail / self.variance / 64.0).min(1.0) as f32 }
    }

    /// Returns the mean difference of the largest and smallest of red, green and blue, 0 to 1.
    pub fn saturation(&self) -> f32 {
        ratio(self.colour, self.coloured * 255)
    }
}

fn variance(luma: &Luma) -> f64 {
    let count = luma.data.len().max(1) as f64;
    let sum: u64 = luma.data.iter().map(|&p| u64::from(p)).sum();
    let squares: u64 = luma.data.iter().map(|&p| u64::from(p).pow(2)).sum();
    (squares as f64 / count - (sum as f64 / count).powi(2)).max(0.0)
}

/// Returns the mean square of the Laplacian, without the pixels at the edges.
///
/// The Laplacian is four times a pixel minus its four neighbours.
fn laplacian(luma: &Luma) -> f64 {
    let (width, height) = (luma.width, luma.height);
    let (mut sum, mut count) = (0_u64, 0_u64);
    for y in 1..height.saturating_sub(1) {
        let [above, here, below] =
            [y - 1, y, y + 1].map(|y| &luma.data[y * width..(y + 1) * width]);
        for ((sides, above), below) in here.windows(3).zip(&above[1..]).zip(&below[1..]) {
            let around =
                i32::from(sides[0]) + i32::from(sides[2]) + i32::from(*above) + i32::from(*below);
            sum += u64::from((4 * i32::from(sides[1]) - around).unsigned_abs().pow(2));
        }
        count += width.saturating_sub(2) as u64;
    }
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}
