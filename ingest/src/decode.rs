//! Decoding one video to the frames that a [`TickClock`](clock::TickClock) samples, as RGB of one size.
//!
//! Every frame is decoded that others depend on or that is sampled ([`skip`]); only sampled ones are converted. A damaged packet costs what it
//! held, not the file. Frames come in presentation order with the time stamps that FFmpeg's players use
//! (best effort); a frame without any follows the one before by the nominal frame time. The picture is rotated upright and
//! fitted to the configured size. It may change size, format or colour in mid-stream.
//!
//! Borders ([`borders`]) are looked for in the first sampled frames, which are held back so long. A video that seems to
//! have them (and only such a one) is read again: once for its key frames alone, because a border must last, and then
//! from the start with the crop that is left.

mod borders;
mod clock;
mod colour;
mod convert;
mod event;
mod ffi;
mod input;
mod layout;
mod sampling;
mod skip;
mod tonemap;
mod upright;
mod view;

use std::collections::VecDeque;
use std::path::Path;

use ffmpeg::{Discard, Packet, frame};
use ffmpeg_next as ffmpeg;

use crate::config::FrameFormat;
use borders::Borders;
pub use event::{Event, EventSink, Failure, Sampled, Summary, Track};
use input::{Damage, VideoInput};
use sampling::{Edges, Halt, Sampling};
use view::Rectangle;

/// Packets that are read before they are decoded: what a viewer knows of the time until the next frame.
const READ_AHEAD: usize = 8;

/// Makes FFmpeg ready: with words for its errors, and its own remarks on damaged files to itself unless they are asked
/// for (what matters of them is in the catalog).
pub fn init(remarks: bool) {
    // It fails in no version that this builds against, and nothing here depends on it.
    let _ = ffmpeg::init();
    ffmpeg::util::log::set_level(if remarks {
        ffmpeg::log::Level::Verbose
    } else {
        ffmpeg::log::Level::Quiet
    });
}

/// Decodes a video, with so many of FFmpeg's threads, and tells `sink` of each sampled frame. What comes out of a sound file does
/// not depend on the threads; of a damaged one it may, and then the summary says that it is damaged.
pub fn decode(
    path: &Path,
    format: FrameFormat,
    threads: usize,
    sink: &mut EventSink<'_>,
) -> Result<Summary, Failure> {
    let mut edges = Edges::Look;
    loop {
        match sample(path, format, threads, edges, sink) {
            Ok(summary) => return Ok(summary),
            Err(Halt::Failure(failure)) => return Err(failure),
            Err(Halt::Borders(found)) => edges = Edges::Known(lasting(path, found, sink)?),
        }
    }
}

/// Decodes a video from its start.
fn sample(
    path: &Path,
    format: FrameFormat,
    threads: usize,
    edges: Edges,
    sink: &mut EventSink<'_>,
) -> Result<Summary, Halt> {
    let mut input = VideoInput::open(path, threads)?;
    let mut sampling = Sampling::new(&input, format, edges);
    let damage = every_frame(&mut input, &mut Ticks { sampling: &mut sampling, sink })?;
    sampling.finish(&damage, sink)
}

/// What is left of borders after a look at the video's key frames.
fn lasting(
    path: &Path,
    mut borders: Borders,
    sink: &mut EventSink<'_>,
) -> Result<Option<Rectangle>, Failure> {
    let mut input = VideoInput::open(path, 1)?;
    every_frame(&mut input, &mut KeyFrames { borders: &mut borders, sink })?;
    Ok(borders.crop())
}

/// Who is interested in a video's frames.
trait Viewer {
    type Error;
    /// A packet was read, some time before it is decoded.
    fn read(&mut self, packet: &Packet) -> Result<(), Self::Error>;
    /// A packet is about to be decoded: which frames the decoder may leave out.
    fn leave_out(&mut self, packet: &Packet) -> Discard;
    /// A frame was decoded.
    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Self::Error>;
}

/// Interested in what is on the screen at the ticks.
struct Ticks<'a, 'c> {
    sampling: &'a mut Sampling,
    sink: &'a mut EventSink<'c>,
}

impl Viewer for Ticks<'_, '_> {
    type Error = Halt;

    fn read(&mut self, packet: &Packet) -> Result<(), Halt> {
        self.sampling.read(packet);
        Ok((self.sink)(Event::Packet).map_err(Failure::Fatal)?)
    }

    fn leave_out(&mut self, packet: &Packet) -> Discard {
        if self.sampling.may_leave_out(packet) { Discard::NonReference } else { Discard::Default }
    }

    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Halt> {
        self.sampling.push(frame, self.sink)
    }
}

/// Interested in borders, which last.
struct KeyFrames<'a, 'c> {
    borders: &'a mut Borders,
    sink: &'a mut EventSink<'c>,
}

impl Viewer for KeyFrames<'_, '_> {
    type Error = Failure;

    fn read(&mut self, _: &Packet) -> Result<(), Failure> {
        Ok((self.sink)(Event::Packet)?)
    }

    fn leave_out(&mut self, _: &Packet) -> Discard {
        Discard::NonKey
    }

    fn frame(&mut self, frame: &mut frame::Video) -> Result<(), Failure> {
        self.borders.look(frame);
        Ok(())
    }
}

/// Shows a viewer every frame that it does not let the decoder leave out, in order of presentation.
fn every_frame<V: Viewer>(input: &mut VideoInput, viewer: &mut V) -> Result<Damage, V::Error> {
    let mut damage = Damage::default();
    let mut frame = frame::Video::empty();
    let mut ahead = VecDeque::new();
    loop {
        while ahead.len() <= READ_AHEAD
            && let Some(packet) = input.next_packet(&mut damage)
        {
            viewer.read(&packet)?;
            ahead.push_back(packet);
        }
        let Some(packet) = ahead.pop_front() else { break };
        input.decoder.skip_frame(viewer.leave_out(&packet));
        if input.decoder.send_packet(&packet).is_err() {
            damage.packet();
            continue;
        }
        while input.receive(&mut frame, &mut damage) {
            viewer.frame(&mut frame)?;
        }
    }
    // An error here means that the decoder has nothing left.
    let _ = input.decoder.send_eof();
    while input.receive(&mut frame, &mut damage) {
        viewer.frame(&mut frame)?;
    }
    Ok(damage)
}
