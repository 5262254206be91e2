//! The only file with `unsafe` code: calls to C that other crates lack or get wrong.
//!
//! - [`properties`] reads a frame's size, pixel format and colour tags as plain numbers.
//!   ffmpeg-next transmutes them to Rust enums. That is undefined behaviour for a number that the
//!   enum lacks.
//! - [`layout`] describes a pixel format. [`row`] reads one row of samples, whether the rows lie
//!   top-down or bottom-up in memory.
//! - [`Scaler`] calls swscale with the picture's own colour matrix and range. It can read a crop or
//!   a field of a frame. ffmpeg-next's scaler assumes BT.601, takes whole frames only and hides
//!   errors.
//! - [`close_on_exec`] keeps descriptors from child processes. No crate has a safe call for it.
//!
//! All functions take and return safe values. Their callers need no `unsafe`.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_uint};
use std::{io, ptr};

use ffmpeg_next::ffi::{
    AV_PIX_FMT_FLAG_ALPHA, AV_PKT_FLAG_DISCARD, AVPixFmtDescriptor, AVPixelFormat, SwsContext,
    av_image_get_linesize, av_pix_fmt_desc_get, sws_freeContext, sws_getCoefficients,
    sws_getContext, sws_scale, sws_setColorspaceDetails,
};
use ffmpeg_next::packet::Ref as _;
use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{Packet, Stream, frame};

use super::layout::{Layout, PlaneRegion};
use super::view::{FrameView, Properties};

/// Marks all descriptors from 3 up, so that a program that this process starts does not get them.
///
/// This crate opens none without the mark. But a shell or a service manager may have given some to
/// this process. Linux has the call since 5.11.
pub fn close_on_exec() -> io::Result<()> {
    // SAFETY: the arguments are numbers. The call reads and writes no memory of this process. It
    // sets a flag of descriptors, closes none, and so takes none from its owner.
    let failed =
        unsafe { libc::syscall(libc::SYS_close_range, 3, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns a sample's width and height from the container, as a ratio.
///
/// The result is (0, 1) if the container has no value.
pub fn sample_aspect(stream: &Stream<'_>) -> (i32, i32) {
    // SAFETY: the stream belongs to an open input for as long as the reference lives.
    let ratio = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    (ratio.num, ratio.den)
}

/// Returns the colour matrix from the container, with the numbers of [`Properties`].
pub fn container_matrix(stream: &Stream<'_>) -> i32 {
    // SAFETY: the stream belongs to an open input for as long as the reference lives. FFmpeg
    // allocates the parameters of every stream; the code still checks for null. The enum is a C int
    // in memory and is read as one.
    unsafe {
        let parameters = (*stream.as_ptr()).codecpar;
        if parameters.is_null() {
            2
        } else {
            (&raw const (*parameters).color_space).cast::<c_int>().read()
        }
    }
}

/// Returns the global header of a stream's codec. It may be empty.
pub fn extradata(stream: &Stream<'_>) -> Vec<u8> {
    // SAFETY: the stream belongs to an open input for as long as the reference lives. FFmpeg
    // allocates the parameters of every stream, and `extradata` has `extradata_size` bytes if it is
    // not null. The code checks for null.
    unsafe {
        let parameters = (*stream.as_ptr()).codecpar;
        if parameters.is_null() || (*parameters).extradata.is_null() {
            return Vec::new();
        }
        let length = usize::try_from((*parameters).extradata_size).unwrap_or(0);
        std::slice::from_raw_parts((*parameters).extradata, length).to_vec()
    }
}

/// Returns whether an edit list hides a packet (`AV_PKT_FLAG_DISCARD`).
///
/// Such a packet is decoded only because other frames refer to it.
pub fn is_hidden(packet: &Packet) -> bool {
    // SAFETY: only reads a field of a packet that lives as long as the reference.
    unsafe { (*packet.as_ptr()).flags & AV_PKT_FLAG_DISCARD != 0 }
}

/// Reads a frame's properties.
pub fn properties(frame: &frame::Video) -> Properties {
    // SAFETY: the frame is allocated for as long as the reference lives. The fields that bindgen
    // types as Rust enums are C ints in memory. They are read as C ints, so any value is valid.
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

/// Returns bindgen's enum value of a pixel format, if the FFmpeg headers define it.
fn pixel_format(number: i32) -> Option<AVPixelFormat> {
    let known = 0..AVPixelFormat::AV_PIX_FMT_NB as i32;
    // SAFETY: the enum is `repr(i32)`, and FFmpeg numbers its formats 0, 1, 2, … up to
    // AV_PIX_FMT_NB without a gap.
    known.contains(&number).then(|| unsafe { std::mem::transmute::<i32, AVPixelFormat>(number) })
}

/// Returns FFmpeg's description of a pixel format.
fn descriptor(number: i32) -> Option<&'static AVPixFmtDescriptor> {
    let format = pixel_format(number)?;
    // SAFETY: descriptors are static tables of libavutil. Null (no such format) becomes `None`.
    unsafe { av_pix_fmt_desc_get(format).as_ref() }
}

/// Returns where a frame of this pixel format has its samples. See [`Layout::of`].
pub fn layout(number: i32) -> Option<Layout> {
    Layout::of(descriptor(number)?)
}

/// Returns whether a pixel format has an alpha channel.
pub fn has_alpha(pixel_format: i32) -> bool {
    descriptor(pixel_format).is_some_and(|found| found.flags & AV_PIX_FMT_FLAG_ALPHA as u64 != 0)
}

/// Returns FFmpeg's name of a pixel format.
pub fn pixel_format_name(number: i32) -> Option<&'static str> {
    let descriptor = descriptor(number)?;
    // SAFETY: a descriptor's name is null or a static NUL-terminated string. The code checks for
    // null.
    unsafe {
        if descriptor.name.is_null() {
            return None;
        }
        std::ffi::CStr::from_ptr(descriptor.name).to_str().ok()
    }
}

/// Returns row `y` of one plane of a frame, or `None` if the frame has no such row.
///
/// `layout` is the layout of the frame's pixel format.
pub fn row<'a>(frame: &'a frame::Video, layout: &Layout, plane: usize, y: u32) -> Option<&'a [u8]> {
    let found = properties(frame);
    let format = pixel_format(found.pixel_format)?;
    let rows = found.height.max(0).cast_unsigned().div_ceil(layout.sharing(plane).1);
    if plane >= 4 || y >= rows {
        return None;
    }
    // SAFETY: FFmpeg's decoders allocate every plane whose pointer is not null. A plane has one row
    // for each line of the picture, divided by the chroma subsampling; `y` was checked. Rows are
    // `linesize` bytes apart in either direction, and each has at least `av_image_get_linesize`
    // bytes. The frame's buffers live as long as the reference to it.
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

/// Converts views of one kind to RGB of one size, and scales them. It is not thread-safe.
pub struct Scaler {
    context: *mut SwsContext,
    view: FrameView,
    /// The region of the frame that the scaler reads.
    part: PlaneRegion,
    width: u32,
    height: u32,
}

impl Scaler {
    /// Creates a scaler to `width × height` pixels.
    ///
    /// Returns `None` if swscale cannot read the pixel format, or if a size is zero or too large.
    pub fn new(view: FrameView, width: u32, height: u32) -> Option<Self> {
        let source = view.frame;
        let format = pixel_format(source.pixel_format)?;
        let (out_width, out_height) = (c_int::try_from(width).ok()?, c_int::try_from(height).ok()?);
        if source.width <= 0 || source.height <= 0 || out_width == 0 || out_height == 0 {
            return None;
        }
        let part = PlaneRegion::of(&view, layout(source.pixel_format).as_ref())?;
        // Area averaging is right for shrinking. It does not enlarge smoothly, so bicubic does
        // that.
        let shrinks = part.width >= out_width && part.lines >= out_height;
        let kernel = if shrinks { Flags::AREA } else { Flags::BICUBIC };
        let flags = kernel | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT;
        let out = if view.deep {
            AVPixelFormat::AV_PIX_FMT_RGB48LE
        } else {
            AVPixelFormat::AV_PIX_FMT_RGB24
        };
        // SAFETY: sizes are positive, formats are valid enum values, and the null pointers mean "no
        // filters, no parameters". The context is checked for null before use. The coefficient
        // table is a static array of libswscale.
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
            // This fails only for formats without a matrix (RGB to RGB). They need no matrix.
            sws_setColorspaceDetails(
                context,
                table,
                c_int::from(view.full_range),
                table,
                1,
                0,
                1 << 16,
                1 << 16,
            );
            Some(Self { context, view, part, width, height })
        }
    }

    /// Converts a frame to RGB samples, `[height, width, 3]`.
    ///
    /// Returns `None` if the frame's size or format differs from the scaler's, or if swscale fails.
    pub fn rgb(&mut self, frame: &frame::Video) -> Option<Vec<u8>> {
        let (found, source) = (properties(frame), self.view.frame);
        let same = (found.width, found.height, found.pixel_format)
            == (source.width, source.height, source.pixel_format);
        // SAFETY: only reads a pointer field of an allocated frame.
        if !same || unsafe { (*frame.as_ptr()).data[0].is_null() } {
            return None;
        }
        // swscale writes whole vectors, so rows are padded first and cut to size afterwards.
        let row = self.width as usize * if self.view.deep { 6 } else { 3 };
        let stride = row.next_multiple_of(64) + 64;
        let mut padded = vec![0_u8; stride * self.height as usize + 64];
        let planes = [padded.as_mut_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut()];
        let strides = [c_int::try_from(stride).ok()?, 0, 0, 0];
        let doubled = if self.view.field.is_some() { 2 } else { 1 };
        // SAFETY: the frame has the size and format that the context was made for (checked above),
        // and FFmpeg's decoders allocate every plane of it. `PlaneRegion::of` ensures that the rows
        // and columns from `starts` on, in steps of `doubled` rows, lie within the frame. The
        // destination has `height` rows of `stride` bytes, at least `row` each, in its one plane.
        // All arrays have the four entries that swscale reads.
        let rows = unsafe {
            let raw = frame.as_ptr();
            let mut data = [ptr::null::<u8>(); 4];
            let mut linesize = [0; 4];
            for plane in 0..4 {
                let (down, across) = self.part.starts[plane];
                data[plane] = (*raw).data[plane].cast_const();
                linesize[plane] = (*raw).linesize[plane];
                if !data[plane].is_null() && (down, across) != (0, 0) {
                    data[plane] =
                        data[plane].offset(down as isize * linesize[plane] as isize + across);
                }
                linesize[plane] *= doubled;
            }
            sws_scale(
                self.context,
                data.as_ptr(),
                linesize.as_ptr(),
                0,
                self.part.lines,
                planes.as_ptr(),
                strides.as_ptr(),
            )
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

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context came from `sws_getContext`. Only this scaler owns it, and it is freed
        // once.
        unsafe { sws_freeContext(self.context) }
    }
}
