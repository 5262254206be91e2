//! A frame's picture in a timeline, compressed without loss.

use std::sync::Arc;

/// Compression level of zstd: fast, because a game waits while a picture is compressed.
const LEVEL: i32 = 1;

/// RGB of a frame, compressed.
#[derive(Clone)]
pub struct StoredPicture {
    packed: Arc<[u8]>,
    size: usize,
}

impl StoredPicture {
    /// Compresses RGB bytes.
    pub fn new(rgb: &[u8]) -> Self {
        let packed = zstd::bulk::compress(rgb, LEVEL).expect("zstd compresses to memory");
        Self { packed: packed.into(), size: rgb.len() }
    }

    /// The RGB bytes.
    pub fn rgb(&self) -> Vec<u8> {
        zstd::bulk::decompress(&self.packed, self.size).expect("it was compressed just here")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a rewound frame differs from the one that was played.
    #[test]
    fn a_picture_comes_back_exactly() {
        for rgb in [Vec::new(), vec![7; 3 * 32 * 32], (0..=255).collect()] {
            assert_eq!(StoredPicture::new(&rgb).rgb(), rgb);
        }
    }
}
