//! From decoded frames to sampled ones: which are shown, and whether they have borders.

use ffmpeg_next::{Packet, frame};

use super::borders::{Borders, share};
use super::clock::TickClock;
use super::colour::{Colour, Conversion};
use super::convert::{Converter, Presentation};
use super::event::{Event, EventSink, Failure, Sampled, Summary, Track};
use super::ffi::{has_alpha, is_hidden, properties};
use super::input::{Damage, VideoInput};
use super::skip::{Skips, Timing};
use super::view::{Properties, Rectangle};
use crate::config::{Aspect, FrameFormat};
use crate::reject::Reason;

/// Sampled frames that are looked at for borders, and bytes of them that are held back meanwhile.
const LOOK_FRAMES: usize = 64;
const LOOK_BYTES: usize = 32 << 20;

/// Why sampling breaks off.
pub enum Halt {
    Failure(Failure),
    /// Borders were found before any frame had reached the sink.
    Borders(Borders),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// From decoded frames to sampled ones.
pub struct Sampling {
    clock: TickClock,
    time_base: (i32, i32),
    /// Nominal time of a frame, in time-base units.
    nominal: i64,
    track: TrackSeed,
    known: Option<Track>,
    crop: Option<Rectangle>,
    held: Option<Held>,
    converter: Converter,
    look: Option<Look>,
    skips: Skips,
    /// When the last frame ends, decoded or left out.
    end: i64,
    native_frames: usize,
    /// Decoded frames that are marked as damaged.
    corrupt: u64,
    shown: u64,
    /// First thing that could not be converted.
    unconverted: Option<String>,
}

/// The frame on the screen, until the next one comes.
struct Held {
    frame: frame::Video,
    pts: i64,
    native: usize,
}

/// What the container knows of a track.
struct TrackSeed {
    stream: u32,
    codec: String,
    fps: f64,
    presentation: Presentation,
}

/// Frames held back until it is known whether there are borders.
#[derive(Default)]
struct Look {
    /// `None` before the first frame.
    borders: Option<Borders>,
    back: Vec<Shown>,
}

/// A converted frame and how often it is shown.
struct Shown {
    rgb: Vec<u8>,
    pts: i64,
    native: usize,
    corrupt: bool,
    ticks: u64,
}

/// Whether sampling looks for borders, or knows them.
#[derive(Clone, Copy, Debug)]
pub enum Edges {
    Look,
    Known(Option<Rectangle>),
}

impl Sampling {
    pub fn new(input: &VideoInput, format: FrameFormat, edges: Edges) -> Self {
        let (unit, per) = input.time_base;
        let fps = if input.fps > 0.0 { input.fps } else { 25.0 };
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let nominal =
            (f64::from(per.max(1)) / (f64::from(unit.max(1)) * fps)).round().max(1.0) as i64;
        let (look, crop) = match edges {
            Edges::Look => ((format.aspect == Aspect::Crop).then(Look::default), None),
            Edges::Known(crop) => (None, crop),
        };
        Self {
            clock: TickClock::new(format.fps, input.time_base),
            time_base: input.time_base,
            nominal,
            track: TrackSeed {
                stream: u32::try_from(input.stream).unwrap_or(u32::MAX),
                codec: input.codec.clone(),
                fps: input.fps,
                presentation: input.presentation,
            },
            known: None,
            crop,
            held: None,
            converter: Converter::new(format, input.presentation),
            look,
            skips: Skips::new(&input.codec),
            end: 0,
            native_frames: 0,
            corrupt: 0,
            shown: 0,
            unconverted: None,
        }
    }

    /// A packet was read.
    pub fn read(&mut self, packet: &Packet) {
        self.skips.read(timing(packet), &self.clock);
    }

    /// A packet is about to be decoded. Whether the decoder may leave it out, if no other frame refers to it.
    pub fn may_leave_out(&mut self, packet: &Packet) -> bool {
        self.skips.may_leave_out(timing(packet), &self.clock)
    }

    /// A decoded frame arrives; the one before is shown to the sink as often as the clock says. Takes the frame's buffers.
    pub fn push(&mut self, frame: &mut frame::Video, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let pts = frame.timestamp().or(frame.pts()).unwrap_or(self.end);
        for (pts, duration) in self.skips.frame(frame.pts(), pts) {
            self.advance(pts, duration, sink)?;
        }
        if frame.is_corrupt() || frame.has_decode_errors() {
            self.corrupt += 1;
            self.skips.end();
        }
        let duration = frame.packet().duration;
        let native = self.native_frames;
        self.advance(pts, duration, sink)?;
        if self.known.is_none() {
            self.known = Some(self.track_of(frame));
        }
        let taken = std::mem::replace(frame, frame::Video::empty());
        self.held = Some(Held { frame: taken, pts, native });
        Ok(())
    }

    /// A frame is presented at `pts`, for `duration` if that is known.
    fn advance(&mut self, pts: i64, duration: i64, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let ticks = self.clock.advance(pts, self.end);
        self.show(ticks, sink)?;
        self.end = pts.saturating_add(if duration > 0 { duration } else { self.nominal });
        self.native_frames += 1;
        Ok(())
    }

    pub fn finish(mut self, damage: &Damage, sink: &mut EventSink<'_>) -> Result<Summary, Halt> {
        if self.held.is_none() {
            let detail =
                format!("not one frame of its {} video could be decoded", self.track.codec);
            return Err(Failure::reject(Reason::NoFrames, detail).into());
        }
        let end = self.end;
        let ticks = self.clock.finish(end);
        self.show(ticks, sink)?;
        self.decide(sink)?;
        let Some(track) = self.known.filter(|_| self.shown > 0) else {
            return Err(
                Failure::reject(Reason::NoFrames, self.unconverted.unwrap_or_default()).into()
            );
        };
        let unit = f64::from(self.time_base.0) / f64::from(self.time_base.1.max(1));
        Ok(Summary {
            track,
            native_frames: self.native_frames,
            sampled: self.shown,
            seconds: self.clock.elapsed(end) as f64 * unit,
            damage: self.unconverted.or_else(|| damage.describe(self.corrupt)),
        })
    }

    fn show(&mut self, ticks: u64, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(held) = self.held.as_ref().filter(|_| ticks > 0) else { return Ok(()) };
        let Some(rgb) = self.converter.rgb(&held.frame) else {
            let what = properties(&held.frame);
            self.unconverted
                .get_or_insert_with(|| format!("frames that cannot be converted to RGB: {what:?}"));
            return Ok(());
        };
        let corrupt = held.frame.is_corrupt() || held.frame.has_decode_errors();
        let shown = Shown { rgb, pts: held.pts, native: held.native, corrupt, ticks };
        let Some(look) = &mut self.look else { return self.give(&shown, sink) };
        if look.borders.is_none() {
            look.borders = Borders::new(&held.frame);
        }
        if let Some(borders) = &mut look.borders {
            borders.look(&held.frame);
        }
        let frame_bytes = shown.rgb.len();
        look.back.push(shown);
        let enough = look.back.len() >= LOOK_FRAMES || look.back.len() * frame_bytes >= LOOK_BYTES;
        if enough || look.borders.as_ref().is_none_or(Borders::hopeless) {
            self.decide(sink)
        } else {
            Ok(())
        }
    }

    /// Ends looking for borders, one way or the other.
    fn decide(&mut self, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(look) = self.look.take() else { return Ok(()) };
        if let Some(borders) = look.borders.filter(|borders| borders.crop().is_some()) {
            return Err(Halt::Borders(borders));
        }
        look.back.iter().try_for_each(|shown| self.give(shown, sink))
    }

    fn give(&mut self, shown: &Shown, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(track) = &self.known else { return Ok(()) };
        self.shown += shown.ticks;
        for _ in 0..shown.ticks {
            let frame = Sampled {
                rgb: &shown.rgb,
                pts: shown.pts,
                native: shown.native,
                corrupt: shown.corrupt,
            };
            sink(Event::Frame(track, frame)).map_err(Failure::Fatal)?;
        }
        Ok(())
    }

    /// What is known of the track with its first frame; the crop is for frames of that one's size.
    fn track_of(&mut self, frame: &frame::Video) -> Track {
        let presentation = self.track.presentation;
        let found = presentation.properties(frame);
        let (width, height) =
            (found.width.max(0).cast_unsigned(), found.height.max(0).cast_unsigned());
        if let Some(crop) = self.crop {
            self.converter.crop((width, height), crop);
        }
        Track {
            stream: self.track.stream,
            time_base: self.time_base,
            codec: self.track.codec.clone(),
            width,
            height,
            fps: self.track.fps,
            colour: Colour::of(&found),
            rotation: presentation.orientation.degrees(),
            mirrored: presentation.orientation.mirrored,
            sample_aspect: presentation.sample_aspect,
            crop: self.crop,
            letterbox: share(self.crop.as_ref(), width, height),
            notes: notes(&found, frame),
        }
    }
}

/// What is done to pictures like this one that somebody might want to know of.
fn notes(found: &Properties, frame: &frame::Video) -> Vec<String> {
    let hdr = Conversion::of(found)
        .hdr
        .map(|_| format!("HDR ({}) is mapped to SDR", Colour::of(found).transfer));
    let interlaced =
        frame.is_interlaced().then(|| "of interlaced frames the first field is shown".to_owned());
    let alpha = has_alpha(found.pixel_format).then(|| "its alpha channel is dropped".to_owned());
    [hdr, interlaced, alpha].into_iter().flatten().collect()
}

fn timing(packet: &Packet) -> Timing {
    Timing { pts: packet.pts(), duration: packet.duration(), hidden: is_hidden(packet) }
}
