//! A decoded picture of any colour type, read row by row as RGB.

use image::ColorType;

/// Decoded samples, in the byte order of the machine.
pub(super) struct DecodedPicture {
    pub samples: Vec<u8>,
    pub width: usize,
    pub height: usize,
    pub color: ColorType,
}

impl DecodedPicture {
    /// Reads columns `first..first + row.len()` of row `y` as RGB, from 0 to 255.
    ///
    /// Transparency is blended on white, the paper of sketches.
    pub fn read(&self, y: usize, first: usize, row: &mut [[f32; 3]]) {
        let channels = usize::from(self.color.channel_count());
        let depth = usize::from(self.color.bytes_per_pixel()) / channels;
        let pixel = channels * depth;
        let start = (y * self.width + first) * pixel;
        let bytes = &self.samples[start..start + row.len() * pixel];
        // One loop for each layout, so that the compiler knows the bytes per pixel.
        match (channels, depth) {
            (1, 1) => fill::<1>(row, bytes, |[v]| [v, v, v, 255].map(f32::from)),
            (2, 1) => fill::<2>(row, bytes, |[v, a]| [v, v, v, a].map(f32::from)),
            (3, 1) => fill::<3>(row, bytes, |[r, g, b]| [r, g, b, 255].map(f32::from)),
            (4, 1) => fill::<4>(row, bytes, |rgba| rgba.map(f32::from)),
            (1, _) => fill::<2>(row, bytes, |v| wide([v, v, v, [255; 2]])),
            (2, _) => fill::<4>(row, bytes, |[v, w, a, b]| wide([[v, w], [v, w], [v, w], [a, b]])),
            (3, _) => fill::<6>(row, bytes, |p| {
                wide([[p[0], p[1]], [p[2], p[3]], [p[4], p[5]], [255; 2]])
            }),
            (_, _) => fill::<8>(row, bytes, |p| {
                wide([[p[0], p[1]], [p[2], p[3]], [p[4], p[5]], [p[6], p[7]]])
            }),
        }
    }
}

/// Converts 16-bit samples to the scale of 8 bits.
fn wide(samples: [[u8; 2]; 4]) -> [f32; 4] {
    samples.map(|bytes| f32::from(u16::from_ne_bytes(bytes)) / 257.0)
}

fn fill<const N: usize>(row: &mut [[f32; 3]], bytes: &[u8], rgba: impl Fn([u8; N]) -> [f32; 4]) {
    for (pixel, bytes) in row.iter_mut().zip(bytes.as_chunks::<N>().0) {
        let [r, g, b, alpha] = rgba(*bytes);
        let alpha = alpha / 255.0;
        *pixel = [r, g, b].map(|value| 255.0 + (value - 255.0) * alpha);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(color: ColorType, samples: Vec<u8>, width: usize) -> Vec<[u8; 3]> {
        let picture = DecodedPicture { samples, width, height: 1, color };
        let mut row = vec![[0.0; 3]; width - 1];
        picture.read(0, 1, &mut row);
        row.iter().map(|pixel| pixel.map(|value| value.round() as u8)).collect()
    }

    fn shorts(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_ne_bytes()).collect()
    }

    /// Catches: a colour type has its channels exchanged; transparency is black; 16 bits are cut.
    #[test]
    fn every_colour_type_is_read() {
        let grey = [[90; 3], [255; 3]];
        assert_eq!(read(ColorType::L8, vec![1, 90, 255], 3), grey);
        assert_eq!(read(ColorType::L16, shorts(&[1, 90 * 257, 65_535]), 3), grey);
        assert_eq!(read(ColorType::La8, vec![1, 1, 90, 255, 7, 0], 3), grey);
        assert_eq!(read(ColorType::La16, shorts(&[1, 1, 90 * 257, 65_535, 7, 0]), 3), grey);
        let colour = [[10, 20, 30]];
        assert_eq!(read(ColorType::Rgb8, vec![1, 1, 1, 10, 20, 30], 2), colour);
        assert_eq!(read(ColorType::Rgba8, vec![1, 1, 1, 1, 10, 20, 30, 255], 2), colour);
        let [r, g, b] = [10, 20, 30].map(|value| value * 257);
        assert_eq!(read(ColorType::Rgb16, shorts(&[1, 1, 1, r, g, b]), 2), colour);
        assert_eq!(read(ColorType::Rgba16, shorts(&[1, 1, 1, 1, r, g, b, 65_535]), 2), colour);
        assert_eq!(read(ColorType::Rgba8, vec![0, 0, 0, 0, 0, 0, 0, 51], 2), [[204; 3]]);
    }
}
