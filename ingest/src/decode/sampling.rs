//! From decoded frames to sampled ones: which are shown, and their conversion to RGB.

use std::collections::hash_map::{Entry, HashMap};

use ffmpeg_next::frame;

use super::source::{Damage, Source};
use super::upright::turn;
use super::{Event, Failure, Sampled, Sink, Summary, Track};
use crate::colour::Colour;
use crate::config::IngestConfig;
use crate::ffi::{Properties, Scaler, properties};
use crate::grid::Grid;
use crate::reject::Reason;

/// From decoded frames to sampled ones.
pub struct Sampling<'a> {
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
    shown: u64,
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
    pub fn new(source: &Source, config: &'a IngestConfig) -> Self {
        let (unit, per) = source.time_base;
        let fps = if source.fps > 0.0 { source.fps } else { 25.0 };
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let nominal = (f64::from(per.max(1)) / (f64::from(unit.max(1)) * fps)).round().max(1.0) as i64;
        Self {
            config,
            grid: Grid::new(config.fps, source.time_base),
            time_base: source.time_base,
            rotation: source.rotation,
            nominal,
            track: TrackSeed {
                stream: u32::try_from(source.stream).unwrap_or(u32::MAX),
                codec: source.codec.clone(),
                fps: source.fps,
            },
            known: None,
            held: None,
            scalers: HashMap::new(),
            native_frames: 0,
            shown: 0,
            first_pts: 0,
            unconverted: None,
        }
    }

    /// A decoded frame arrives; the one before is shown to the sink as often as the grid says. Takes the frame's buffers.
    pub fn push(&mut self, frame: &mut frame::Video, sink: &mut Sink<'_>) -> Result<(), Failure> {
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

    pub fn finish(mut self, damage: &Damage, sink: &mut Sink<'_>) -> Result<Summary, Failure> {
        let Some(end) = self.held.as_ref().map(|held| held.pts.saturating_add(held.duration)) else {
            let detail = format!("not one frame of its {} video could be decoded", self.track.codec);
            return Err(Failure::reject(Reason::NoFrames, detail));
        };
        let ticks = self.grid.finish(end);
        self.show(ticks, sink)?;
        let Some(track) = self.known.filter(|_| self.shown > 0) else {
            return Err(Failure::reject(Reason::NoFrames, self.unconverted.unwrap_or_default()));
        };
        let unit = f64::from(self.time_base.0) / f64::from(self.time_base.1.max(1));
        Ok(Summary {
            track,
            native_frames: self.native_frames,
            sampled: self.shown,
            seconds: end.saturating_sub(self.first_pts) as f64 * unit,
            damage: self.unconverted.or_else(|| damage.describe()),
        })
    }

    fn show(&mut self, ticks: u64, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let Some(held) = self.held.as_ref().filter(|_| ticks > 0) else { return Ok(()) };
        let Some(rgb) = convert(&mut self.scalers, &held.frame, self.rotation, self.config) else {
            let what = properties(&held.frame);
            self.unconverted.get_or_insert_with(|| format!("frames that cannot be converted to RGB: {what:?}"));
            return Ok(());
        };
        let corrupt = held.frame.is_corrupt() || held.frame.has_decode_errors();
        let Some(track) = &self.known else { return Ok(()) };
        self.shown += ticks;
        for _ in 0..ticks {
            sink(Event::Frame(track, Sampled { rgb: &rgb, pts: held.pts, native: held.native, corrupt }))?;
        }
        Ok(())
    }

    fn track_of(&self, frame: &frame::Video) -> Track {
        let found = properties(frame);
        Track {
            stream: self.track.stream,
            time_base: self.time_base,
            codec: self.track.codec.clone(),
            width: found.width.max(0).cast_unsigned(),
            height: found.height.max(0).cast_unsigned(),
            fps: self.track.fps,
            colour: Colour::of(&found),
            rotation: self.rotation,
            letterbox: 0.0,
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
