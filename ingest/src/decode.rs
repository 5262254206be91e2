//! Decoding one video to the frames that a [`Grid`](crate::grid::Grid) samples, as RGB of one size.
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
mod convert;
mod sampling;
mod skip;
mod source;
mod tonemap;
mod upright;

use std::collections::VecDeque;
use std::path::Path;

use ffmpeg::{Discard, Packet, frame};
use ffmpeg_next as ffmpeg;
use genie_stage::stop::Stopped;
use serde::{Deserialize, Serialize};

use crate::colour::Colour;
use crate::config::IngestConfig;
use crate::layout::Rectangle;
use crate::reject::{Reason, Reject};
use borders::Borders;
use sampling::{Edges, Halt, Sampling};
use source::{Damage, Source};

/// Packets that are read before they are decoded: what a viewer knows of the time until the next frame.
const READ_AHEAD: usize = 8;

/// What is known of a video stream once its first frame is decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    pub stream: u32,
    pub time_base: (i32, i32),
    pub codec: String,
    /// Native size and rate.
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub colour: Colour,
    /// Degrees clockwise by which the picture was turned, after it was mirrored left to right, if it was.
    pub rotation: i32,
    pub mirrored: bool,
    /// Width by height of a sample.
    pub sample_aspect: (i32, i32),
    /// What was left of the native picture (as coded, not turned) without its borders.
    pub crop: Option<Rectangle>,
    /// Share of the picture's area that was border, 0 to 1; 0 where nobody looked.
    pub letterbox: f64,
    /// What was done to the picture that somebody might want to know of, in words.
    pub notes: Vec<String>,
}

/// A frame that a tick of the grid shows.
pub struct Sampled<'a> {
    pub rgb: &'a [u8],
    pub pts: i64,
    /// Its number among the decoded frames, in presentation order.
    pub native: usize,
    pub corrupt: bool,
}

/// What decoding tells as it goes.
pub enum Event<'a> {
    /// A sampled frame.
    Frame(&'a Track, Sampled<'a>),
    /// A packet was read: a sign of life where frames are few.
    Packet,
}

/// Who is told. Its errors end the run.
pub type Sink<'a> = dyn FnMut(Event<'_>) -> anyhow::Result<()> + 'a;

/// How decoding ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub track: Track,
    /// Decoded frames.
    pub native_frames: usize,
    /// Sampled frames.
    pub sampled: u64,
    /// From the first frame's start to the last one's end.
    pub seconds: f64,
    /// What went wrong on the way, if anything.
    pub damage: Option<String>,
}

/// Why decoding did not end.
#[derive(Debug)]
pub enum Failure {
    /// The file's fault.
    Reject(Reject),
    /// Anything else: the run cannot go on.
    Fatal(anyhow::Error),
}

impl Failure {
    fn reject(reason: Reason, detail: impl std::fmt::Display) -> Self {
        Self::Reject(Reject::new(reason, detail))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self::Fatal(stopped.into())
    }
}

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
    config: &IngestConfig,
    threads: usize,
    sink: &mut Sink<'_>,
) -> Result<Summary, Failure> {
    let mut edges = Edges::Look;
    loop {
        match sample(path, config, threads, edges, sink) {
            Ok(summary) => return Ok(summary),
            Err(Halt::Failure(failure)) => return Err(failure),
            Err(Halt::Borders(found)) => edges = Edges::Known(lasting(path, found, sink)?),
        }
    }
}

/// Decodes a video from its start.
fn sample(
    path: &Path,
    config: &IngestConfig,
    threads: usize,
    edges: Edges,
    sink: &mut Sink<'_>,
) -> Result<Summary, Halt> {
    let mut source = Source::open(path, threads)?;
    let mut sampling = Sampling::new(&source, config, edges);
    let damage = every_frame(&mut source, &mut Ticks { sampling: &mut sampling, sink })?;
    sampling.finish(&damage, sink)
}

/// What is left of borders after a look at the video's key frames.
fn lasting(
    path: &Path,
    mut borders: Borders,
    sink: &mut Sink<'_>,
) -> Result<Option<Rectangle>, Failure> {
    let mut source = Source::open(path, 1)?;
    every_frame(&mut source, &mut KeyFrames { borders: &mut borders, sink })?;
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
struct Ticks<'a, 'b, 'c> {
    sampling: &'a mut Sampling<'b>,
    sink: &'a mut Sink<'c>,
}

impl Viewer for Ticks<'_, '_, '_> {
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
    sink: &'a mut Sink<'c>,
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
fn every_frame<V: Viewer>(source: &mut Source, viewer: &mut V) -> Result<Damage, V::Error> {
    let mut damage = Damage::default();
    let mut frame = frame::Video::empty();
    let mut ahead = VecDeque::new();
    loop {
        while ahead.len() <= READ_AHEAD
            && let Some(packet) = source.next_packet(&mut damage)
        {
            viewer.read(&packet)?;
            ahead.push_back(packet);
        }
        let Some(packet) = ahead.pop_front() else { break };
        source.decoder.skip_frame(viewer.leave_out(&packet));
        if source.decoder.send_packet(&packet).is_err() {
            damage.packet();
            continue;
        }
        while source.receive(&mut frame, &mut damage) {
            viewer.frame(&mut frame)?;
        }
    }
    // An error here means that the decoder has nothing left.
    let _ = source.decoder.send_eof();
    while source.receive(&mut frame, &mut damage) {
        viewer.frame(&mut frame)?;
    }
    Ok(damage)
}
