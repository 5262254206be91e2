//! The cost of a JPEG, from its markers: how many scans it has, and how much memory it needs.
//!
//! The decoder ignores limits on memory. It allows up to 100 scans, and each one may pass over the
//! whole picture. So a small file could keep the decoder busy for a long time.

/// What decoding a JPEG costs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct JpegCost {
    pub scans: u64,
    /// Bytes per pixel for coefficients, which only progressive pictures keep.
    pub coefficients: u64,
}

/// Reads the markers up to the end of the picture; whatever follows it does not count.
pub(super) fn cost(bytes: &[u8]) -> JpegCost {
    let mut cost = JpegCost::default();
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        match marker {
            0xd9 => break,
            0xda => cost.scans += 1,
            // Progressive: a 16-bit coefficient for every pixel of every component.
            0xc2 | 0xc6 | 0xca | 0xce => {
                let components = bytes.get(at + 7).copied().unwrap_or(4);
                cost.coefficients = 2 * u64::from(components);
            }
            _ => {}
        }
        let length =
            bytes.get(at..at + 2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        at += length;
    }
    cost
}

/// Returns the next marker that has a length, or the end of the picture, and moves behind it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let start = *at + bytes.get(*at..)?.iter().position(|&byte| byte == 0xff)?;
        let marker = *bytes.get(start + 1)?;
        match marker {
            // Stuffing, restarts and starts have no length. A fill byte precedes a marker.
            0x00 | 0x01 | 0xd0..=0xd8 => *at = start + 2,
            0xff => *at = start + 1,
            _ => {
                *at = start + 2;
                return Some(marker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::samples;

    /// Catches: scans are counted in a thumbnail or behind the end; a progressive picture is not
    /// recognised.
    #[test]
    fn scans_of_the_picture_are_counted() {
        let plain = samples::encode(image::ImageFormat::Jpeg, 40, 30);
        assert_eq!(cost(&plain), JpegCost { scans: 1, coefficients: 0 });
        let mut longer = plain.clone();
        longer.extend([0xff, 0xda, 0, 2].repeat(50));
        assert_eq!(cost(&longer).scans, 1);
        let mut thumbnail = plain[..2].to_vec();
        thumbnail.extend([0xff, 0xe1, 0, 10, 0xff, 0xda, 0, 2, 0xff, 0xda, 0, 2]);
        thumbnail.extend(&plain[2..]);
        assert_eq!(cost(&thumbnail).scans, 1);
        let progressive: Vec<u8> =
            [&[0xff, 0xd8][..], &[0xff, 0xc2, 0, 17, 8, 0, 9, 0, 9, 3], &[0; 9]].concat();
        let scans = [0xff, 0xda, 0, 2, 17, 0xff, 0x00, 0xff, 0xd0, 5].repeat(60);
        let found = cost(&[progressive, scans].concat());
        assert_eq!(found, JpegCost { scans: 60, coefficients: 6 });
    }

    /// Catches: a length of zero, or one beyond the end, causes a panic.
    #[test]
    fn any_bytes_have_a_cost() {
        for bytes in [&[][..], &[0xff], &[0xff, 0xd8, 0xff], &[0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff]]
        {
            assert_eq!(cost(bytes).scans, 0);
        }
        assert_eq!(cost(&[0xff, 0xd8, 0xff, 0xc2, 0, 0, 0xff, 0xda, 0, 0]).scans, 1);
    }
}
