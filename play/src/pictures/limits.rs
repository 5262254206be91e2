//! Limits on the player's images, checked before memory is allocated.

use image::{ImageFormat, Limits};

use super::error::PictureError;

/// Largest number of scans of a JPEG with the largest number of pixels.
///
/// A smaller JPEG may have more scans. Progressive JPEGs have about ten scans, and each one takes
/// the time of the whole picture.
const SCANS: u64 = 20;

/// The limits of a picture's size and of the memory for decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Width times height. It also limits the decoding time, which is proportional to the pixels.
    pub pixels: u64,
    /// Bytes of memory for decoding one picture.
    pub memory: u64,
}

impl Default for PictureLimits {
    /// 16 MiB, 40 million pixels, 384 MiB of memory.
    fn default() -> Self {
        Self { bytes: 16 << 20, pixels: 40_000_000, memory: 384 << 20 }
    }
}

impl PictureLimits {
    pub(super) fn check_bytes(&self, bytes: usize) -> Result<(), PictureError> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(PictureError::too_large(format!(
            "the picture has {:.1} MB; at most {:.1} MB are read: make it smaller",
            bytes as f64 / 1e6,
            self.bytes as f64 / 1e6,
        )))
    }

    pub(super) fn check_pixels(
        &self,
        format: ImageFormat,
        [width, height]: [u32; 2],
    ) -> Result<(), PictureError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(PictureError::damaged(format, "it has no pixels"));
        }
        if pixels <= self.pixels {
            return Ok(());
        }
        Err(PictureError::too_large(format!(
            "the picture has {width}×{height} = {} million pixels; at most {} million are read: \
             make it smaller",
            millions(pixels),
            millions(self.pixels),
        )))
    }

    pub(super) fn check_memory(&self, bytes: u64) -> Result<(), PictureError> {
        if bytes <= self.memory {
            return Ok(());
        }
        Err(PictureError::too_large(format!(
            "the picture needs {} MB of memory to decode; at most {} MB are allowed: make it \
             smaller, or save it with 8 bits per channel",
            millions(bytes),
            millions(self.memory),
        )))
    }

    /// Checks the time that the scans of a JPEG take.
    pub(super) fn check_scans(&self, scans: u64, pixels: u64) -> Result<(), PictureError> {
        if scans.saturating_mul(pixels) <= SCANS.saturating_mul(self.pixels) {
            return Ok(());
        }
        Err(PictureError::too_large(format!(
            "the JPEG picture has {scans} scans and takes too long to decode: make it smaller, or \
             save it again"
        )))
    }

    /// Returns the limits for a decoder.
    pub(super) fn for_decoder(&self) -> Limits {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(self.memory);
        limits
    }
}

/// Formats a number in millions, with a decimal below 10 million.
fn millions(number: u64) -> String {
    let millions = number as f64 / 1e6;
    if millions < 10.0 { format!("{millions:.1}") } else { format!("{millions:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a message does not say how large the picture is, or how large it may be.
    #[test]
    fn messages_have_both_numbers() {
        let limits = PictureLimits::default();
        let error = limits.check_pixels(ImageFormat::Png, [12_000, 9_000]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the picture has 12000×9000 = 108 million pixels; at most 40 million are read: make \
             it smaller"
        );
        let error = limits.check_bytes(20_000_000).unwrap_err();
        assert!(error.to_string().contains("20.0 MB; at most 16.8 MB"), "{error}");
        let error = limits.check_scans(90, 40_000_000).unwrap_err();
        assert!(error.to_string().contains("90 scans"), "{error}");
    }

    /// Catches: a limit refuses what is exactly at the limit; a product overflows.
    #[test]
    fn limits_are_inclusive() {
        let limits = PictureLimits { bytes: 10, pixels: 6, memory: 8 };
        limits.check_bytes(10).unwrap();
        limits.check_pixels(ImageFormat::Png, [2, 3]).unwrap();
        limits.check_memory(8).unwrap();
        limits.check_scans(SCANS, 6).unwrap();
        assert!(limits.check_pixels(ImageFormat::Png, [7, 1]).is_err());
        assert!(limits.check_pixels(ImageFormat::Png, [u32::MAX, u32::MAX]).is_err());
        assert!(limits.check_scans(u64::MAX, u64::MAX).is_err());
    }
}
