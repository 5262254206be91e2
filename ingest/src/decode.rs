//! Decoding one video to the frames that a [`Grid`](crate::grid::Grid) samples, as RGB of one size.
//!
//! Every frame is decoded, because others depend on it; only sampled ones are converted. A damaged packet costs what it
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
mod source;
mod tonemap;
mod upright;

use std::path::Path;

use ffmpeg::frame;
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
    ffmpeg::util::log::set_level(if remarks { ffmpeg::log::Level::Verbose } else { ffmpeg::log::Level::Quiet });
}

/// Decodes a video and tells `sink` of each sampled frame.
pub fn decode(path: &Path, config: &IngestConfig, sink: &mut Sink<'_>) -> Result<Summary, Failure> {
    let mut edges = Edges::Look;
    loop {
        match sample(path, config, edges, sink) {
            Ok(summary) => return Ok(summary),
            Err(Halt::Failure(failure)) => return Err(failure),
            Err(Halt::Borders(found)) => edges = Edges::Known(lasting(path, found, sink)?),
        }
    }
}

/// Decodes a video from its start.
fn sample(path: &Path, config: &IngestConfig, edges: Edges, sink: &mut Sink<'_>) -> Result<Summary, Halt> {
    let mut source = Source::open(path)?;
    let mut sampling = Sampling::new(&source, config, edges);
    let damage = every_frame(&mut source, &mut |step| match step {
        Step::Packet => Ok(sink(Event::Packet).map_err(Failure::Fatal)?),
        Step::Frame(frame) => sampling.push(frame, sink),
    })?;
    sampling.finish(&damage, sink)
}

/// What is left of borders after a look at the video's key frames.
fn lasting(path: &Path, mut borders: Borders, sink: &mut Sink<'_>) -> Result<Option<Rectangle>, Failure> {
    let mut source = Source::open(path)?;
    source.decoder.skip_frame(ffmpeg::Discard::NonKey);
    every_frame(&mut source, &mut |step| {
        match step {
            Step::Packet => sink(Event::Packet)?,
            Step::Frame(frame) => borders.look(frame),
        }
        Ok::<(), Failure>(())
    })?;
    Ok(borders.crop())
}

/// What going through a file gives.
enum Step<'a> {
    Packet,
    Frame(&'a mut frame::Video),
}

/// Hands over every packet that is read and every frame that the decoder gives, in order of presentation.
fn every_frame<E>(source: &mut Source, take: &mut dyn FnMut(Step<'_>) -> Result<(), E>) -> Result<Damage, E> {
    let mut damage = Damage::default();
    let mut frame = frame::Video::empty();
    while let Some(packet) = source.next_packet(&mut damage) {
        take(Step::Packet)?;
        if source.decoder.send_packet(&packet).is_err() {
            damage.packet();
            continue;
        }
        while source.receive(&mut frame, &mut damage) {
            take(Step::Frame(&mut frame))?;
        }
    }
    // An error here means that the decoder has nothing left.
    let _ = source.decoder.send_eof();
    while source.receive(&mut frame, &mut damage) {
        take(Step::Frame(&mut frame))?;
    }
    Ok(damage)
}
