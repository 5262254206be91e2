//! Positions of a frame's samples in memory, for every pixel format of whole bytes.
//!
//! FFmpeg's descriptors contain the positions, so this file names no pixel format. All of it is
//! arithmetic. [`ffi`](crate::decode::ffi) has the pointers. It relies on [`PlaneRegion::of`] to
//! stay within the frame.

use std::ffi::c_int;

use super::view::{Field, FrameView, Rectangle};
use ffmpeg_next::ffi::{
    AV_PIX_FMT_FLAG_ALPHA, AV_PIX_FMT_FLAG_BAYER, AV_PIX_FMT_FLAG_BE, AV_PIX_FMT_FLAG_BITSTREAM,
    AV_PIX_FMT_FLAG_FLOAT, AV_PIX_FMT_FLAG_HWACCEL, AV_PIX_FMT_FLAG_PAL, AV_PIX_FMT_FLAG_RGB,
    AVPixFmtDescriptor,
};

/// Positions of the samples of one pixel format.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The components are red, green and blue, not luma and chroma.
    pub rgb: bool,
    /// The components without alpha.
    pub components: Vec<Component>,
    pub alpha: Option<Component>,
    /// Columns and rows of pixels that share one chroma sample.
    pub chroma: (u32, u32),
}

/// Position and size of one component's samples in the rows of a plane.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    pub plane: usize,
    /// Bytes from one sample to the next.
    pub step: usize,
    /// Bytes before the first sample of a row.
    pub offset: usize,
    shift: u32,
    depth: u32,
}

impl Component {
    /// Returns sample `index` of a row of this component's plane, scaled to 8 bits.
    ///
    /// The result is 0 beyond the row's end.
    pub fn level(&self, row: &[u8], index: usize) -> u8 {
        let at = index * self.step + self.offset;
        let byte = |at: usize| u32::from(row.get(at).copied().unwrap_or(0));
        let word =
            if self.depth + self.shift > 8 { byte(at) | byte(at + 1) << 8 } else { byte(at) };
        let sample = (word >> self.shift) & ((1 << self.depth) - 1);
        let eight =
            if self.depth > 8 { sample >> (self.depth - 8) } else { sample << (8 - self.depth) };
        u8::try_from(eight).unwrap_or(u8::MAX)
    }

    /// Returns the largest value of [`Self::level`], which is opaque if this component is alpha.
    pub fn opaque(&self) -> u8 {
        u8::MAX << 8_u32.saturating_sub(self.depth)
    }
}

impl Layout {
    /// Reads the layout from FFmpeg's description of a pixel format.
    ///
    /// Returns `None` for palettes, bit-packed, float, Bayer and big-endian formats, and for
    /// hardware surfaces.
    pub fn of(descriptor: &AVPixFmtDescriptor) -> Option<Self> {
        let odd = AV_PIX_FMT_FLAG_BAYER
            | AV_PIX_FMT_FLAG_BE
            | AV_PIX_FMT_FLAG_BITSTREAM
            | AV_PIX_FMT_FLAG_FLOAT
            | AV_PIX_FMT_FLAG_HWACCEL
            | AV_PIX_FMT_FLAG_PAL;
        let flags = descriptor.flags;
        let has = |flag: c_int| flags & u64::from(flag.unsigned_abs()) != 0;
        if has(odd) {
            return None;
        }
        let components = descriptor.comp.iter().take(usize::from(descriptor.nb_components.min(4)));
        let components = components.map(|component| {
            Some(Component {
                plane: usize::try_from(component.plane).ok().filter(|&plane| plane < 4)?,
                step: usize::try_from(component.step).ok()?,
                offset: usize::try_from(component.offset).ok()?,
                shift: u32::try_from(component.shift).ok()?,
                depth: u32::try_from(component.depth)
                    .ok()
                    .filter(|depth| (1..=16).contains(depth))?,
            })
        });
        let mut components = components.collect::<Option<Vec<_>>>()?;
        // Alpha comes last: two components are grey and alpha.
        let alpha = if has(AV_PIX_FMT_FLAG_ALPHA) { components.pop() } else { None };
        Some(Self {
            rgb: has(AV_PIX_FMT_FLAG_RGB),
            components,
            alpha,
            chroma: (1 << descriptor.log2_chroma_w, 1 << descriptor.log2_chroma_h),
        })
    }

    /// Returns how many columns and rows of the picture share one sample of a plane.
    pub fn sharing(&self, plane: usize) -> (u32, u32) {
        if self.rgb || plane == 0 || plane == 3 { (1, 1) } else { self.chroma }
    }
}

/// The first sample to read of each plane: rows from the top, and bytes from the row's start.
pub type Starts = [(i32, isize); 4];

/// The region of a frame's planes that a view reads.
pub struct PlaneRegion {
    pub width: c_int,
    /// Number of lines to read.
    pub lines: c_int,
    pub starts: Starts,
}

impl PlaneRegion {
    /// Computes the region of a view. `layout` is the layout of the frame's pixel format.
    ///
    /// Returns `None` if the view is not within the frame, if it would split a chroma sample, or if
    /// it needs a layout and there is none.
    pub fn of(view: &FrameView, layout: Option<&Layout>) -> Option<Self> {
        let (width, height) = (view.frame.width.cast_unsigned(), view.frame.height.cast_unsigned());
        let all = Rectangle { x: 0, y: 0, width, height };
        let crop = view.crop.unwrap_or(all);
        let whole = Self { width: view.frame.width, lines: view.frame.height, starts: [(0, 0); 4] };
        if crop == all && view.field.is_none() {
            return Some(whole);
        }
        let layout = layout?;
        let (share_x, share_y) =
            (layout.chroma.0, layout.chroma.1 * if view.field.is_some() { 2 } else { 1 });
        let within =
            crop.x.checked_add(crop.width)? <= width && crop.y.checked_add(crop.height)? <= height;
        if !within
            || !crop.x.is_multiple_of(share_x)
            || !crop.y.is_multiple_of(share_y)
            || crop.width == 0
        {
            return None;
        }
        // An odd last line of chroma has no partner in the other field.
        let lines = if view.field.is_some() {
            crop.height / share_y * layout.chroma.1
        } else {
            crop.height
        };
        let mut starts = [(0, 0); 4];
        // If one plane has several components, the first one counts. It is luma in `yuyv422`, where
        // its step is one pixel. The loop runs backwards so that the first one is written last.
        for component in layout.components.iter().rev() {
            let (columns, rows) = layout.sharing(component.plane);
            let second = u32::from(view.field == Some(Field::Bottom));
            let across =
                isize::try_from(crop.x / columns).ok()? * isize::try_from(component.step).ok()?;
            starts[component.plane] = (i32::try_from(crop.y / rows + second).ok()?, across);
        }
        (lines > 0).then_some(Self {
            width: c_int::try_from(crop.width).ok()?,
            lines: c_int::try_from(lines).ok()?,
            starts,
        })
    }
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::ffi::AVPixelFormat::{self, *};

    use super::*;
    use crate::decode::ffi;
    use crate::decode::picture::{Properties, SampleFormat};

    /// Returns the size and the starts of the region that is read from a frame of 64×38 pixels.
    fn part(
        format: AVPixelFormat,
        crop: Option<Rectangle>,
        field: Option<Field>,
    ) -> Option<([c_int; 2], Starts)> {
        let pixel_format = format as i32;
        let frame = Properties {
            width: 64,
            height: 38,
            pixel_format,
            matrix: 2,
            range: 0,
            transfer: 2,
            primaries: 2,
        };
        let view = FrameView {
            frame,
            crop,
            field,
            sws_matrix: 5,
            full_range: false,
            output: SampleFormat::Rgb8,
        };
        PlaneRegion::of(&view, ffi::layout(pixel_format).as_ref())
            .map(|part| ([part.width, part.lines], part.starts))
    }

    /// Catches: colours are shifted against the picture, or a crop reads beyond the frame.
    #[test]
    fn crops_start_at_the_same_place_in_every_plane() {
        let crop = Some(Rectangle { x: 8, y: 4, width: 32, height: 20 });
        let (size, none) = ([32, 20], (0, 0));
        assert_eq!(
            part(AV_PIX_FMT_YUV420P, crop, None),
            Some((size, [(4, 8), (2, 4), (2, 4), none]))
        );
        assert_eq!(
            part(AV_PIX_FMT_YUV422P10LE, crop, None),
            Some((size, [(4, 16), (4, 8), (4, 8), none]))
        );
        assert_eq!(part(AV_PIX_FMT_NV12, crop, None), Some((size, [(4, 8), (2, 8), none, none])));
        assert_eq!(part(AV_PIX_FMT_YUYV422, crop, None), Some((size, [(4, 16), none, none, none])));
        assert_eq!(part(AV_PIX_FMT_RGB24, crop, None), Some((size, [(4, 24), none, none, none])));
        assert_eq!(
            part(AV_PIX_FMT_YUV420P, Some(Rectangle { x: 0, y: 20, width: 64, height: 20 }), None),
            None
        );
        assert_eq!(
            part(AV_PIX_FMT_YUV420P, Some(Rectangle { x: 1, y: 0, width: 20, height: 20 }), None),
            None
        );
        assert_eq!(part(AV_PIX_FMT_PAL8, crop, None), None);
    }

    /// Catches: an opaque video is said to lose its alpha, or luma is read as alpha.
    #[test]
    fn alpha_is_the_last_component() {
        let alpha = |format: AVPixelFormat| {
            let layout = ffi::layout(format as i32).unwrap();
            (layout.components.len(), layout.alpha.map(|alpha| (alpha.plane, alpha.opaque())))
        };
        assert_eq!(alpha(AV_PIX_FMT_YUVA420P), (3, Some((3, 255))));
        assert_eq!(alpha(AV_PIX_FMT_YUVA444P10LE), (3, Some((3, 255))));
        assert_eq!(alpha(AV_PIX_FMT_BGRA), (3, Some((0, 255))));
        assert_eq!(alpha(AV_PIX_FMT_YA8), (1, Some((0, 255))));
        assert_eq!(alpha(AV_PIX_FMT_YUV420P), (3, None));
    }

    /// Catches: a field reads the line below the frame if both fields differ in chroma lines.
    #[test]
    fn fields_are_every_other_line() {
        // 38 lines have 19 chroma lines: 9 for each field, and one that belongs to neither.
        let bottom = part(AV_PIX_FMT_YUV420P, None, Some(Field::Bottom));
        assert_eq!(bottom, Some(([64, 18], [(1, 0), (1, 0), (1, 0), (0, 0)])));
        assert_eq!(part(AV_PIX_FMT_YUV444P, None, Some(Field::Top)), Some(([64, 19], [(0, 0); 4])));
        let unaligned = Some(Rectangle { x: 0, y: 2, width: 64, height: 36 });
        assert_eq!(part(AV_PIX_FMT_YUV420P, unaligned, Some(Field::Top)), None);
    }
}
