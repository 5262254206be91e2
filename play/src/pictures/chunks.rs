//! The chunks of a PNG file that the decoder needs.
//!
//! The decoder unpacks colour profiles and texts before it decodes pixels. A profile of 300 kB can
//! unpack to 300 MB. Nothing here uses profiles and texts.

use std::borrow::Cow;
use std::iter;

/// Bytes of a PNG file before its first chunk.
const SIGNATURE: usize = 8;

/// Returns the PNG file without the chunks that change neither pixels nor orientation.
pub(super) fn needed(file: &[u8]) -> Cow<'_, [u8]> {
    let chunks = || Chunks(file.get(SIGNATURE..).unwrap_or_default());
    if chunks().all(is_needed) {
        return Cow::Borrowed(file);
    }
    let signature = &file[..SIGNATURE];
    let kept = chunks().filter(|chunk| is_needed(chunk));
    Cow::Owned(iter::once(signature).chain(kept).flatten().copied().collect())
}

/// Whether a chunk has pixels, transparency or the orientation.
///
/// The first letter of all chunks that a decoder must read is in upper case. A part of a chunk
/// that is too short for a name is also needed: the decoder then says that the file is damaged.
fn is_needed(chunk: &[u8]) -> bool {
    let needed = |name: &[u8]| name[0].is_ascii_uppercase() || matches!(name, b"tRNS" | b"eXIf");
    chunk.get(4..8).is_none_or(needed)
}

/// The chunks of a file: length, name, content and checksum.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.0.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
        let end = length.saturating_add(12).min(self.0.len());
        let (chunk, rest) = self.0.split_at(end);
        self.0 = rest;
        (!chunk.is_empty()).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes()[..], &name, content, &[0; 4]].concat()
    }

    /// Catches: a profile or a text reaches the decoder; pixels or transparency do not.
    #[test]
    fn only_needed_chunks_stay() {
        let signature = b"\x89PNG\r\n\x1a\n".to_vec();
        let kept = [
            chunk(*b"IHDR", &[1; 13]),
            chunk(*b"PLTE", &[2; 6]),
            chunk(*b"tRNS", &[3]),
            chunk(*b"eXIf", &[4; 5]),
            chunk(*b"IDAT", &[]),
            chunk(*b"IEND", &[]),
        ];
        let plain = [signature.clone(), kept.concat()].concat();
        assert!(matches!(needed(&plain), Cow::Borrowed(same) if same == plain));
        let mut file = signature;
        for (part, dropped) in kept.iter().zip([b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"acTL"]) {
            file.extend([part.clone(), chunk(*dropped, &[9; 20])].concat());
        }
        file.extend(&kept[5]);
        assert_eq!(*needed(&file), plain);
    }

    /// Catches: a wrong length causes a panic, or hides a chunk.
    #[test]
    fn wrong_lengths_are_left_to_the_decoder() {
        let mut file = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(*b"IHDR", &[1; 13])].concat();
        let whole = file.clone();
        file.extend(chunk(*b"iCCP", &[9; 20]));
        let length = whole.len()..whole.len() + 4;
        file[length].fill(0xff);
        assert_eq!(*needed(&file), whole);
        for end in 0..whole.len() {
            assert_eq!(*needed(&whole[..end]), whole[..end], "{end}");
        }
    }
}
