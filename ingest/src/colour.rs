//! Which matrix and range turn a frame's YUV into RGB, and what its tags are called.
//!
//! Tags decide. Where a file has none: BT.709 from 720 lines up, else BT.601, as players do, and limited range unless the
//! pixel format says otherwise. (FFmpeg's scale filter takes BT.601 at every size.) HDR transfers are decoded as if they
//! were SDR for now; the name in the clip row tells them.

use serde::{Deserialize, Serialize};

use crate::ffi::{Properties, pixel_format_name};

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

/// swscale's numbers for its coefficient tables (`SWS_CS_…`).
const SWS_BT709: i32 = 1;
const SWS_FCC: i32 = 4;
const SWS_BT601: i32 = 5;
const SWS_SMPTE240M: i32 = 7;
const SWS_BT2020: i32 = 9;

/// How to convert a frame, and how its tags are written down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Colour {
    /// For [`crate::ffi::Scaler::new`].
    pub sws_matrix: i32,
    pub full_range: bool,
    /// As the file has it; `unspecified` where it has none.
    pub matrix: String,
    pub range: String,
    pub transfer: String,
}

impl Colour {
    pub fn of(frame: &Properties) -> Self {
        let sws_matrix = match frame.matrix {
            1 => SWS_BT709,
            4 => SWS_FCC,
            5 | 6 => SWS_BT601,
            7 => SWS_SMPTE240M,
            9 | 10 => SWS_BT2020,
            _ if frame.height >= 720 => SWS_BT709,
            _ => SWS_BT601,
        };
        let full_by_format = pixel_format_name(frame.pixel_format).is_some_and(|name| name.starts_with("yuvj"));
        Self {
            sws_matrix,
            full_range: frame.range == 2 || full_by_format,
            matrix: named(&MATRICES, frame.matrix),
            range: match frame.range {
                1 => "tv",
                2 => "pc",
                _ => "unspecified",
            }
            .to_owned(),
            transfer: named(&TRANSFERS, frame.transfer),
        }
    }
}

fn named(table: &[(i32, &str)], number: i32) -> String {
    table.iter().find(|(known, _)| *known == number).map_or("unspecified", |(_, name)| name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(height: i32, matrix: i32, range: i32) -> Properties {
        Properties { width: 16 * height / 9, height, pixel_format: 0, matrix, range, transfer: 2 }
    }

    /// Would catch greens and reds that are off by some 20 levels on every HD file, or on every tagged SD one.
    #[test]
    fn tags_decide_and_size_where_there_is_none() {
        assert_eq!(Colour::of(&frame(1080, 2, 0)).sws_matrix, SWS_BT709);
        assert_eq!(Colour::of(&frame(360, 2, 0)).sws_matrix, SWS_BT601);
        assert_eq!(Colour::of(&frame(360, 1, 1)).sws_matrix, SWS_BT709);
        assert_eq!(Colour::of(&frame(1080, 6, 1)).sws_matrix, SWS_BT601);
        assert_eq!(Colour::of(&frame(1080, 6, 1)).matrix, "smpte170m");
    }

    /// Would catch washed-out or crushed blacks.
    #[test]
    fn range_follows_tag_and_format() {
        assert!(!Colour::of(&frame(360, 1, 1)).full_range);
        assert!(!Colour::of(&frame(360, 1, 0)).full_range);
        assert!(Colour::of(&frame(360, 1, 2)).full_range);
    }
}
