//! Holes: parts of a packet that are zero because nothing was written there.
//!
//! A bad sector, a page that was not written, or a piece that was not downloaded leaves zeros.
//! Codecs with arithmetic coding decode them without an error, and show a smeared picture.

/// Codecs whose packets have no long runs of zeros.
///
/// The longest run in 150 undamaged files and in flat pictures (2026-12-01) was 3 bytes in H.264,
/// HEVC and MPEG-4, 5 in AV1, 17 in VP9, and 22 in VP8. Theora has runs of more than a hundred.
/// MPEG-1 and MPEG-2 are not in the list, because their encoders may fill up packets with zeros.
const WITHOUT_ZEROS: [&str; 12] = [
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "av1",
    "mpeg4",
    "msmpeg4v2",
    "msmpeg4v3",
    "wmv1",
    "wmv2",
    "flv1",
    "h263",
];
/// Every run of twice as many zeros is found; a shorter one than this never.
const HOLE_BYTES: usize = 64;

/// Finds holes in the packets of one stream.
pub struct HoleFinder {
    is_on: bool,
    /// Zeros may follow a unit of the stream: before the next start code, or at the packet's end.
    pads: bool,
}

impl HoleFinder {
    /// A finder for a codec, by FFmpeg's name, and its global header.
    pub fn new(codec: &str, extradata: &[u8]) -> Self {
        // The headers `avcC` and `hvcC` begin with 1. Then units have lengths, and no start codes.
        let has_start_codes = matches!(codec, "h264" | "hevc") && extradata.first() != Some(&1);
        Self { is_on: WITHOUT_ZEROS.contains(&codec), pads: codec == "av1" || has_start_codes }
    }

    /// Returns whether a packet has a hole. Padding that the format allows is none.
    pub fn has_hole(&self, packet: &[u8]) -> bool {
        let is_empty = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
        if !self.is_on {
            return false;
        }
        let Some(at) = packet.chunks_exact(HOLE_BYTES).position(is_empty) else { return false };
        match packet[at * HOLE_BYTES..].iter().find(|&&byte| byte != 0) {
            Some(1) | None => !self.pads,
            Some(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of noise with `zeros` zeros from byte 100 on, and `after` behind them.
    fn packet(zeros: usize, after: &[u8]) -> Vec<u8> {
        let noise = (0..100_u32).map(|i| (i * 37 % 251) as u8 | 1);
        noise.chain(std::iter::repeat_n(0, zeros)).chain(after.iter().copied()).collect()
    }

    /// Catches: a bad sector in a packet with arithmetic coding is play; a few zeros are a hole.
    #[test]
    fn zeros_in_a_packet_are_a_hole() {
        for codec in ["h264", "vp9", "vp8", "mpeg4"] {
            let holes = HoleFinder::new(codec, &[1, 2]);
            assert!(holes.has_hole(&packet(512, &[9, 9])), "{codec}");
            assert!(holes.has_hole(&packet(512, &[])), "{codec}: the end is missing");
            assert!(!holes.has_hole(&packet(24, &[9, 9])), "{codec}");
        }
        assert!(!HoleFinder::new("mpeg2video", &[]).has_hole(&packet(512, &[9])), "may be filled");
        assert!(!HoleFinder::new("theora", &[]).has_hole(&packet(512, &[9])), "has such runs");
        assert!(!HoleFinder::new("rawvideo", &[]).has_hole(&[0; 4096]), "a black picture");
    }

    /// Catches: the padding of a stream with start codes counts as damage.
    #[test]
    fn padding_is_no_hole() {
        let holes = HoleFinder::new("h264", &[0, 0, 0, 1]);
        assert!(!holes.has_hole(&packet(512, &[1, 0x65])), "a start code");
        assert!(!holes.has_hole(&packet(512, &[])));
        assert!(holes.has_hole(&packet(512, &[9, 9])));
    }
}
