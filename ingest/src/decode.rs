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
//! reads the key frames of the whole file, because a border must be present in most of them. The
//! third pass decodes from the start, with the crop that remains. It examines every sampled frame,
//! because a file may have few key frames. The crop ends where a frame contradicts it.
//!
//! Of several video streams, the best one is decoded ([`containers::streams`]). If it contains no
//! frame, the next one is decoded.

mod borders;
mod clock;
mod containers;
mod damage;
mod event;
mod ffi;
mod input;
mod lasting_borders;
mod passes;
mod picture;
mod sampling;
mod video_file;

use ffmpeg::{Discard, Packet, frame};
use ffmpeg_next as ffmpeg;

use crate::config::FrameFormat;
use crate::reject::{Reason, Reject};
use borders::Borders;
pub use clock::{MAX_GAP_SECONDS, MAX_REWIND_SECONDS};
use containers::enhanced_flv;
use damage::is_silent;
pub use event::{Break, DecodeOptions, Event, EventSink, Failure, Sampled, Summary, Track};
pub use ffi::{close_on_exec, disable_huge_pages, return_freed_memory, set_pipe_size};
use input::VideoInput;
use passes::{FrameVisitor, every_frame, lasting, silent_losses};
use sampling::{BorderMode, Halt, RemainTest, Sampling};
pub use video_file::VideoFile;

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
    let open = || VideoInput::open(file, options, choice);
    let Some(mut input) = open()? else { return Ok(None) };
    let mut lost_after = Vec::new();
    if is_silent(&input.codec) {
        lost_after = silent_losses(&mut input, file, options, choice, sink)?;
        let Some(again) = open()? else { return Ok(None) };
        input = again;
    }
    let remain = |borders: &Borders, from: i64, sink: &mut EventSink<'_>| {
        passes::remain(file, options, choice, (borders, from), sink)
    };
    let mut mode = BorderMode::Search;
    loop {
        input.lost_after.clone_from(&lost_after);
        match sample(&mut input, options.format, mode, &remain, sink) {
            Ok(summary) => return Ok(Some(summary)),
            Err(Halt::Failure(failure)) => return Err(failure),
            Err(Halt::Borders(found)) => {
                mode = BorderMode::Known(lasting(file, options, choice, found, sink)?);
            }
        }
        let Some(again) = open()? else { return Ok(None) };
        input = again;
    }
}

/// Decodes a video once, from its start.
fn sample(
    input: &mut VideoInput,
    format: FrameFormat,
    mode: BorderMode,
    remain: &RemainTest<'_>,
    sink: &mut EventSink<'_>,
) -> Result<Summary, Halt> {
    let mut sampling = Sampling::new(input, format, mode, remain);
    let damage = every_frame(input, &mut TickVisitor { sampling: &mut sampling, sink })?;
    sampling.finish(&damage, sink)
}

/// Passes the frames at the ticks to a sink.
struct TickVisitor<'a, 'b, 'c> {
    sampling: &'a mut Sampling<'b>,
    sink: &'a mut EventSink<'c>,
}

impl FrameVisitor for TickVisitor<'_, '_, '_> {
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
