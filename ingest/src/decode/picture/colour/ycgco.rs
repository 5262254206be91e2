//! Converts YCgCo, a simple transform of RGB that swscale cannot read (H.273, 8.3, matrix 8).
//!
//! swscale scales luma and chroma. This file converts the scaled samples. H.273 computes YCgCo from
//! red, green and blue in the video's range, so black and white are the same for all three.

/// Converts `[3, height, width]` samples of 16 bits to `[height, width, 3]` samples of 16 bits.
///
/// The input is what `SampleFormat::Planes16` describes. Both are little-endian. The output has
/// full range.
pub fn rgb_of_ycgco(planes: &[u8], full_range: bool) -> Vec<u8> {
    let (black, white) = if full_range { (0.0, 255.0) } else { (16.0, 235.0) };
    let level = |bytes: &[u8]| f32::from(u16::from_le_bytes([bytes[0], bytes[1]])) / 256.0;
    let (luma, chroma) = planes.split_at(planes.len() / 3);
    let (green_chroma, orange_chroma) = chroma.split_at(chroma.len() / 2);
    let pixels = luma.chunks_exact(2).zip(green_chroma.chunks_exact(2));
    let mut rgb = Vec::with_capacity(planes.len());
    for ((luma, green_chroma), orange_chroma) in pixels.zip(orange_chroma.chunks_exact(2)) {
        let (cg, co) = (level(green_chroma) - 128.0, level(orange_chroma) - 128.0);
        let magenta = level(luma) - cg;
        for channel in [magenta + co, level(luma) + cg, magenta - co] {
            rgb.extend(deep((channel - black) / (white - black)).to_le_bytes());
        }
    }
    rgb
}

/// Returns a share of 0 to 1 as a sample of 16 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn deep(share: f32) -> u16 {
    (share.clamp(0.0, 1.0) * 65535.0).round() as u16
}

/// Rounds samples of 16 bits, little-endian, to 8 bits.
pub fn eight_bits(deep: &[u8]) -> Vec<u8> {
    let level = |bytes: &[u8]| (u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) + 128) / 257;
    deep.chunks_exact(2).map(|bytes| u8::try_from(level(bytes)).unwrap_or(u8::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535")]
    fn sample(level: f32) -> u16 {
        (level * 256.0).min(65535.0) as u16
    }

    /// Catches: red and blue are swapped, green is inverted, or blacks are crushed.
    #[test]
    fn colours_come_back() {
        let colours = [[0, 0, 0], [255, 255, 255], [200, 120, 60], [0, 0, 255], [255, 0, 0]];
        for full_range in [true, false] {
            let (black, span) = if full_range { (0.0, 255.0) } else { (16.0, 219.0) };
            let planes = colours.map(|colour: [u8; 3]| {
                let [r, g, b] = colour.map(|level| black + f32::from(level) / 255.0 * span);
                let half = 0.5 * g - 0.25 * (r + b);
                [0.5 * g + 0.25 * (r + b), half + 128.0, 0.5 * (r - b) + 128.0]
            });
            let mut samples = Vec::new();
            for plane in 0..3 {
                samples.extend(planes.iter().flat_map(|pixel| sample(pixel[plane]).to_le_bytes()));
            }
            assert_eq!(eight_bits(&rgb_of_ycgco(&samples, full_range)), colours.concat());
        }
    }
}
