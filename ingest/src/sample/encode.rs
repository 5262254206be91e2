//! Encodes the sample game's frames as H.264 in MP4, with FFmpeg's libx264.
//!
//! The same frames give the same bytes: there is one thread, the container has no time stamps or
//! version strings, and integer code in this file converts to YUV (BT.601, limited range, with
//! tags). Quality is high (crf 12), so that a model cannot distinguish the pixels from the game's
//! own.

use camino::Utf8Path;
use ffmpeg::codec::{self, encoder};
use ffmpeg::{Dictionary, Packet, Rational, color, format, frame};
use ffmpeg_next as ffmpeg;

/// Why a video could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error(
        "cannot make the sample videos: this FFmpeg has no libx264 encoder; install an FFmpeg that \
         is built with x264 (Debian, Ubuntu: apt-get install libavcodec-extra)"
    )]
    NoEncoder,
    #[error("cannot write {path}: FFmpeg failed to {what}")]
    Ffmpeg {
        path: String,
        what: &'static str,
        #[source]
        source: ffmpeg::Error,
    },
}

/// Writes a video, frame by frame.
pub struct VideoWriter {
    path: String,
    encoder: encoder::Video,
    output: format::context::Output,
    picture: frame::Video,
    side: usize,
    frames: i64,
    rate: Rational,
}

impl VideoWriter {
    /// Starts a video of square frames of `side` pixels at `fps` frames per second.
    ///
    /// `side` is even.
    pub fn create(path: &Utf8Path, side: usize, fps: u32) -> Result<Self, EncodeError> {
        let failed =
            |what| move |source| EncodeError::Ffmpeg { path: path.to_string(), what, source };
        let codec = encoder::find_by_name("libx264").ok_or(EncodeError::NoEncoder)?;
        let mut output = format::output_as(path, "mp4").map_err(failed("create the file"))?;
        let rate = Rational::new(fps as i32, 1);

        let mut settings = codec::Context::new_with_codec(codec)
            .encoder()
            .video()
            .map_err(failed("set up libx264"))?;
        settings.set_width(side as u32);
        settings.set_height(side as u32);
        settings.set_format(format::Pixel::YUV420P);
        settings.set_time_base(rate.invert());
        settings.set_frame_rate(Some(rate));
        settings.set_colorspace(color::Space::SMPTE170M);
        settings.set_color_range(color::Range::MPEG);
        settings.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let mut options = Dictionary::new();
        options.set("preset", "veryfast");
        options.set("crf", "12");
        options.set("threads", "1");
        options.set("x264-params", "threads=1:cpu-independent=1");
        let encoder = settings.open_as_with(codec, options).map_err(failed("open libx264"))?;

        let mut stream = output.add_stream(codec).map_err(failed("add a stream"))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(rate.invert());
        stream.set_avg_frame_rate(rate);
        let mut options = Dictionary::new();
        options.set("fflags", "+bitexact");
        output.write_header_with(options).map_err(failed("write the header"))?;

        let picture = frame::Video::new(format::Pixel::YUV420P, side as u32, side as u32);
        Ok(Self { path: path.to_string(), encoder, output, picture, side, frames: 0, rate })
    }

    /// Appends a frame of `side`×`side` RGB pixels.
    pub fn push(&mut self, rgb: &[u8]) -> Result<(), EncodeError> {
        fill_yuv420(&mut self.picture, rgb, self.side);
        self.picture.set_pts(Some(self.frames));
        self.frames += 1;
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
        loop {
            let mut packet = Packet::empty();
            if self.encoder.receive_packet(&mut packet).is_err() {
                // The encoder needs more frames or is at its end. `send_frame` reports encoding
                // errors.
                return Ok(());
            }
            packet.set_stream(0);
            packet.set_duration(1);
            let time_base =
                self.output.stream(0).map_or(self.rate.invert(), |stream| stream.time_base());
            packet.rescale_ts(self.rate.invert(), time_base);
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
fn fill_yuv420(picture: &mut frame::Video, rgb: &[u8], side: usize) {
    let pixel = |x: usize, y: usize| {
        let at = (y * side + x) * 3;
        [i32::from(rgb[at]), i32::from(rgb[at + 1]), i32::from(rgb[at + 2])]
    };
    let weigh = |p: [i32; 3], w: [i32; 3], scale: i32, offset: i32| {
        let sum = p[0] * w[0] + p[1] * w[1] + p[2] * w[2];
        ((sum + 32768 * scale) / (65536 * scale) + offset).clamp(0, 255) as u8
    };
    let stride = picture.stride(0);
    let luma = picture.data_mut(0);
    for y in 0..side {
        for x in 0..side {
            luma[y * stride + x] = weigh(pixel(x, y), [16829, 33039, 6416], 1, 16);
        }
    }
    for (plane, weights) in [(1, [-9714, -19071, 28784]), (2, [28784, -24103, -4681])] {
        let stride = picture.stride(plane);
        let chroma = picture.data_mut(plane);
        for y in 0..side / 2 {
            for x in 0..side / 2 {
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
