//! Decoding one video to the frames that a [`Grid`] samples, as RGB of one size.
//!
//! Every frame is decoded, because others depend on it; only sampled ones are converted. A damaged packet costs what it
//! held, not the file. Frames come in presentation order with the time stamps that FFmpeg's players use
//! (best effort); a frame without any follows the one before by the nominal frame time. The picture is rotated upright and
//! stretched to the configured size. It may change size, format or colour in mid-stream.

use std::collections::hash_map::{Entry, HashMap};
use std::path::Path;

use ffmpeg::codec::packet::side_data;
use ffmpeg::format::context::Input;
use ffmpeg::format::stream::Disposition;
use ffmpeg::{Packet, Stream, codec, decoder, frame, media};
use ffmpeg_next as ffmpeg;
use genie_stage::stop::{Stop, Stopped};

use crate::colour::Colour;
use crate::config::IngestConfig;
use crate::ffi::{Properties, Scaler, open_input, properties};
use crate::grid::Grid;
use crate::reject::{Reason, Reject};

/// Damaged packets in a row after which the rest of a file is given up.
const MAX_DAMAGED_IN_A_ROW: u32 = 10_000;

/// What is known of a video stream once its first frame is decoded.
#[derive(Clone, Debug)]
pub struct Track {
    pub stream: u32,
    pub time_base: (i32, i32),
    pub codec: String,
    /// Native size and rate.
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub colour: Colour,
    /// Degrees clockwise by which the picture was turned.
    pub rotation: i32,
}

/// A frame that a tick of the grid shows.
pub struct Sampled<'a> {
    pub rgb: &'a [u8],
    pub pts: i64,
    /// Its number among the decoded frames, in presentation order.
    pub native: usize,
    pub corrupt: bool,
}

/// How decoding ended.
#[derive(Clone, Debug)]
pub struct Summary {
    pub track: Track,
    /// Decoded frames.
    pub native_frames: usize,
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

/// Decodes a video and hands each sampled frame to `sink`.
pub fn decode(
    path: &Path,
    config: &IngestConfig,
    stop: &Stop,
    sink: &mut dyn FnMut(&Track, Sampled<'_>) -> anyhow::Result<()>,
) -> Result<Summary, Failure> {
    let mut source = Source::open(path)?;
    let mut sampling = Sampling::new(&source, config);
    let mut damage = Damage::default();
    let mut frame = frame::Video::empty();
    while let Some(packet) = source.next_packet(&mut damage)? {
        stop.check()?;
        if source.decoder.send_packet(&packet).is_err() {
            damage.packet();
            continue;
        }
        while source.receive(&mut frame, &mut damage) {
            sampling.push(&mut frame, sink)?;
        }
    }
    // An error here means that the decoder has nothing left.
    let _ = source.decoder.send_eof();
    while source.receive(&mut frame, &mut damage) {
        sampling.push(&mut frame, sink)?;
    }
    sampling.finish(damage, sink)
}

/// Whether a file has at least one decodable frame and, if it says how long it is, lasts `seconds`. Much faster than
/// decoding it, and not the last word.
pub fn probe(path: &Path, seconds: f64) -> bool {
    let Ok(mut source) = Source::open(path) else { return false };
    let claimed = source.input.duration() as f64 / f64::from(ffmpeg::ffi::AV_TIME_BASE);
    if claimed > 0.0 && claimed < seconds {
        return false;
    }
    let mut damage = Damage::default();
    let mut frame = frame::Video::empty();
    while let Ok(Some(packet)) = source.next_packet(&mut damage) {
        if source.decoder.send_packet(&packet).is_ok() && source.receive(&mut frame, &mut damage) {
            return true;
        }
    }
    let _ = source.decoder.send_eof();
    source.receive(&mut frame, &mut damage)
}

/// An open file and the decoder of its best video stream.
struct Source {
    input: Input,
    decoder: decoder::Video,
    stream: usize,
    time_base: (i32, i32),
    codec: String,
    fps: f64,
    rotation: i32,
}

impl Source {
    fn open(path: &Path) -> Result<Self, Failure> {
        let input = open_input(path).map_err(|error| Failure::reject(Reason::Unreadable, error))?;
        let none = || Failure::reject(Reason::NoVideoStream, "no video stream but cover pictures");
        let stream = input.streams().best(media::Type::Video).ok_or_else(none)?;
        if stream.disposition().contains(Disposition::ATTACHED_PIC) {
            return Err(none());
        }
        let unsupported = |error| Failure::reject(Reason::UnsupportedCodec, error);
        let mut context = codec::Context::from_parameters(stream.parameters()).map_err(unsupported)?;
        let name = context.id().name();
        // One thread: files are decoded side by side, and damaged ones come out the same every time.
        context.set_threading(codec::threading::Config::count(1));
        let mut settings = context.decoder();
        settings.set_packet_time_base(stream.time_base());
        let rotation = rotation(&stream);
        let rate = [stream.avg_frame_rate(), stream.rate()].into_iter().find(|rate| rate.0 > 0 && rate.1 > 0);
        let (index, time_base) = (stream.index(), stream.time_base());
        let fps = rate.map_or(0.0, f64::from);
        let decoder = settings.video().map_err(unsupported)?;
        Ok(Self {
            decoder,
            stream: index,
            time_base: (time_base.0, time_base.1),
            codec: name.to_owned(),
            fps,
            rotation,
            input,
        })
    }

    /// The next packet of the stream. (ffmpeg-next's iterator takes read errors for the end of the file.)
    fn next_packet(&mut self, damage: &mut Damage) -> Result<Option<Packet>, Failure> {
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => {
                    if packet.is_corrupt() {
                        damage.count += 1;
                    }
                    return Ok(Some(packet));
                }
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return Ok(None),
                Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => {}
                Err(ffmpeg::Error::Other { errno }) => {
                    let error = std::io::Error::from_raw_os_error(errno);
                    return Err(Failure::reject(Reason::Unreadable, format!("reading failed midway: {error}")));
                }
                Err(_) => {
                    damage.packet();
                    if damage.in_a_row > MAX_DAMAGED_IN_A_ROW {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Takes the next decoded frame; `false` when the decoder needs another packet.
    fn receive(&mut self, frame: &mut frame::Video, damage: &mut Damage) -> bool {
        match self.decoder.receive_frame(frame) {
            Ok(()) => {
                damage.in_a_row = 0;
                true
            }
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => false,
            Err(_) => {
                damage.packet();
                false
            }
        }
    }
}

/// Packets and frames that could not be decoded.
#[derive(Default)]
struct Damage {
    count: u64,
    in_a_row: u32,
}

impl Damage {
    fn packet(&mut self) {
        self.count += 1;
        self.in_a_row += 1;
    }
}

/// From decoded frames to sampled ones.
struct Sampling<'a> {
    config: &'a IngestConfig,
    grid: Grid,
    time_base: (i32, i32),
    rotation: i32,
    /// Nominal time of a frame, in time-base units.
    nominal: i64,
    track: TrackSeed,
    known: Option<Track>,
    held: Option<Held>,
    scalers: HashMap<(Properties, Colour), Scaler>,
    native_frames: usize,
    first_pts: i64,
    /// First thing that could not be converted.
    unconverted: Option<String>,
}

/// The frame on the screen, until the next one comes.
struct Held {
    frame: frame::Video,
    pts: i64,
    duration: i64,
    native: usize,
}

/// What the container knows of a track.
#[derive(Clone)]
struct TrackSeed {
    stream: u32,
    codec: String,
    fps: f64,
}

impl<'a> Sampling<'a> {
    fn new(source: &Source, config: &'a IngestConfig) -> Self {
        let (unit, per) = source.time_base;
        let fps = if source.fps > 0.0 { source.fps } else { 25.0 };
        let nominal = (f64::from(per.max(1)) / (f64::from(unit.max(1)) * fps)).round().max(1.0) as i64;
        Self {
            config,
            grid: Grid::new(config.fps, source.time_base),
            time_base: source.time_base,
            rotation: source.rotation,
            nominal,
            track: TrackSeed { stream: source.stream as u32, codec: source.codec.clone(), fps: source.fps },
            known: None,
            held: None,
            scalers: HashMap::new(),
            native_frames: 0,
            first_pts: 0,
            unconverted: None,
        }
    }

    /// A decoded frame arrives; the one before is shown to the sink as often as the grid says. Takes the frame's buffers.
    fn push(
        &mut self,
        frame: &mut frame::Video,
        sink: &mut dyn FnMut(&Track, Sampled<'_>) -> anyhow::Result<()>,
    ) -> Result<(), Failure> {
        let guess = self.held.as_ref().map_or(0, |held| held.pts.saturating_add(held.duration));
        let pts = frame.timestamp().or(frame.pts()).unwrap_or(guess);
        let duration = Some(frame.packet().duration).filter(|&duration| duration > 0).unwrap_or(self.nominal);
        let ticks = self.grid.advance(pts);
        self.show(ticks, sink)?;
        if self.known.is_none() {
            self.first_pts = pts;
            self.known = Some(self.track_of(frame));
        }
        let taken = std::mem::replace(frame, frame::Video::empty());
        self.held = Some(Held { frame: taken, pts, duration, native: self.native_frames });
        self.native_frames += 1;
        Ok(())
    }

    fn finish(
        mut self,
        damage: Damage,
        sink: &mut dyn FnMut(&Track, Sampled<'_>) -> anyhow::Result<()>,
    ) -> Result<Summary, Failure> {
        let Some(end) = self.held.as_ref().map(|held| held.pts.saturating_add(held.duration)) else {
            let detail = format!("not one frame of its {} video could be decoded", self.track.codec);
            return Err(Failure::reject(Reason::NoFrames, detail));
        };
        let ticks = self.grid.finish(end);
        self.show(ticks, sink)?;
        let Some(track) = self.known else {
            return Err(Failure::reject(Reason::NoFrames, "no frame"));
        };
        let unit = f64::from(self.time_base.0) / f64::from(self.time_base.1.max(1));
        let broken = (damage.count > 0).then(|| format!("{} packets or frames were damaged", damage.count));
        Ok(Summary {
            track,
            native_frames: self.native_frames,
            seconds: end.saturating_sub(self.first_pts) as f64 * unit,
            damage: self.unconverted.or(broken),
        })
    }

    fn show(
        &mut self,
        ticks: u64,
        sink: &mut dyn FnMut(&Track, Sampled<'_>) -> anyhow::Result<()>,
    ) -> Result<(), Failure> {
        let Some(held) = self.held.as_ref().filter(|_| ticks > 0) else { return Ok(()) };
        let Some(rgb) = convert(&mut self.scalers, &held.frame, self.rotation, self.config) else {
            let what = properties(&held.frame);
            self.unconverted.get_or_insert_with(|| format!("frames that cannot be converted to RGB: {what:?}"));
            return Ok(());
        };
        let corrupt = held.frame.is_corrupt() || held.frame.has_decode_errors();
        let Some(track) = &self.known else { return Ok(()) };
        for _ in 0..ticks {
            sink(track, Sampled { rgb: &rgb, pts: held.pts, native: held.native, corrupt })?;
        }
        Ok(())
    }

    fn track_of(&self, frame: &frame::Video) -> Track {
        let found = properties(frame);
        Track {
            stream: self.track.stream,
            time_base: self.time_base,
            codec: self.track.codec.clone(),
            width: found.width.max(0) as u32,
            height: found.height.max(0) as u32,
            fps: self.track.fps,
            colour: Colour::of(&found),
            rotation: self.rotation,
        }
    }
}

/// A frame, upright, as RGB of the configured size.
fn convert(
    scalers: &mut HashMap<(Properties, Colour), Scaler>,
    frame: &frame::Video,
    rotation: i32,
    config: &IngestConfig,
) -> Option<Vec<u8>> {
    let found = properties(frame);
    let colour = Colour::of(&found);
    let lying = rotation % 180 != 0;
    let (width, height) = if lying { (config.height, config.width) } else { (config.width, config.height) };
    // A handful of kinds of frame a file; a hostile one must not grow this without bound.
    if scalers.len() > 16 {
        scalers.clear();
    }
    let scaler = match scalers.entry((found, colour)) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let (matrix, full_range) = (place.key().1.sws_matrix, place.key().1.full_range);
            place.insert(Scaler::new(found, matrix, full_range, width, height)?)
        }
    };
    let rgb = scaler.rgb24(frame)?;
    Some(turn(rgb, width as usize, height as usize, rotation))
}

/// Turns a picture of `width`×`height` RGB pixels clockwise by a multiple of 90 degrees.
fn turn(rgb: Vec<u8>, width: usize, height: usize, degrees: i32) -> Vec<u8> {
    let pixel = |x: usize, y: usize| (y * width + x) * 3;
    let from: Box<dyn Fn(usize, usize) -> usize> = match degrees {
        90 => Box::new(|x, y| pixel(y, height - 1 - x)),
        180 => Box::new(|x, y| pixel(width - 1 - x, height - 1 - y)),
        270 => Box::new(|x, y| pixel(width - 1 - y, x)),
        _ => return rgb,
    };
    let (out_width, out_height) = if degrees == 180 { (width, height) } else { (height, width) };
    let mut turned = Vec::with_capacity(rgb.len());
    for y in 0..out_height {
        for x in 0..out_width {
            let at = from(x, y);
            turned.extend_from_slice(&rgb[at..at + 3]);
        }
    }
    turned
}

/// Degrees clockwise by which the stream's display matrix turns the picture, to the nearest quarter. Mirroring is ignored.
fn rotation(stream: &Stream<'_>) -> i32 {
    let matrix = stream.side_data().find(|data| data.kind() == side_data::Type::DisplayMatrix);
    matrix.map_or(0, |matrix| quarter_turns(matrix.data()) * 90)
}

/// Quarters of a turn clockwise, 0 to 3, from the nine 16.16 fixed-point numbers of a display matrix.
fn quarter_turns(matrix: &[u8]) -> i32 {
    let number = |index: usize| {
        matrix
            .get(4 * index..4 * index + 4)
            .map_or(0.0, |bytes| f64::from(i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
    };
    let across = number(0).hypot(number(3));
    let down = number(1).hypot(number(4));
    if across == 0.0 || down == 0.0 {
        return 0;
    }
    let degrees = (number(1) / down).atan2(number(0) / across).to_degrees();
    ((degrees / 90.0).round() as i32).rem_euclid(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch a quarter turn the wrong way round.
    #[test]
    fn pictures_turn_clockwise() {
        let pixels = |values: &[u8]| values.iter().flat_map(|&value| [value; 3]).collect::<Vec<u8>>();
        // 1 2 3
        // 4 5 6
        let picture = pixels(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(turn(picture.clone(), 3, 2, 90), pixels(&[4, 1, 5, 2, 6, 3]));
        assert_eq!(turn(picture.clone(), 3, 2, 180), pixels(&[6, 5, 4, 3, 2, 1]));
        assert_eq!(turn(picture.clone(), 3, 2, 270), pixels(&[3, 6, 2, 5, 1, 4]));
        assert_eq!(turn(picture.clone(), 3, 2, 0), picture);
    }

    /// Would catch a matrix read as its transpose: phones held the usual way would come out upside down.
    #[test]
    fn display_matrices_are_quarter_turns() {
        let matrix = |a: i32, b: i32, c: i32, d: i32| {
            let one = 1 << 16;
            [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30].map(i32::to_ne_bytes).concat()
        };
        assert_eq!(quarter_turns(&matrix(1, 0, 0, 1)), 0);
        assert_eq!(quarter_turns(&matrix(0, 1, -1, 0)), 1);
        assert_eq!(quarter_turns(&matrix(-1, 0, 0, -1)), 2);
        assert_eq!(quarter_turns(&matrix(0, -1, 1, 0)), 3);
        assert_eq!(quarter_turns(&[]), 0);
    }
}
