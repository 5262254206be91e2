//! Encodes RGB frames as H.264 in MP4, with FFmpeg's libx264.
//!
//! The same frames give the same bytes: there is one thread, and the container has no time stamps
//! or version strings. With [`Coding::Lossy`], integer code in this file converts to YUV (BT.601,
//! limited range, with tags), and the quality is high (crf 12), so that a model cannot distinguish
//! the pixels from the original ones. With [`Coding::Lossless`], the video contains the RGB pixels.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides of frames fit into 31 bits, and samples are from 0 to 255"
)]

use camino::Utf8Path;
use ffmpeg::codec::{self, encoder};
use ffmpeg::{Dictionary, Packet, Rational, color, format, frame};
use ffmpeg_next as ffmpeg;

/// Why a video could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error(
        "cannot encode videos: this FFmpeg has no {0} encoder; install an FFmpeg that is built \
         with x264 (Debian, Ubuntu: apt-get install libavcodec-extra)"
    )]
    NoEncoder(&'static str),
    #[error(
        "cannot encode frames of {width}×{height} pixels: width and height must be even, unless \
         the video is lossless"
    )]
    OddSize { width: usize, height: usize },
    #[error("cannot write {path}: FFmpeg failed to {what}")]
    Ffmpeg {
        path: String,
        what: &'static str,
        #[source]
        source: ffmpeg::Error,
    },
}

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// YUV 4:2:0, which every player shows; width and height must be even.
    Lossy,
    /// RGB, unchanged. Few players show it.
    Lossless,
}

impl Coding {
    /// The encoder of FFmpeg.
    ///
    /// # Errors
    /// If this FFmpeg has no such encoder.
    pub fn encoder(self) -> Result<ffmpeg::Codec, EncodeError> {
        let name = match self {
            Self::Lossy => "libx264",
            Self::Lossless => "libx264rgb",
        };
        encoder::find_by_name(name).ok_or(EncodeError::NoEncoder(name))
    }

    fn pixels(self) -> format::Pixel {
        match self {
            Self::Lossy => format::Pixel::YUV420P,
            Self::Lossless => format::Pixel::RGB24,
        }
    }
}

/// Size and times of a video's frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoFormat {
    pub width: usize,
    pub height: usize,
    pub coding: Coding,
    /// Unit of the time stamps: numerator and denominator, in seconds.
    pub time_base: (i32, i32),
    /// Usual difference of two time stamps; the last frame lasts as long.
    pub step: i64,
}

/// Writes a video, frame by frame.
pub struct VideoWriter {
    path: String,
    encoder: encoder::Video,
    output: format::context::Output,
    picture: frame::Video,
    format: VideoFormat,
}

impl VideoWriter {
    /// Starts a video.
    pub fn create(path: &Utf8Path, video: VideoFormat) -> Result<Self, EncodeError> {
        let failed =
            |what| move |source| EncodeError::Ffmpeg { path: path.to_string(), what, source };
        let VideoFormat { width, height, coding, step, .. } = video;
        if coding == Coding::Lossy && (width % 2 != 0 || height % 2 != 0) {
            return Err(EncodeError::OddSize { width, height });
        }
        let codec = coding.encoder()?;
        let mut output = format::output_as(path, "mp4").map_err(failed("create the file"))?;
        let time_base = Rational::new(video.time_base.0, video.time_base.1);
        let rate = (time_base * Rational::new(i32::try_from(step).unwrap_or(1), 1)).invert();

        let mut settings = codec::Context::new_with_codec(codec)
            .encoder()
            .video()
            .map_err(failed("set up libx264"))?;
        settings.set_width(width as u32);
        settings.set_height(height as u32);
        settings.set_format(coding.pixels());
        settings.set_time_base(time_base);
        settings.set_frame_rate(Some(rate));
        let (space, range, quality) = match coding {
            Coding::Lossy => (color::Space::SMPTE170M, color::Range::MPEG, "12"),
            Coding::Lossless => (color::Space::RGB, color::Range::JPEG, "0"),
        };
        settings.set_colorspace(space);
        settings.set_color_range(range);
        settings.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let mut options = Dictionary::new();
        options.set("preset", "veryfast");
        options.set("crf", quality);
        options.set("threads", "1");
        options.set("x264-params", "threads=1:cpu-independent=1");
        let encoder = settings.open_as_with(codec, options).map_err(failed("open libx264"))?;

        let mut stream = output.add_stream(codec).map_err(failed("add a stream"))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(time_base);
        stream.set_avg_frame_rate(rate);
        let mut options = Dictionary::new();
        options.set("fflags", "+bitexact");
        output.write_header_with(options).map_err(failed("write the header"))?;

        let picture = frame::Video::new(coding.pixels(), width as u32, height as u32);
        Ok(Self { path: path.to_string(), encoder, output, picture, format: video })
    }

    /// Appends a frame, `[height, width, 3]`, with a time stamp above the one before.
    pub fn push(&mut self, rgb: &[u8], time_stamp: i64) -> Result<(), EncodeError> {
        let VideoFormat { width, coding, .. } = self.format;
        match coding {
            Coding::Lossy => fill_yuv420(&mut self.picture, rgb, width),
            Coding::Lossless => {
                let stride = self.picture.stride(0);
                let rows = self.picture.data_mut(0).chunks_mut(stride);
                for (to, from) in rows.zip(rgb.chunks_exact(width * 3)) {
                    to[..width * 3].copy_from_slice(from);
                }
            }
        }
        self.picture.set_pts(Some(time_stamp));
        self.encoder
            .send_frame(&self.picture)
            .map_err(|source| self.failed("encode a frame", source))?;
        self.drain()
    }

    /// Writes the encoder's remaining packets, and the index.
    pub fn finish(mut self) -> Result<(), EncodeError> {
        self.encoder.send_eof().map_err(|source| self.failed("end the stream", source))?;
        self.drain()?;
        self.output.write_trailer().map_err(|source| self.failed("write the index", source))
    }

    fn drain(&mut self) -> Result<(), EncodeError> {
        let (numerator, denominator) = self.format.time_base;
        let own = Rational::new(numerator, denominator);
        loop {
            let mut packet = Packet::empty();
            if self.encoder.receive_packet(&mut packet).is_err() {
                // The encoder needs more frames or is at its end. `send_frame` reports encoding
                // errors.
                return Ok(());
            }
            packet.set_stream(0);
            packet.set_duration(self.format.step);
            let time_base = self.output.stream(0).map_or(own, |stream| stream.time_base());
            packet.rescale_ts(own, time_base);
            packet
                .write_interleaved(&mut self.output)
                .map_err(|source| self.failed("write a packet", source))?;
        }
    }

    fn failed(&self, what: &'static str, source: ffmpeg::Error) -> EncodeError {
        EncodeError::Ffmpeg { path: self.path.clone(), what, source }
    }
}

/// Converts to BT.601, limited range, in 16-bit fixed point. Chroma is the mean of 2×2 pixels.
fn fill_yuv420(picture: &mut frame::Video, rgb: &[u8], width: usize) {
    let height = rgb.len() / 3 / width;
    let pixel = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        [i32::from(rgb[at]), i32::from(rgb[at + 1]), i32::from(rgb[at + 2])]
    };
    let weigh = |p: [i32; 3], w: [i32; 3], scale: i32, offset: i32| {
        let sum = p[0] * w[0] + p[1] * w[1] + p[2] * w[2];
        ((sum + 32768 * scale) / (65536 * scale) + offset).clamp(0, 255) as u8
    };
    let stride = picture.stride(0);
    let luma = picture.data_mut(0);
    for y in 0..height {
        for x in 0..width {
            luma[y * stride + x] = weigh(pixel(x, y), [16829, 33039, 6416], 1, 16);
        }
    }
    for (plane, weights) in [(1, [-9714, -19071, 28784]), (2, [28784, -24103, -4681])] {
        let stride = picture.stride(plane);
        let chroma = picture.data_mut(plane);
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                let mut sum = [0; 3];
                for corner in [
                    pixel(2 * x, 2 * y),
                    pixel(2 * x + 1, 2 * y),
                    pixel(2 * x, 2 * y + 1),
                    pixel(2 * x + 1, 2 * y + 1),
                ] {
                    for (total, value) in sum.iter_mut().zip(corner) {
                        *total += value;
                    }
                }
                // Add the offset before rounding, so that the dividend is positive.
                let offset = 128 * 4 * 65536;
                let value =
                    sum[0] * weights[0] + sum[1] * weights[1] + sum[2] * weights[2] + offset;
                chroma[y * stride + x] = ((value + 2 * 65536) / (4 * 65536)).clamp(0, 255) as u8;
            }
        }
    }
}
