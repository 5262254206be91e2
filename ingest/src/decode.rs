//! Decodes one video to the frames at the ticks of a [`TickClock`](clock::TickClock), as RGB.
//!
//! The decoder decodes every frame that is sampled or that other frames refer to
//! ([`Skips`](clock::Skips)). Only sampled frames are converted. All frames come out with one
//! configured size, upright, in presentation order. Time stamps are FFmpeg's best-effort ones,
//! which its players use. A frame without a time stamp begins when the frame before it ends. A
//! damaged packet loses only the frames that depend on it ([`damage`]), not the file. The size,
//! format or colour may change in the middle of the stream.
//!
//! The search for borders ([`borders`]) uses the first sampled frames. These frames are held back
//! until the search ends. Only a video that seems to have borders is read again. The second pass
//! reads the key frames of the whole file, because a border must be present in all of them. The
//! third pass decodes from the start, with the crop that remains. It examines every sampled frame,
//! because a file may have few key frames. The crop ends where a frame contradicts it.
//!
//! Of several video streams, the best one is decoded ([`streams`]). If it contains no frame, the
//! next one is decoded.

mod borders;
mod clock;
mod damage;
mod enhanced_flv;
mod event;
mod ffi;
mod input;
mod later_video;
mod picture;
mod sampling;
mod streams;
mod video_file;

use std::collections::VecDeque;

use ffmpeg::{Discard, Packet, frame};
use ffmpeg_next as ffmpeg;

use crate::config::FrameFormat;
use crate::reject::{Reason, Reject};
use borders::Borders;
pub use clock::{MAX_GAP_SECONDS, MAX_REWIND_SECONDS};
pub use event::{Break, DecodeOptions, Event, EventSink, Failure, Sampled, Summary, Track};
pub use ffi::{close_on_exec, disable_huge_pages, set_pipe_size};
use input::{DecodeDamage, Received, VideoInput};
use sampling::{BorderMode, Halt, Sampling};
pub use video_file::VideoFile;

/// Packets that are read before they are decoded. They tell when the next frame starts.
const READ_AHEAD: usize = 8;

/// Rejects of one stream, before any of its frames reaches the sink. Another stream may be usable.
const ABOUT_STREAM: [Reason; 4] =
    [Reason::NoFrames, Reason::UnsupportedCodec, Reason::UnsupportedColor, Reason::FrameTooLarge];

/// Initialises FFmpeg and its error texts.
///
/// FFmpeg's own messages about damaged files are shown only if `remarks` is true. The catalog
/// records the relevant damage anyway.
pub fn init(remarks: bool) {
    // In the supported versions of FFmpeg, `init` cannot fail, and this code does not need it.
    let _ = ffmpeg::init();
    ffmpeg::util::log::set_level(if remarks {
        ffmpeg::log::Level::Verbose
    } else {
        ffmpeg::log::Level::Quiet
    });
}

/// The versions of FFmpeg's libraries that this process has loaded, in words.
pub fn library_versions() -> String {
    let libraries = [
        ("avcodec", ffmpeg::codec::version()),
        ("avformat", ffmpeg::format::version()),
        ("avutil", ffmpeg::util::version()),
        ("swscale", ffmpeg::software::scaling::version()),
    ];
    let words = libraries.map(|(name, version)| {
        // FFmpeg's form: eight bits each for minor and micro version.
        format!("{name} {}.{}.{}", version >> 16, (version >> 8) & 0xff, version & 0xff)
    });
    words.join(", ")
}

/// Decodes a video and passes each sampled frame to `sink`.
///
/// The frames of an undamaged file do not depend on the number of threads. The frames of a damaged
/// file may depend on it; the summary then reports the damage.
pub fn decode(
    file: &VideoFile,
    options: &DecodeOptions,
    sink: &mut EventSink<'_>,
) -> Result<Summary, Failure> {
    let mut first: Option<Reject> = None;
    for choice in 0.. {
        match decode_stream(file, options, choice, sink) {
            Ok(Some(summary)) => return Ok(summary),
            Ok(None) => break,
            Err(Failure::Reject(reject)) if ABOUT_STREAM.contains(&reject.reason) => {
                first.get_or_insert_with(|| explained(reject, file));
            }
            Err(failure) => return Err(failure),
        }
    }
    let none = || Reject::new(Reason::NoVideoStream, "the file has no video stream");
    Err(Failure::Reject(first.unwrap_or_else(none)))
}

/// Returns the reject of a stream, with a better reason if FFmpeg took its codec for another one.
fn explained(reject: Reject, file: &VideoFile) -> Reject {
    let misread = (reject.reason == Reason::NoFrames).then(|| enhanced_flv::codec(file.reader()));
    let Some(codec) = misread.flatten() else { return reject };
    let detail = format!(
        "the video is {codec} in enhanced FLV, which FFmpeg before 6.1 cannot read: update it, or \
         convert the file to MKV"
    );
    Reject::new(Reason::UnsupportedCodec, detail)
}

/// Decodes video stream number `choice` of a file. Returns `None` if the file has fewer.
fn decode_stream(
    file: &VideoFile,
    options: &DecodeOptions,
    choice: usize,
    sink: &mut EventSink<'_>,
) -> Result<Option<Summary>, Failure> {
    let mut mode = BorderMode::Search;
    loop {
        let Some(mut input) = VideoInput::open(file, options, choice)? else { return Ok(None) };
        match sample(&mut input, options.format, mode, sink) {
            Ok(summary) => return Ok(Some(summary)),
            Err(Halt::Failure(failure)) => return Err(failure),
            Err(Halt::Borders(found)) => {
                mode = BorderMode::Known(lasting(file, options, choice, found, sink)?);
            }
        }
    }
}

/// Decodes a video once, from its start.
fn sample(
    input: &mut VideoInput,
    format: FrameFormat,
    mode: BorderMode,
    sink: &mut EventSink<'_>,
) -> Result<Summary, Halt> {
    let mut sampling = Sampling::new(input, format, mode);
    let damage = every_frame(input, &mut TickVisitor { sampling: &mut sampling, sink })?;
    sampling.finish(&damage, sink)
}

/// Checks borders against the key frames of the whole video. Returns them if they remain.
///
/// If all frames so far were dark, it checks every frame: few key frames may be bright.
fn lasting(
    file: &VideoFile,
    options: &DecodeOptions,
    choice: usize,
    mut borders: Borders,
    sink: &mut EventSink<'_>,
) -> Result<Option<Borders>, Failure> {
    let options = DecodeOptions { threads: 1, ..*options };
    let discard = if borders.is_undecided() { Discard::Default } else { Discard::NonKey };
    if let Some(mut input) = VideoInput::open(file, &options, choice)? {
        every_frame(&mut input, &mut BorderVisitor { borders: &mut borders, discard, sink })?;
    }
    Ok(Some(borders).filter(|borders| borders.crop().is_some()))
}

/// Receives the packets and frames of a video.
trait FrameVisitor {
    type Error;
    /// A packet was read. It is decoded later.
    ///
    /// `skipped` is true if the file has damaged data before it.
    fn read(&mut self, packet: &Packet, skipped: bool) -> Result<(), Self::Error>;
    /// A packet is about to be decoded. Returns which frames the decoder may skip.
    fn discard(&mut self, packet: &Packet) -> Discard;
    /// The decoder returned an error instead of a frame.
    fn failed(&mut self) {}
    /// A frame was decoded.
    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Self::Error>;
}

/// Passes the frames at the ticks to a sink.
struct TickVisitor<'a, 'c> {
    sampling: &'a mut Sampling,
    sink: &'a mut EventSink<'c>,
}

impl FrameVisitor for TickVisitor<'_, '_> {
    type Error = Halt;

    fn read(&mut self, packet: &Packet, skipped: bool) -> Result<(), Halt> {
        self.sampling.read(packet, skipped);
        Ok((self.sink)(Event::Packet).map_err(Failure::Fatal)?)
    }

    fn discard(&mut self, packet: &Packet) -> Discard {
        if self.sampling.may_skip(packet) { Discard::NonReference } else { Discard::Default }
    }

    fn failed(&mut self) {
        self.sampling.failed();
    }

    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Halt> {
        self.sampling.push(frame, self.sink)
    }
}

/// Checks borders in all frames that it does not discard.
struct BorderVisitor<'a, 'c> {
    borders: &'a mut Borders,
    discard: Discard,
    sink: &'a mut EventSink<'c>,
}

impl FrameVisitor for BorderVisitor<'_, '_> {
    type Error = Failure;

    fn read(&mut self, _: &Packet, _: bool) -> Result<(), Failure> {
        Ok((self.sink)(Event::Packet)?)
    }

    fn discard(&mut self, _: &Packet) -> Discard {
        self.discard
    }

    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Failure> {
        self.borders.look(frame);
        Ok(())
    }
}

/// Passes every frame that the decoder does not skip to a visitor, in presentation order.
fn every_frame<V: FrameVisitor>(
    input: &mut VideoInput,
    visitor: &mut V,
) -> Result<DecodeDamage, V::Error> {
    let mut damage = DecodeDamage::default();
    let mut ahead = VecDeque::new();
    loop {
        while ahead.len() <= READ_AHEAD
            && let Some(packet) = input.next_packet(&mut damage)
        {
            visitor.read(&packet, std::mem::take(&mut damage.skipped))?;
            ahead.push_back(packet);
        }
        let Some(packet) = ahead.pop_front() else { break };
        input.decoder.skip_frame(visitor.discard(&packet));
        if input.decoder.send_packet(&packet).is_err() {
            damage.packet();
            visitor.failed();
            continue;
        }
        receive_all(input, visitor, &mut damage)?;
    }
    // An error here means that the decoder has no frames left.
    let _ = input.decoder.send_eof();
    receive_all(input, visitor, &mut damage)?;
    Ok(damage)
}

/// Passes the frames that the decoder has to a visitor.
fn receive_all<V: FrameVisitor>(
    input: &mut VideoInput,
    visitor: &mut V,
    damage: &mut DecodeDamage,
) -> Result<(), V::Error> {
    let mut frame = frame::Video::empty();
    loop {
        match input.receive(&mut frame, damage) {
            Received::Frame => visitor.frame(&mut frame)?,
            Received::Nothing => return Ok(()),
            Received::Error => {
                visitor.failed();
                return Ok(());
            }
        }
    }
}
