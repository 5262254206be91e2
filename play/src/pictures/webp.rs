//! The sizes that a WebP file states, before it is decoded.
//!
//! The canvas, every frame and every bitstream state a size, and the decoder allocates for each of
//! them. The decoder compares the sizes only after decoding. It also allocates the length that a
//! chunk states.

use image::ImageFormat;

use super::error::PictureError;
use super::limits::PictureLimits;

/// Fails if a chunk is longer than the file, or if a bitstream has too many pixels.
pub(super) fn check(bytes: &[u8], limits: &PictureLimits) -> Result<(), PictureError> {
    chunks(bytes.get(12..).unwrap_or_default(), limits, true)
}

fn chunks(mut rest: &[u8], limits: &PictureLimits, top: bool) -> Result<(), PictureError> {
    while let Some((header, content)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, length @ ..] = *header;
        let length = u32::from_le_bytes(length) as usize;
        let Some(chunk) = content.get(..length) else {
            return Err(PictureError::damaged(ImageFormat::WebP, "a part of it is missing"));
        };
        let size = match &[a, b, c, d] {
            b"VP8 " => lossy_size(chunk),
            b"VP8L" => lossless_size(chunk),
            b"ANMF" if top => {
                chunks(chunk.get(16..).unwrap_or_default(), limits, false)?;
                None
            }
            _ => None,
        };
        if let Some(size) = size {
            limits.check_pixels(ImageFormat::WebP, size)?;
        }
        // A chunk with an odd length is followed by one byte of padding.
        rest = content.get(length + length % 2..).unwrap_or_default();
    }
    Ok(())
}

fn lossy_size(chunk: &[u8]) -> Option<[u32; 2]> {
    let bytes = chunk.get(6..10)?;
    let side = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]) & 0x3fff);
    Some([side(0), side(2)])
}

fn lossless_size(chunk: &[u8]) -> Option<[u32; 2]> {
    let bits = u32::from_le_bytes(chunk.get(1..5)?.try_into().ok()?);
    Some([(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::PictureErrorKind;
    use crate::pictures::samples;

    fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
        let body: Vec<u8> = chunks
            .iter()
            .flat_map(|(name, content)| {
                let length = (content.len() as u32).to_le_bytes();
                let padding = vec![0; content.len() % 2];
                [name.to_vec(), length.to_vec(), content.clone(), padding].concat()
            })
            .collect();
        [b"RIFF".to_vec(), (body.len() as u32 + 4).to_le_bytes().to_vec(), b"WEBP".to_vec(), body]
            .concat()
    }

    /// Catches: a small canvas hides a bitstream of 268 million pixels, also inside of a frame.
    #[test]
    fn every_bitstream_is_checked() {
        let limits = PictureLimits::default();
        let huge = vec![0, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0];
        let lossless = [&[0x2f][..], &0x0fff_ffff_u32.to_le_bytes()].concat();
        let frame = [vec![0; 16], b"VP8 ".to_vec(), 11_u32.to_le_bytes().to_vec(), huge.clone()];
        for file in [
            riff(&[(b"VP8X", vec![0; 10]), (b"VP8 ", huge)]),
            riff(&[(b"VP8L", lossless)]),
            riff(&[(b"VP8X", vec![2; 10]), (b"ANMF", frame.concat())]),
        ] {
            let error = check(&file, &limits).unwrap_err();
            assert_eq!(error.kind, PictureErrorKind::TooLarge, "{error}");
        }
        check(&samples::encode(ImageFormat::WebP, 33, 20), &limits).unwrap();
    }

    /// Catches: memory is allocated for a chunk that says that it has 4 GB.
    #[test]
    fn a_chunk_that_is_longer_than_the_file_is_refused() {
        let mut file = riff(&[(b"EXIF", vec![1, 2, 3])]);
        check(&file, &PictureLimits::default()).unwrap();
        file[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = check(&file, &PictureLimits::default()).unwrap_err();
        assert_eq!(error.kind, PictureErrorKind::Damaged);
    }
}
