//! Frames as an animated GIF.

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, Rgba, RgbaImage};

use super::quantize::quantize;

/// Smallest length of the longer side, in pixels: less is hard to see in a chat or on a page.
const SHOWN: usize = 256;
/// The shortest delay in hundredths of a second that browsers keep; they slow down shorter ones.
const SHORTEST: u64 = 2;

/// Returns the smallest whole factor with which the longer side has at least 256 pixels.
pub fn scale_for((height, width): (usize, usize)) -> usize {
    SHOWN.div_ceil(height.max(width).max(1))
}

/// Returns an animated GIF that repeats for ever.
///
/// Every pixel becomes a square of `scale` pixels. A frame with at most 256 colours keeps them
/// exactly. A frame with more colours is reduced to 256. Delays are whole hundredths of a second,
/// so they vary by one hundredth to keep the mean rate. No rate is higher than 50 frames per
/// second.
///
/// # Panics
/// Panics if a frame is not `height · width · 3` bytes, if `fps` is not positive, or if a scaled
/// side is 0 or more than 65,535.
pub fn gif(
    frames: &[impl AsRef<[u8]>],
    (height, width): (usize, usize),
    fps: f64,
    scale: usize,
) -> Vec<u8> {
    assert!(fps > 0.0, "a GIF must have a positive frame rate");
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    encoder.set_repeat(Repeat::Infinite).expect("a GIF is written to memory");
    let delays = delays(fps, frames.len());
    for (frame, hundredths) in frames.iter().zip(delays) {
        let frame = frame.as_ref();
        assert_eq!(frame.len(), height * width * 3, "every frame must have the GIF's size");
        // The encoder keeps the colours if there are at most 256. Its own search for 256 colours is
        // slower and less exact, and would run on the scaled frame.
        let frame = quantize(frame);
        let pixels = frame.as_chunks::<3>().0;
        let scaled = RgbaImage::from_fn((width * scale) as u32, (height * scale) as u32, |x, y| {
            let [r, g, b] = pixels[y as usize / scale * width + x as usize / scale];
            Rgba([r, g, b, 255])
        });
        let delay = Delay::from_numer_denom_ms((hundredths * 10) as u32, 1);
        encoder
            .encode_frame(Frame::from_parts(scaled, 0, 0, delay))
            .expect("a GIF is written to memory");
    }
    drop(encoder);
    file
}

/// Returns the delay of each frame in hundredths of a second.
fn delays(fps: f64, frames: usize) -> impl Iterator<Item = u64> {
    let until = move |frame: usize| (frame as f64 * 100.0 / fps).round() as u64;
    (0..frames).map(move |i| (until(i + 1) - until(i)).clamp(SHORTEST, u64::from(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;

    use super::*;

    fn read(file: &[u8]) -> Vec<(RgbaImage, u32)> {
        let frames = GifDecoder::new(Cursor::new(file)).unwrap().into_frames();
        let frames = frames.collect_frames().unwrap();
        let part = |frame: Frame| {
            let (numerator, denominator) = frame.delay().numer_denom_ms();
            (frame.into_buffer(), numerator / denominator)
        };
        frames.into_iter().map(part).collect()
    }

    /// Catches: colours of pixel art change; a pixel does not become a square; the animation stops.
    #[test]
    fn few_colours_are_exact() {
        // 200 colours in 20 × 10 pixels.
        let frame = |k: usize| -> Vec<u8> {
            (0..200).flat_map(|i| [i as u8, (i * k % 256) as u8, 99]).collect()
        };
        let frames = [frame(3), frame(5), frame(7)];
        let file = gif(&frames, (10, 20), 10.0, 3);
        assert!(file.windows(11).any(|bytes| bytes == b"NETSCAPE2.0"));
        let found = read(&file);
        assert_eq!(found.len(), 3);
        for ((picture, delay), frame) in found.iter().zip(&frames) {
            assert_eq!((picture.dimensions(), *delay), ((60, 30), 100));
            for (x, y, Rgba([r, g, b, alpha])) in picture.enumerate_pixels() {
                let at = (y as usize / 3 * 20 + x as usize / 3) * 3;
                assert_eq!([*r, *g, *b], frame[at..at + 3]);
                assert_eq!(*alpha, 255);
            }
        }
    }

    /// Catches: a frame with many colours looks different.
    #[test]
    fn many_colours_are_close() {
        let frame: Vec<u8> = (0..64 * 64)
            .flat_map(|i| [i % 64 * 4, i / 64 * 4, (i % 64 + i / 64) * 2].map(|v| v as u8))
            .collect();
        let found = read(&gif(&[&frame], (64, 64), 10.0, 1));
        let pixels = found[0].0.pixels().flat_map(|Rgba([r, g, b, _])| [*r, *g, *b]);
        let squares = pixels.zip(&frame).map(|(a, &b)| f64::from(a.abs_diff(b)).powi(2));
        let error = squares.sum::<f64>() / frame.len() as f64;
        let psnr = 10.0 * (255.0_f64.powi(2) / error).log10();
        assert!(psnr > 32.0, "{psnr:.1} dB");
    }

    /// Catches: an animation at 15 frames per second runs at 14 or 17; one at 100 has no delay.
    #[test]
    fn the_mean_rate_is_right() {
        let sum = |fps: f64, frames: usize| delays(fps, frames).sum::<u64>();
        assert_eq!(delays(15.0, 3).collect::<Vec<_>>(), [7, 6, 7]);
        assert_eq!(sum(15.0, 150), 1000);
        assert_eq!(sum(30.0, 90), 300);
        assert_eq!(sum(12.5, 25), 200);
        assert_eq!(delays(240.0, 2).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(delays(0.001, 1).collect::<Vec<_>>(), [65_535]);
    }

    /// Catches: a small model's animation is too small to see; a large one is enlarged.
    #[test]
    fn small_models_are_shown_larger() {
        let scales = [(64, 64), (48, 64), (90, 160), (256, 256), (7, 5), (1080, 1920)];
        assert_eq!(scales.map(scale_for), [4, 4, 2, 1, 37, 1]);
    }
}
