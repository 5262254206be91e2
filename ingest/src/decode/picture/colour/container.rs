//! Completes the colour tags of a stream with the tags of its container.
//!
//! The stream's tags take precedence. FFmpeg's decoders of some codecs (HEVC, AV1) report a stream
//! without tags as "unspecified" even if the container has tags. So HDR that only the container
//! signals would be shown as SDR.

use crate::decode::picture::{ColourTags, Properties};

/// H.273's number of an unspecified matrix, transfer or primaries.
const UNSPECIFIED: i32 = 2;
/// H.273's reserved number of transfers and primaries. For a matrix, 0 means RGB.
const RESERVED: i32 = 0;

/// The colour tags of a container, for the frames of one stream in it.
#[derive(Clone, Copy, Debug)]
pub struct ContainerColour {
    tags: ColourTags,
    /// The decoder reports the same matrix for every file. The container's value is better.
    replaces_matrix: bool,
    /// The decoder reports limited range for a stream that does not contain its range.
    replaces_range: bool,
}

impl ContainerColour {
    /// `codec` is FFmpeg's name of the stream's codec.
    pub fn new(tags: ColourTags, codec: &str) -> Self {
        Self { tags, replaces_matrix: codec == "vp8", replaces_range: codec == "hevc" }
    }

    /// Fills in the tags that a frame lacks.
    pub fn complete(&self, found: Properties) -> Properties {
        let Self { tags, replaces_matrix, replaces_range } = *self;
        let missing = |tag: i32| tag == UNSPECIFIED || tag == RESERVED;
        let tagged =
            found.matrix != UNSPECIFIED || !missing(found.transfer) || !missing(found.primaries);
        let replaced = replaces_matrix && tags.matrix != UNSPECIFIED;
        let range_is_missing = found.range == 0 || (replaces_range && !tagged);
        Properties {
            matrix: if replaced || found.matrix == UNSPECIFIED {
                tags.matrix
            } else {
                found.matrix
            },
            range: if range_is_missing && tags.range != 0 { tags.range } else { found.range },
            transfer: if missing(found.transfer) { tags.transfer } else { found.transfer },
            primaries: if missing(found.primaries) { tags.primaries } else { found.primaries },
            ..found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PQ: ColourTags = ColourTags { matrix: 9, range: 1, transfer: 16, primaries: 9 };

    fn completed(codec: &str, container: ColourTags, stream: ColourTags) -> ColourTags {
        let ColourTags { matrix, range, transfer, primaries } = stream;
        let (width, height, pixel_format) = (320, 180, 0);
        let found = Properties { width, height, pixel_format, matrix, range, transfer, primaries };
        let Properties { matrix, range, transfer, primaries, .. } =
            ContainerColour::new(container, codec).complete(found);
        ColourTags { matrix, range, transfer, primaries }
    }

    /// Catches: HDR that only the container signals is washed out; the container wins over the
    /// stream.
    #[test]
    fn the_container_fills_in_what_the_stream_lacks() {
        let limited = ColourTags { range: 1, ..ColourTags::NONE };
        assert_eq!(completed("hevc", PQ, limited), PQ);
        let bt709 = ColourTags { matrix: 1, range: 2, transfer: 1, primaries: 1 };
        assert_eq!(completed("hevc", PQ, bt709), bt709);
        assert_eq!(completed("av1", ColourTags::NONE, bt709), bt709);
        let partly = ColourTags { matrix: 1, ..ColourTags::NONE };
        assert_eq!(completed("h264", PQ, partly), ColourTags { matrix: 1, ..PQ });
    }

    /// Catches: a full-range file is crushed because a decoder guesses limited range; the stream's
    /// own range is overruled.
    #[test]
    fn a_guessed_range_does_not_count() {
        let full = ColourTags { range: 2, ..PQ };
        let limited = ColourTags { range: 1, ..ColourTags::NONE };
        assert_eq!(completed("hevc", full, limited).range, 2);
        assert_eq!(completed("h264", full, limited).range, 1);
        assert_eq!(completed("h264", full, ColourTags::NONE).range, 2);
        assert_eq!(completed("h264", ColourTags::NONE, limited).range, 1);
    }

    /// Catches: VP8 in BT.709 is shown as BT.601.
    #[test]
    fn vp8_has_the_matrix_of_its_container() {
        let constant = ColourTags { matrix: 5, ..ColourTags::NONE };
        let bt709 = ColourTags { matrix: 1, ..ColourTags::NONE };
        assert_eq!(completed("vp8", bt709, constant).matrix, 1);
        assert_eq!(completed("vp8", ColourTags::NONE, constant).matrix, 5);
    }
}
