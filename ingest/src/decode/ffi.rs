//! The only file with `unsafe` code: calls to C that other crates lack or get wrong.
//!
//! - [`open_input`] opens a media file. [`stream_facts`] reads numbers of a stream's parameters.
//!   [`limit_pixels`] limits the frame size that a decoder accepts.
//! - [`display_matrices`] reads side data of a frame.
//! - [`properties`] reads a frame's size, pixel format and colour tags as plain numbers.
//!   ffmpeg-next transmutes them to Rust enums. That is undefined behaviour for a number that the
//!   enum lacks.
//! - [`layout`] describes a pixel format. [`row`] reads one row of samples, whether the rows lie
//!   top-down or bottom-up in memory.
//! - [`Scaler`] calls swscale with the picture's own colour matrix and range. It can read a crop or
//!   a field of a frame. ffmpeg-next's scaler assumes BT.601, takes whole frames only and hides
//!   errors.
//! - [`close_on_exec`] keeps descriptors from child processes. No crate has a safe call for it.
//! - [`disable_huge_pages`] and [`set_pipe_size`] are settings of the kernel.
//! - [`return_freed_memory`] is a setting of the allocator.
//!
//! All functions take and return safe values. Their callers need no `unsafe`.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int, c_uint};
use std::os::fd::{AsFd, AsRawFd as _};
use std::{io, ptr};

use ffmpeg_next::ffi::{
    AV_PIX_FMT_FLAG_ALPHA, AV_PIX_FMT_FLAG_PAL, AV_PIX_FMT_FLAG_RGB, AV_PKT_FLAG_DISCARD,
    AVCodecParameters, AVFMT_FLAG_CUSTOM_IO, AVFormatContext, AVFrameSideDataType,
    AVPixFmtDescriptor, AVPixelFormat, SwsContext, av_image_get_linesize, av_pix_fmt_desc_get,
    avcodec_find_decoder, avformat_alloc_context, avformat_close_input, avformat_find_stream_info,
    avformat_open_input, sws_freeContext, sws_getCoefficients, sws_getContext, sws_scale,
    sws_setColorspaceDetails,
};
use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::packet::Ref as _;
use ffmpeg_next::software::scaling::Flags;
use ffmpeg_next::{Dictionary, Error, Packet, Stream, codec, frame};

use super::picture::{ColourTags, FrameView, Layout, PlaneRegion, Properties, SampleFormat};

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

/// Keeps this process, and those that it starts later, from using huge pages.
///
/// mimalloc asks for them. The kernel then clears two megabytes for the buffers of a clip, again
/// and again: 4 % of the CPU time of many short videos (2026-11-30, 2-core EPYC).
pub fn disable_huge_pages() -> io::Result<()> {
    // SAFETY: the arguments are numbers. The call reads and writes no memory of this process.
    let failed = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns memory to the kernel when it is freed, and not a second later.
///
/// A run over many files reads its lists and the catalog in less than a second. So it would hold
/// the memory of each part until its end.
pub fn return_freed_memory() {
    /// `mi_option_purge_delay` of mimalloc.h, in milliseconds. The crate has no name for it.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: the call sets a number that the allocator reads when it frees memory. It must be 0:
    // with a short delay, memory would still wait until the end of a delay that has begun.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) }
}

/// Sets how many bytes a pipe holds until its writer waits.
///
/// An unprivileged process may set at most 1 MiB (`/proc/sys/fs/pipe-max-size`).
pub fn set_pipe_size(pipe: impl AsFd, bytes: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as it is borrowed. The call reads and writes no
    // memory of this process.
    let set = unsafe { libc::fcntl(pipe.as_fd().as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
    if set >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A media file that was opened.
pub struct OpenedInput {
    pub input: Input,
    /// The streams that the container's header names, in the order of their indices.
    pub headers: Vec<StreamHeader>,
}

/// What the container's header says about a stream.
///
/// FFmpeg overwrites it with what the decoder says when it probes the stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamHeader {
    pub width: i32,
    pub height: i32,
    pub tags: ColourTags,
}

/// Opens a media file and reads its list of streams, through `io`.
///
/// FFmpeg looks at the extension of `name` to guess the container. A decoder that it uses to probe
/// a stream refuses frames of more than `max_pixels` pixels. (ffmpeg-next does not return what the
/// header says.)
pub fn open_input(
    mut io: StreamIo,
    name: &str,
    options: Dictionary<'_>,
    max_pixels: i64,
) -> Result<OpenedInput, Error> {
    let name = CString::new(name).map_err(|_| Error::InvalidData)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the calls. The context is allocated,
    // and checked for null. `io` outlives it: it is dropped after the context is closed, or `Input`
    // takes both. `avformat_open_input` frees the context when it fails. `options` is disowned
    // before the call and owned again after it, so it is freed once; the same holds for each
    // dictionary in `probing`. `avformat_find_stream_info` reads as many of them as there were
    // streams before the call, and `probing` has that many. A context that FFmpeg cannot probe is
    // closed here, and custom input is not closed with it.
    unsafe {
        let mut context = avformat_alloc_context();
        if context.is_null() {
            return Err(Error::Other { errno: libc::ENOMEM });
        }
        (*context).pb = io.as_mut_ptr();
        (*context).flags |= AVFMT_FLAG_CUSTOM_IO;
        let mut raw_options = options.disown();
        let opened = avformat_open_input(
            &raw mut context,
            name.as_ptr(),
            ptr::null_mut(),
            &raw mut raw_options,
        );
        drop(Dictionary::own(raw_options));
        if opened < 0 {
            return Err(Error::from(opened));
        }
        let headers = stream_headers(context);
        // FFmpeg takes one dictionary for each stream that the header names.
        let mut probing: Vec<_> = headers
            .iter()
            .map(|_| {
                let mut options = Dictionary::new();
                options.set("max_pixels", &max_pixels.to_string());
                options.disown()
            })
            .collect();
        let options = if probing.is_empty() { ptr::null_mut() } else { probing.as_mut_ptr() };
        let found = avformat_find_stream_info(context, options);
        for options in probing {
            drop(Dictionary::own(options));
        }
        if found < 0 {
            avformat_close_input(&raw mut context);
            return Err(Error::from(found));
        }
        Ok(OpenedInput { input: Input::wrap_with_custom_io(context, io), headers })
    }
}

/// Reads the headers of all streams.
///
/// # Safety
/// `context` is an open input.
unsafe fn stream_headers(context: *const AVFormatContext) -> Vec<StreamHeader> {
    // SAFETY: an open input has `nb_streams` pointers to allocated streams.
    unsafe {
        (0..(*context).nb_streams as usize)
            .map(|index| {
                let parameters = (**(*context).streams.add(index)).codecpar;
                StreamHeader {
                    width: if parameters.is_null() { 0 } else { (*parameters).width },
                    height: if parameters.is_null() { 0 } else { (*parameters).height },
                    tags: colour_tags(parameters),
                }
            })
            .collect()
    }
}

/// Reads the colour tags of a stream's parameters.
///
/// # Safety
/// `parameters` is null or points to allocated parameters.
unsafe fn colour_tags(parameters: *const AVCodecParameters) -> ColourTags {
    // SAFETY: the enums are C ints in memory and are read as such. The code checks for null.
    unsafe {
        if parameters.is_null() {
            return ColourTags::NONE;
        }
        ColourTags {
            matrix: (&raw const (*parameters).color_space).cast::<c_int>().read(),
            range: (&raw const (*parameters).color_range).cast::<c_int>().read(),
            transfer: (&raw const (*parameters).color_trc).cast::<c_int>().read(),
            primaries: (&raw const (*parameters).color_primaries).cast::<c_int>().read(),
        }
    }
}

/// Numbers that describe a video stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// In pixels; 0 if unknown.
    pub width: i32,
    /// In pixels; 0 if unknown.
    pub height: i32,
    /// Number of frames; 0 if the container does not contain it.
    pub frames: i64,
    /// Bits per second; 0 if unknown.
    pub bit_rate: i64,
    /// Whether this FFmpeg has a decoder for the stream.
    pub decodable: bool,
    /// The container's name of the format, such as `avc1`; zeros if it has none.
    pub format: [u8; 4],
    /// What container and stream say about the colours.
    pub tags: ColourTags,
}

impl StreamFacts {
    /// The facts of a stream of which nothing is known.
    pub const NONE: Self = Self {
        width: 0,
        height: 0,
        frames: 0,
        bit_rate: 0,
        decodable: false,
        format: [0; 4],
        tags: ColourTags::NONE,
    };
}

/// Reads the facts of a stream.
pub fn stream_facts(stream: &Stream<'_>) -> StreamFacts {
    // SAFETY: the stream belongs to an open input for as long as the reference lives. FFmpeg
    // allocates the parameters of every stream; the code still checks for null.
    unsafe {
        let raw = stream.as_ptr();
        let parameters = (*raw).codecpar;
        if parameters.is_null() {
            return StreamFacts::NONE;
        }
        StreamFacts {
            width: (*parameters).width,
            height: (*parameters).height,
            frames: (*raw).nb_frames,
            bit_rate: (*parameters).bit_rate,
            decodable: !avcodec_find_decoder((*parameters).codec_id).is_null(),
            format: (*parameters).codec_tag.to_le_bytes(),
            tags: colour_tags(parameters),
        }
    }
}

/// Makes a decoder refuse frames of more than `max_pixels` pixels, before it allocates them.
pub fn limit_pixels(context: &mut codec::Context, max_pixels: i64) {
    // SAFETY: the context is allocated, and not opened yet, for as long as the reference lives.
    unsafe { (*context.as_mut_ptr()).max_pixels = max_pixels }
}

/// Returns a sample's width and height from the container, as a ratio.
///
/// The result is (0, 1) if the container has no value.
pub fn sample_aspect(stream: &Stream<'_>) -> (i32, i32) {
    // SAFETY: the stream belongs to an open input for as long as the reference lives.
    let ratio = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    (ratio.num, ratio.den)
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

/// Returns the display matrices of a frame, in the order in which FFmpeg added them.
///
/// (ffmpeg-next returns only the first one.)
pub fn display_matrices(frame: &frame::Video) -> Vec<&[u8]> {
    // SAFETY: the frame is allocated for as long as the reference lives. It has `nb_side_data`
    // pointers to its side data, and each of these has `size` bytes at `data`. The kind is a C int
    // in memory and is read as such. The code checks for null.
    unsafe {
        let raw = frame.as_ptr();
        let all = (0..usize::try_from((*raw).nb_side_data).unwrap_or(0))
            .map(|index| *(*raw).side_data.add(index))
            .filter(|one| !one.is_null() && !(**one).data.is_null());
        let matrices = all.filter(|&one| {
            let kind = (&raw const (*one).type_).cast::<c_int>().read();
            kind == AVFrameSideDataType::AV_FRAME_DATA_DISPLAYMATRIX as c_int
        });
        matrices.map(|one| std::slice::from_raw_parts((*one).data, (*one).size)).collect()
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

/// Returns whether the samples of a pixel format are red, green and blue, also through a palette.
pub fn is_rgb(pixel_format: i32) -> bool {
    let rgb = (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) as u64;
    descriptor(pixel_format).is_some_and(|found| found.flags & rgb != 0)
}

/// Returns whether a frame with a palette has a pixel that is not opaque.
///
/// Returns `None` if the frame has no palette.
pub fn palette_shows_through(frame: &frame::Video) -> Option<bool> {
    const COLOURS: usize = 256;
    let found = properties(frame);
    if descriptor(found.pixel_format)?.flags & AV_PIX_FMT_FLAG_PAL as u64 == 0 {
        return None;
    }
    let (width, height) = (usize::try_from(found.width).ok()?, found.height);
    // SAFETY: a frame with a palette has rows of one byte per pixel in the first plane, `linesize`
    // bytes apart, and 256 colours of four bytes in the second plane. Pointers are checked for
    // null. The buffers live as long as the reference to the frame.
    unsafe {
        let raw = frame.as_ptr();
        let (pixels, stride, palette) = ((*raw).data[0], (*raw).linesize[0], (*raw).data[1]);
        if pixels.is_null() || palette.is_null() || (stride.unsigned_abs() as usize) < width {
            return None;
        }
        let palette = std::slice::from_raw_parts(palette, 4 * COLOURS);
        // A colour is a number with alpha in its highest byte.
        let alpha = |colour: u8| {
            let at = 4 * usize::from(colour);
            let bytes = [palette[at], palette[at + 1], palette[at + 2], palette[at + 3]];
            u32::from_ne_bytes(bytes) >> 24
        };
        Some((0..height).any(|y| {
            let start = pixels.offset(stride as isize * y as isize);
            let row = std::slice::from_raw_parts(start, width);
            row.iter().any(|&colour| alpha(colour) < 255)
        }))
    }
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

/// Converts views of one kind to samples of one size, and scales them. It is not thread-safe.
pub struct Scaler {
    context: *mut SwsContext,
    view: FrameView,
    /// The region of the frame that the scaler reads.
    part: PlaneRegion,
    width: u32,
    height: u32,
    /// What swscale writes to. It writes whole vectors, so rows are padded, and cut to size later.
    padded: Vec<u8>,
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
        let (out, out_full_range) = match view.output {
            SampleFormat::Rgb8 => (AVPixelFormat::AV_PIX_FMT_RGB24, true),
            SampleFormat::Rgb16 => (AVPixelFormat::AV_PIX_FMT_RGB48LE, true),
            // The same range and matrix on both sides: the samples are scaled, not converted.
            SampleFormat::Planes16 => (AVPixelFormat::AV_PIX_FMT_YUV444P16LE, view.full_range),
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
                c_int::from(out_full_range),
                0,
                1 << 16,
                1 << 16,
            );
            Some(Self { context, view, part, width, height, padded: Vec::new() })
        }
    }

    /// Converts a frame to the samples that the view's [`SampleFormat`] describes.
    ///
    /// Returns `None` if the frame's size or format differs from the scaler's, or if swscale fails.
    pub fn convert(&mut self, frame: &frame::Video) -> Option<Vec<u8>> {
        let (found, source) = (properties(frame), self.view.frame);
        let same = (found.width, found.height, found.pixel_format)
            == (source.width, source.height, source.pixel_format);
        // SAFETY: only reads a pointer field of an allocated frame.
        if !same || unsafe { (*frame.as_ptr()).data[0].is_null() } {
            return None;
        }
        let (count, pixel) = self.view.output.planes();
        let row = self.width as usize * pixel;
        let stride = row.next_multiple_of(64) + 64;
        let plane = stride * self.height as usize;
        self.padded.resize(count * plane + 64, 0);
        let mut planes = [ptr::null_mut(); 4];
        let mut strides = [0; 4];
        for (index, start) in self.padded.chunks_exact_mut(plane).take(count).enumerate() {
            planes[index] = start.as_mut_ptr();
            strides[index] = c_int::try_from(stride).ok()?;
        }
        let doubled = if self.view.field.is_some() { 2 } else { 1 };
        // SAFETY: the frame has the size and format that the context was made for (checked above),
        // and FFmpeg's decoders allocate every plane of it. `PlaneRegion::of` ensures that the rows
        // and columns from `starts` on, in steps of `doubled` rows, lie within the frame. The
        // destination has `height` rows of `stride` bytes, at least `row` each, in each plane of
        // the output format. All arrays have the four entries that swscale reads.
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
        let mut samples = Vec::with_capacity(count * row * self.height as usize);
        for line in self.padded.chunks_exact(stride).take(count * self.height as usize) {
            samples.extend_from_slice(&line[..row]);
        }
        Some(samples)
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context came from `sws_getContext`. Only this scaler owns it, and it is freed
        // once.
        unsafe { sws_freeContext(self.context) }
    }
}
