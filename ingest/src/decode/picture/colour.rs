//! The matrix and range that convert a frame's YUV to RGB, and the names of its colour tags.
//!
//! If the file has colour tags, they determine the conversion. The stream's tags take precedence
//! over the container's tags, except for VP8, whose stream always says the same. A file without
//! tags gets the same defaults as in video players: BT.709 if it has at least 720 lines, otherwise
//! BT.601; and limited range, unless the pixel format implies full range. (FFmpeg's scale filter
//! uses BT.601 at every size.)
//!
//! PQ and HLG are mapped to SDR ([`tonemap`]), with BT.2020's matrix and primaries unless the tags
//! name others. Other transfers and primaries are not converted: a clip has the values that a
//! player would send to a display. A matrix that nothing here can convert is a reason to reject the
//! file ([`unsupported`]).

mod container;
mod tonemap;
mod ycgco;

use serde::{Deserialize, Serialize};

use super::view::{Properties, SampleFormat};
use crate::decode::ffi::{is_rgb, pixel_format_name};
pub use container::ContainerColour;
pub use tonemap::ToneMap;
pub use ycgco::{eight_bits, rgb_of_ycgco};

/// FFmpeg's `AVColorSpace` numbers (ITU-T H.273, table 4) and their names.
const MATRICES: [(i32, &str); 16] = [
    (0, "gbr"),
    (1, "bt709"),
    (4, "fcc"),
    (5, "bt470bg"),
    (6, "smpte170m"),
    (7, "smpte240m"),
    (8, "ycgco"),
    (9, "bt2020nc"),
    (10, "bt2020c"),
    (11, "smpte2085"),
    (12, "chroma-derived-nc"),
    (13, "chroma-derived-c"),
    (14, "ictcp"),
    (15, "ipt-c2"),
    (16, "ycgco-re"),
    (17, "ycgco-ro"),
];
/// Matrices that have no conversion to RGB here.
const UNSUPPORTED: std::ops::RangeInclusive<i32> = 10..=17;
/// H.273's number of the YCgCo matrix.
const YCGCO: i32 = 8;
/// FFmpeg's transfer numbers (H.273, table 3) and their names.
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

/// H.273's number of the PQ transfer.
const PQ: i32 = 16;
/// H.273's number of the HLG transfer.
const HLG: i32 = 18;
/// H.273's number of BT.2020's primaries.
const PRIMARIES_BT2020: i32 = 9;
const UNSPECIFIED: i32 = 2;

/// swscale's numbers of its coefficient tables (`SWS_CS_…`).
const SWS_BT709: i32 = 1;
const SWS_FCC: i32 = 4;
const SWS_BT601: i32 = 5;
const SWS_SMPTE240M: i32 = 7;
const SWS_BT2020: i32 = 9;

/// Names of a file's colour tags, each `unspecified` if the file has no such tag.
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
    /// swscale's number of the YUV matrix.
    ///
    /// Goes into [`FrameView::sws_matrix`](super::view::FrameView::sws_matrix).
    pub sws_matrix: i32,
    pub full_range: bool,
    /// Set if the samples are YCgCo, which swscale cannot convert.
    pub ycgco: bool,
    /// Set if the frame is HDR and must be mapped to SDR.
    pub hdr: Option<Hdr>,
}

/// Kind of a high-dynamic-range frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hdr {
    pub transfer: HdrTransfer,
    /// Whether the primaries are BT.2020's, not BT.709's.
    pub wide: bool,
}

/// The two HDR transfers of BT.2100.
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
            9 => SWS_BT2020,
            _ if transfer.is_some() => SWS_BT2020,
            _ if frame.height >= 720 => SWS_BT709,
            _ => SWS_BT601,
        };
        let full_by_format =
            pixel_format_name(frame.pixel_format).is_some_and(|name| name.starts_with("yuvj"));
        Self {
            sws_matrix,
            full_range: frame.range == 2 || full_by_format,
            ycgco: frame.matrix == YCGCO && !is_rgb(frame.pixel_format),
            hdr: transfer.map(|transfer| Hdr { transfer, wide }),
        }
    }

    /// Returns the samples that swscale must produce for this conversion.
    pub fn output(self) -> SampleFormat {
        match self {
            Self { ycgco: true, .. } => SampleFormat::Planes16,
            Self { hdr: Some(_), .. } => SampleFormat::Rgb16,
            _ => SampleFormat::Rgb8,
        }
    }
}

/// Returns the name of a matrix that has no conversion here, if the frame has such a matrix.
pub fn unsupported(frame: &Properties) -> Option<&'static str> {
    let is_unsupported = UNSUPPORTED.contains(&frame.matrix) && !is_rgb(frame.pixel_format);
    is_unsupported.then(|| named(&MATRICES, frame.matrix))
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

    /// Catches: greens and reds are about 20 levels off in every HD file or every tagged SD file.
    #[test]
    fn tags_decide_before_the_size() {
        assert_eq!(Conversion::of(&frame(1080, 2, 0)).sws_matrix, SWS_BT709);
        assert_eq!(Conversion::of(&frame(360, 2, 0)).sws_matrix, SWS_BT601);
        assert_eq!(Conversion::of(&frame(360, 1, 1)).sws_matrix, SWS_BT709);
        assert_eq!(Conversion::of(&frame(1080, 6, 1)).sws_matrix, SWS_BT601);
        assert_eq!(Colour::of(&frame(1080, 6, 1)).matrix, "smpte170m");
    }

    /// Catches: blacks are washed out or crushed.
    #[test]
    fn range_follows_tag_and_format() {
        assert!(!Conversion::of(&frame(360, 1, 1)).full_range);
        assert!(!Conversion::of(&frame(360, 1, 0)).full_range);
        assert!(Conversion::of(&frame(360, 1, 2)).full_range);
    }

    /// Catches: violet pictures, because luma and chroma are converted with another matrix.
    #[test]
    fn a_matrix_without_conversion_is_known() {
        assert!(Conversion::of(&frame(360, 8, 1)).ycgco);
        assert_eq!(unsupported(&frame(360, 8, 1)), None);
        assert_eq!(unsupported(&frame(360, 14, 1)), Some("ictcp"));
        assert_eq!(unsupported(&frame(360, 10, 1)), Some("bt2020c"), "constant luminance");
        assert!(UNSUPPORTED.clone().all(|matrix| unsupported(&frame(360, matrix, 1)).is_some()));
        assert!((0..10).all(|matrix| unsupported(&frame(360, matrix, 1)).is_none()));
        let rgb = Properties { pixel_format: 2, ..frame(360, 14, 1) };
        assert_eq!(unsupported(&rgb), None, "the matrix of RGB has no effect");
        assert!(!Conversion::of(&Properties { matrix: 8, ..rgb }).ycgco);
    }

    /// Catches: HDR is treated as SDR, or SDR in BT.2020 is darkened.
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
