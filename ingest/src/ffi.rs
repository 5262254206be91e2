//! The one file with `unsafe`: what ffmpeg-next does not wrap, or wraps in a way we cannot use.
//!
//! - [`open_input`]: opening by any path (ffmpeg-next panics at names that are not UTF-8), local files only, known
//!   containers only.
//! - [`properties`]: a frame's size, pixel format and colour tags as the plain numbers they are (ffmpeg-next
//!   transmutes them to Rust enums, which is undefined behaviour for a number that the enum does not have).
//! - [`Layout`] and [`row`]: a frame's samples by row, for any pixel format of whole bytes and either direction of rows.
//! - [`Scaler`]: swscale with the picture's own colour matrix and range, for a part or a field of a frame (ffmpeg-next's
//!   assumes BT.601, takes whole frames and does not see errors).
//!
//! Everything here takes and returns safe values; whoever calls it needs no `unsafe`.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::path::Path;
use std::ptr;

use ffmpeg_next::ffi::{
    AV_PIX_FMT_FLAG_BAYER, AV_PIX_FMT_FLAG_BE, AV_PIX_FMT_FLAG_BITSTREAM, AV_PIX_FMT_FLAG_FLOAT,
    AV_PIX_FMT_FLAG_HWACCEL, AV_PIX_FMT_FLAG_PAL, AV_PIX_FMT_FLAG_RGB, AVPixFmtDescriptor, AVPixelFormat, SwsContext,
    av_image_get_linesize, av_pix_fmt_desc_get, avformat_close_input, avformat_find_stream_info, avformat_open_input,
    sws_freeContext, sws_getCoefficients, sws_getContext, sws_scale, sws_setColorspaceDetails,
};
use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{Dictionary, Error, Stream, format, frame};
use serde::{Deserialize, Serialize};

/// Containers that hold pictures themselves. Playlists and scripts (HLS, DASH, concat, …), which name other files, and
/// text and devices are not among them.
const CONTAINERS: &str = "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,h264,hevc,m4v,h263,obu,ivf,gif,asf,ogg,\
                          3gp,mxf,nut,rm,swf,dv,y4m,yuv4mpegpipe,mjpeg,vob,wtv,av1,apng";

/// Opens a local media file and finds out what streams it has.
pub fn open_input(path: &Path) -> Result<format::context::Input, Error> {
    use std::os::unix::ffi::OsStrExt;

    // With the protocol spelt out, a name such as `http:x` or `concat:a|b` is a name and nothing else.
    let mut url = b"file:".to_vec();
    url.extend_from_slice(path.as_os_str().as_bytes());
    let url = CString::new(url).map_err(|_| Error::InvalidData)?;
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "file");
    options.set("format_whitelist", CONTAINERS);

    // SAFETY: `url` is a NUL-terminated string that outlives the calls. `avformat_open_input` allocates the context into
    // the null `context`, or frees it and leaves null when it fails; `options` is disowned before and owned again
    // after, so it is freed once. A context that cannot be probed is closed here; otherwise its ownership goes to `Input`,
    // which closes it.
    unsafe {
        let mut context = ptr::null_mut();
        let mut raw_options = options.disown();
        let opened = avformat_open_input(&raw mut context, url.as_ptr(), ptr::null_mut(), &raw mut raw_options);
        drop(Dictionary::own(raw_options));
        if opened < 0 {
            return Err(Error::from(opened));
        }
        let found = avformat_find_stream_info(context, ptr::null_mut());
        if found < 0 {
            avformat_close_input(&raw mut context);
            return Err(Error::from(found));
        }
        Ok(format::context::Input::wrap(context))
    }
}

/// Width by height of a stream's samples as the container has it; (0, 1) where it says nothing.
pub fn sample_aspect(stream: &Stream<'_>) -> (i32, i32) {
    // SAFETY: the stream belongs to an open input for as long as the reference lives.
    let ratio = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    (ratio.num, ratio.den)
}

/// The colour matrix that the container names for a stream, as in [`Properties`].
pub fn container_matrix(stream: &Stream<'_>) -> i32 {
    // SAFETY: the stream belongs to an open input for as long as the reference lives, and FFmpeg allocates every stream's
    // parameters; null is checked for all the same. The enum is a C int in memory and is read as such.
    unsafe {
        let parameters = (*stream.as_ptr()).codecpar;
        if parameters.is_null() { 2 } else { (&raw const (*parameters).color_space).cast::<c_int>().read() }
    }
}

/// What a decoded frame says of itself, as FFmpeg's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Properties {
    pub width: i32,
    pub height: i32,
    pub pixel_format: i32,
    pub matrix: i32,
    pub range: i32,
    pub transfer: i32,
    pub primaries: i32,
}

/// Reads a frame's properties.
pub fn properties(frame: &frame::Video) -> Properties {
    // SAFETY: the frame is allocated for as long as the reference lives. The fields that bindgen types as Rust enums are
    // C ints in memory and are read as such, so any value is valid.
    unsafe {
        let raw = frame.as_ptr();
        Properties {
            width: (*raw).width,
            height: (*raw).height,
            pixel_format: (*raw).format,
            matrix: (&raw const (*raw).colorspace).cast::<c_int>().read(),
            range: (&raw const (*raw).color_range).cast::<c_int>().read(),
            transfer: (&raw const (*raw).color_trc).cast::<c_int>().read(),
            primaries: (&raw const (*raw).color_primaries).cast::<c_int>().read(),
        }
    }
}

/// The pixel format as bindgen's enum, if it is one this FFmpeg's headers knew.
fn pixel_format(number: i32) -> Option<AVPixelFormat> {
    let known = 0..AVPixelFormat::AV_PIX_FMT_NB as i32;
    // SAFETY: the enum is `repr(i32)` and FFmpeg numbers its formats 0, 1, 2, … up to AV_PIX_FMT_NB without a hole.
    known.contains(&number).then(|| unsafe { std::mem::transmute::<i32, AVPixelFormat>(number) })
}

fn descriptor(number: i32) -> Option<&'static AVPixFmtDescriptor> {
    let format = pixel_format(number)?;
    // SAFETY: descriptors are static tables of libavutil; null (no such format) becomes `None`.
    unsafe { av_pix_fmt_desc_get(format).as_ref() }
}

/// What FFmpeg calls a pixel format.
pub fn pixel_format_name(number: i32) -> Option<&'static str> {
    let descriptor = descriptor(number)?;
    // SAFETY: a descriptor's name is a static NUL-terminated string, or null, which is checked for.
    unsafe {
        if descriptor.name.is_null() {
            return None;
        }
        std::ffi::CStr::from_ptr(descriptor.name).to_str().ok()
    }
}

/// Where the samples of a pixel format are.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Red, green and blue, not luma and chroma.
    pub rgb: bool,
    /// Without alpha.
    pub components: Vec<Component>,
    /// Columns and rows that share one chroma sample.
    pub chroma: (u32, u32),
}

/// One of a pixel's numbers: where in a row of its plane, and how.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    pub plane: usize,
    /// Bytes from one sample to the next, and before the first.
    pub step: usize,
    pub offset: usize,
    shift: u32,
    depth: u32,
}

impl Component {
    /// Sample `index` of a row of this component's plane, to 8 bits; 0 beyond the row's end.
    pub fn level(&self, row: &[u8], index: usize) -> u8 {
        let at = index * self.step + self.offset;
        let byte = |at: usize| u32::from(row.get(at).copied().unwrap_or(0));
        let word = if self.depth + self.shift > 8 { byte(at) | byte(at + 1) << 8 } else { byte(at) };
        let sample = (word >> self.shift) & ((1 << self.depth) - 1);
        let eight = if self.depth > 8 { sample >> (self.depth - 8) } else { sample << (8 - self.depth) };
        u8::try_from(eight).unwrap_or(u8::MAX)
    }
}

impl Layout {
    /// `None` for palettes, formats of bits or floats, hardware surfaces and big-endian ones.
    pub fn of(pixel_format: i32) -> Option<Self> {
        let descriptor = descriptor(pixel_format)?;
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
        let components = descriptor.comp.iter().take(usize::from(descriptor.nb_components.min(3)));
        let components = components.map(|component| {
            Some(Component {
                plane: usize::try_from(component.plane).ok().filter(|&plane| plane < 4)?,
                step: usize::try_from(component.step).ok()?,
                offset: usize::try_from(component.offset).ok()?,
                shift: u32::try_from(component.shift).ok()?,
                depth: u32::try_from(component.depth).ok().filter(|depth| (1..=16).contains(depth))?,
            })
        });
        let mut components = components.collect::<Option<Vec<_>>>()?;
        // Grey with alpha.
        components.truncate(if components.len() == 2 { 1 } else { 3 });
        Some(Self {
            rgb: has(AV_PIX_FMT_FLAG_RGB),
            components,
            chroma: (1 << descriptor.log2_chroma_w, 1 << descriptor.log2_chroma_h),
        })
    }

    /// Columns and rows of the picture that share one sample of a plane.
    fn sharing(&self, plane: usize) -> (u32, u32) {
        if self.rgb || plane == 0 || plane == 3 { (1, 1) } else { self.chroma }
    }
}

/// A row of one plane of a frame, if the frame has it. `layout` is the frame's.
pub fn row<'a>(frame: &'a frame::Video, layout: &Layout, plane: usize, y: u32) -> Option<&'a [u8]> {
    let found = properties(frame);
    let format = pixel_format(found.pixel_format)?;
    let rows = found.height.max(0).cast_unsigned().div_ceil(layout.sharing(plane).1);
    if plane >= 4 || y >= rows {
        return None;
    }
    // SAFETY: FFmpeg's decoders allocate, for every plane whose pointer is not null, a row for each line of the picture
    // (divided by what chroma shares; `y` was checked), `linesize` bytes apart in either direction, each of at least
    // `av_image_get_linesize` bytes. The frame's buffers live as long as the reference to it.
    unsafe {
        let raw = frame.as_ptr();
        let (start, stride) = ((*raw).data[plane], (*raw).linesize[plane]);
        let length = av_image_get_linesize(format, found.width, c_int::try_from(plane).ok()?);
        if start.is_null() || length <= 0 || stride.unsigned_abs() < length.unsigned_abs() {
            return None;
        }
        let at = start.offset(isize::try_from(stride).ok()? * isize::try_from(y).ok()?);
        Some(std::slice::from_raw_parts(at, usize::try_from(length).ok()?))
    }
}

/// A rectangle of a frame, in pixels as coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rectangle {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// One of the two pictures that an interlaced frame is woven of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Top,
    Bottom,
}

/// What of a frame is to be converted, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    pub frame: Properties,
    /// Corner and size are multiples of the chroma's, and of twice that where a field is taken.
    pub crop: Option<Rectangle>,
    pub field: Option<Field>,
    /// One of swscale's `SWS_CS_…` numbers.
    pub sws_matrix: i32,
    /// Black is 0 (and not 16).
    pub full_range: bool,
    /// 16 bits a sample, little-endian, instead of 8.
    pub deep: bool,
}

/// Converts views of one kind to RGB of one size, scaling on the way. Not shared between threads.
pub struct Scaler {
    context: *mut SwsContext,
    view: View,
    /// Lines that are read.
    lines: c_int,
    /// Bytes from the start of each plane to the first that is read: whole rows, and in the row.
    starts: [(i32, isize); 4],
    width: u32,
    height: u32,
}

impl Scaler {
    /// A scaler to `width × height`. `None` where swscale cannot read the format or the size is absurd.
    pub fn new(view: View, width: u32, height: u32) -> Option<Self> {
        let source = view.frame;
        let format = pixel_format(source.pixel_format)?;
        let (out_width, out_height) = (c_int::try_from(width).ok()?, c_int::try_from(height).ok()?);
        if source.width <= 0 || source.height <= 0 || out_width == 0 || out_height == 0 {
            return None;
        }
        let part = Part::of(&view)?;
        // Area averaging is what shrinking means; it does not enlarge smoothly, so bicubic does that.
        let shrinks = part.width >= out_width && part.lines >= out_height;
        let kernel = if shrinks { Flags::AREA } else { Flags::BICUBIC };
        let flags = kernel | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT;
        let out = if view.deep { AVPixelFormat::AV_PIX_FMT_RGB48LE } else { AVPixelFormat::AV_PIX_FMT_RGB24 };
        // SAFETY: sizes are positive, formats are valid enum values, and the null pointers mean "no filters, no parameters".
        // The context is checked for null before use. The coefficient table is a static array of libswscale.
        unsafe {
            let context = sws_getContext(
                part.width,
                part.lines,
                format,
                out_width,
                out_height,
                out,
                flags.bits(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            );
            if context.is_null() {
                return None;
            }
            let table = sws_getCoefficients(view.sws_matrix);
            // It fails only for formats that have no matrix (RGB to RGB), where there is nothing to set.
            sws_setColorspaceDetails(context, table, c_int::from(view.full_range), table, 1, 0, 1 << 16, 1 << 16);
            Some(Self { context, view, lines: part.lines, starts: part.starts, width, height })
        }
    }

    /// The frame as `height × width × 3` samples, or `None` where the frame is not of the kind this scaler is for, or
    /// swscale fails.
    pub fn rgb(&mut self, frame: &frame::Video) -> Option<Vec<u8>> {
        let (found, source) = (properties(frame), self.view.frame);
        let same =
            (found.width, found.height, found.pixel_format) == (source.width, source.height, source.pixel_format);
        // SAFETY: only reads a pointer field of an allocated frame.
        if !same || unsafe { (*frame.as_ptr()).data[0].is_null() } {
            return None;
        }
        // swscale writes whole vectors: rows are padded, and cut to size afterwards.
        let row = self.width as usize * if self.view.deep { 6 } else { 3 };
        let stride = row.next_multiple_of(64) + 64;
        let mut padded = vec![0_u8; stride * self.height as usize + 64];
        let planes = [padded.as_mut_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut()];
        let strides = [c_int::try_from(stride).ok()?, 0, 0, 0];
        let doubled = if self.view.field.is_some() { 2 } else { 1 };
        // SAFETY: the frame has the size and format the context was made for (checked above), and FFmpeg's decoders
        // allocate every plane of it. `Part::of` made sure that the rows and columns from `starts` on, in steps of
        // `doubled` rows, lie within the frame. The destination holds `height` rows of `stride` bytes, at least
        // `row` each, in its one plane; all arrays have the four entries that swscale reads.
        let rows = unsafe {
            let raw = frame.as_ptr();
            let mut data = [ptr::null::<u8>(); 4];
            let mut linesize = [0; 4];
            for plane in 0..4 {
                let (down, across) = self.starts[plane];
                data[plane] = (*raw).data[plane].cast_const();
                linesize[plane] = (*raw).linesize[plane];
                if !data[plane].is_null() && (down, across) != (0, 0) {
                    data[plane] = data[plane].offset(down as isize * linesize[plane] as isize + across);
                }
                linesize[plane] *= doubled;
            }
            sws_scale(self.context, data.as_ptr(), linesize.as_ptr(), 0, self.lines, planes.as_ptr(), strides.as_ptr())
        };
        if rows != c_int::try_from(self.height).ok()? {
            return None;
        }
        let mut rgb = Vec::with_capacity(row * self.height as usize);
        for line in padded.chunks_exact(stride).take(self.height as usize) {
            rgb.extend_from_slice(&line[..row]);
        }
        Some(rgb)
    }
}

/// The part of a frame's planes that a view reads.
struct Part {
    width: c_int,
    lines: c_int,
    starts: [(i32, isize); 4],
}

impl Part {
    /// `None` where the view is not within the frame, or would split samples that pixels share.
    fn of(view: &View) -> Option<Self> {
        let (width, height) = (view.frame.width.cast_unsigned(), view.frame.height.cast_unsigned());
        let all = Rectangle { x: 0, y: 0, width, height };
        let crop = view.crop.unwrap_or(all);
        let whole = Self { width: view.frame.width, lines: view.frame.height, starts: [(0, 0); 4] };
        if crop == all && view.field.is_none() {
            return Some(whole);
        }
        let layout = Layout::of(view.frame.pixel_format)?;
        let (share_x, share_y) = (layout.chroma.0, layout.chroma.1 * if view.field.is_some() { 2 } else { 1 });
        let within = crop.x.checked_add(crop.width)? <= width && crop.y.checked_add(crop.height)? <= height;
        if !within || !crop.x.is_multiple_of(share_x) || !crop.y.is_multiple_of(share_y) || crop.width == 0 {
            return None;
        }
        // An odd last line of chroma has no partner in the other field.
        let lines = if view.field.is_some() { crop.height / share_y * layout.chroma.1 } else { crop.height };
        let mut starts = [(0, 0); 4];
        // Backwards: of the components of one plane the first counts (in `yuyv422` luma, whose steps are whole pixels).
        for component in layout.components.iter().rev() {
            let (columns, rows) = layout.sharing(component.plane);
            let second = u32::from(view.field == Some(Field::Bottom));
            let across = isize::try_from(crop.x / columns).ok()? * isize::try_from(component.step).ok()?;
            starts[component.plane] = (i32::try_from(crop.y / rows + second).ok()?, across);
        }
        (lines > 0).then_some(Self {
            width: c_int::try_from(crop.width).ok()?,
            lines: c_int::try_from(lines).ok()?,
            starts,
        })
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context came from `sws_getContext`, is ours alone and is freed once.
        unsafe { sws_freeContext(self.context) }
    }
}
