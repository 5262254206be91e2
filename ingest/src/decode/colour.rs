//! Which matrix and range turn a frame's YUV into RGB, and what its tags are called.
//!
//! Tags decide: the stream's before the container's, but for VP8, which has none to choose from. Where a file has none:
//! BT.709 from 720 lines up, else BT.601, as players do, and limited range unless the pixel format says otherwise.
//! (FFmpeg's scale filter takes BT.601 at every size.) PQ and HLG are tone-mapped (`decode/tonemap.rs`), with BT.2020's
//! matrix and primaries unless the tags say otherwise. Other transfers and primaries are taken as they are: what a
//! display would be told to show is what a clip holds.

use serde::{Deserialize, Serialize};

use super::ffi::pixel_format_name;
use super::view::Properties;

/// FFmpeg's `AVColorSpace` numbers (ITU-T H.273, table 4) and their names.
const MATRICES: [(i32, &str); 10] = [
    (0, "gbr"),
    (1, "bt709"),
    (4, "fcc"),
    (5, "bt470bg"),
    (6, "smpte170m"),
    (7, "smpte240m"),
    (8, "ycgco"),
    (9, "bt2020nc"),
    (10, "bt2020c"),
    (14, "ictcp"),
];
/// H.273, table 3.
const TRANSFERS: [(i32, &str); 11] = [
    (1, "bt709"),
    (4, "bt470m"),
    (5, "bt470bg"),
    (6, "smpte170m"),
    (7, "smpte240m"),
    (8, "linear"),
    (13, "iec61966-2-1"),
    (14, "bt2020-10"),
    (15, "bt2020-12"),
    (16, "smpte2084"),
    (18, "arib-std-b67"),
];

/// H.273's numbers of the HDR transfers, and of the primaries of BT.2020.
const PQ: i32 = 16;
const HLG: i32 = 18;
const PRIMARIES_BT2020: i32 = 9;
const UNSPECIFIED: i32 = 2;

/// swscale's numbers for its coefficient tables (`SWS_CS_…`).
const SWS_BT709: i32 = 1;
const SWS_FCC: i32 = 4;
const SWS_BT601: i32 = 5;
const SWS_SMPTE240M: i32 = 7;
const SWS_BT2020: i32 = 9;

/// How a file's tags are written down; `unspecified` where it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    pub matrix: String,
    pub range: String,
    pub transfer: String,
}

impl Colour {
    pub fn of(frame: &Properties) -> Self {
        let range = match frame.range {
            1 => "tv",
            2 => "pc",
            _ => "unspecified",
        };
        Self {
            matrix: named(&MATRICES, frame.matrix).to_owned(),
            range: range.to_owned(),
            transfer: named(&TRANSFERS, frame.transfer).to_owned(),
        }
    }
}

/// How a frame's samples become RGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conversion {
    /// For [`FrameView`](super::view::FrameView).
    pub sws_matrix: i32,
    pub full_range: bool,
    /// For HDR: what is to be mapped to SDR.
    pub hdr: Option<Hdr>,
}

/// A high dynamic range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hdr {
    pub transfer: HdrTransfer,
    /// The primaries are BT.2020's, and not BT.709's.
    pub wide: bool,
}

/// BT.2100's two ways to code it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HdrTransfer {
    /// Perceptual quantization: SMPTE ST 2084.
    Pq,
    /// Hybrid log-gamma: ARIB STD-B67.
    Hlg,
}

impl Conversion {
    pub fn of(frame: &Properties) -> Self {
        let transfer = match frame.transfer {
            PQ => Some(HdrTransfer::Pq),
            HLG => Some(HdrTransfer::Hlg),
            _ => None,
        };
        let wide = [PRIMARIES_BT2020, UNSPECIFIED].contains(&frame.primaries);
        let sws_matrix = match frame.matrix {
            1 => SWS_BT709,
            4 => SWS_FCC,
            5 | 6 => SWS_BT601,
            7 => SWS_SMPTE240M,
            9 | 10 => SWS_BT2020,
            _ if transfer.is_some() => SWS_BT2020,
            _ if frame.height >= 720 => SWS_BT709,
            _ => SWS_BT601,
        };
        let full_by_format =
            pixel_format_name(frame.pixel_format).is_some_and(|name| name.starts_with("yuvj"));
        Self {
            sws_matrix,
            full_range: frame.range == 2 || full_by_format,
            hdr: transfer.map(|transfer| Hdr { transfer, wide }),
        }
    }
}

fn named(table: &[(i32, &'static str)], number: i32) -> &'static str {
    table.iter().find(|(known, _)| *known == number).map_or("unspecified", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(height: i32, matrix: i32, range: i32) -> Properties {
        let width = 16 * height / 9;
        Properties { width, height, pixel_format: 0, matrix, range, transfer: 2, primaries: 2 }
    }

    /// Would catch greens and reds that are off by some 20 levels on every HD file, or on every tagged SD one.
    #[test]
    fn tags_decide_and_size_where_there_is_none() {
        assert_eq!(Conversion::of(&frame(1080, 2, 0)).sws_matrix, SWS_BT709);
        assert_eq!(Conversion::of(&frame(360, 2, 0)).sws_matrix, SWS_BT601);
        assert_eq!(Conversion::of(&frame(360, 1, 1)).sws_matrix, SWS_BT709);
        assert_eq!(Conversion::of(&frame(1080, 6, 1)).sws_matrix, SWS_BT601);
        assert_eq!(Colour::of(&frame(1080, 6, 1)).matrix, "smpte170m");
    }

    /// Would catch washed-out or crushed blacks.
    #[test]
    fn range_follows_tag_and_format() {
        assert!(!Conversion::of(&frame(360, 1, 1)).full_range);
        assert!(!Conversion::of(&frame(360, 1, 0)).full_range);
        assert!(Conversion::of(&frame(360, 1, 2)).full_range);
    }

    /// Would catch HDR that is shown as if it were SDR, and SDR in BT.2020 that is darkened.
    #[test]
    fn only_hdr_is_mapped() {
        let hdr = |transfer, primaries| {
            Conversion::of(&Properties { transfer, primaries, ..frame(2160, 9, 1) }).hdr
        };
        assert_eq!(hdr(PQ, 9), Some(Hdr { transfer: HdrTransfer::Pq, wide: true }));
        assert_eq!(hdr(HLG, 1), Some(Hdr { transfer: HdrTransfer::Hlg, wide: false }));
        assert_eq!(hdr(14, 9), None);
    }
}
