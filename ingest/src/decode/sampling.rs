//! Selects the sampled frames among the decoded ones and searches them for borders.

use ffmpeg_next::{Packet, frame};

use super::borders::{Borders, share};
use super::clock::{BreakFinder, FrameSteps, Skips, TickClock, Timing};
use super::colour::{Colour, Conversion};
use super::convert::{Converter, Presentation};
use super::damage::{DecodedFrame, FrameState, LossTracker};
use super::event::{Break, Event, EventSink, Failure, Sampled, Summary, Track};
use super::ffi::{has_alpha, is_hidden, properties};
use super::input::{DecodeDamage, VideoInput};
use super::view::{Properties, Rectangle};
use crate::config::{Aspect, FrameFormat};
use crate::reject::Reason;

/// Largest number of sampled frames that the border search holds back.
const SEARCH_FRAMES: usize = 64;
/// Largest number of bytes of these frames.
const SEARCH_BYTES: usize = 32 << 20;

/// Why sampling stops early.
pub enum Halt {
    Failure(Failure),
    /// The search found borders before any frame reached the sink.
    Borders(Borders),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Selects the sampled frames of one video.
pub struct Sampling {
    clock: TickClock,
    time_base: (i32, i32),
    breaks: BreakFinder,
    losses: LossTracker,
    track: TrackSeed,
    known: Option<Track>,
    crop: Option<Rectangle>,
    current: Option<CurrentFrame>,
    converter: Converter,
    search: Option<BorderSearch>,
    skips: Skips,
    /// End of the last frame, decoded or skipped.
    end: i64,
    /// The last frame is damaged, or depends on lost data.
    was_corrupt: bool,
    native_frames: usize,
    /// Number of decoded frames that are damaged or depend on lost data.
    corrupt: u64,
    shown: u64,
    /// The first frame kind that could not be converted.
    unconverted: Option<String>,
}

/// The frame on the screen until the next one comes.
struct CurrentFrame {
    frame: frame::Video,
    pts: i64,
    native: usize,
    corrupt: bool,
    before: Break,
}

/// Properties of a track that the container contains.
struct TrackSeed {
    stream: u32,
    codec: String,
    /// The rates that the container states, in frames per second; the first one counts.
    rates: Vec<f64>,
    rate_is_guess: bool,
    presentation: Presentation,
}

/// Frames that are current back until the border search ends.
#[derive(Default)]
struct BorderSearch {
    /// `None` before the first frame.
    borders: Option<Borders>,
    back: Vec<ConvertedFrame>,
}

/// A converted frame, and the number of ticks that show it.
struct ConvertedFrame {
    rgb: Vec<u8>,
    pts: i64,
    native: usize,
    corrupt: bool,
    before: Break,
    ticks: u64,
}

/// Whether sampling searches for borders or already knows the crop.
#[derive(Clone, Copy, Debug)]
pub enum BorderMode {
    Search,
    Known(Option<Rectangle>),
}

impl Sampling {
    pub fn new(input: &VideoInput, format: FrameFormat, mode: BorderMode) -> Self {
        let (search, crop) = match mode {
            BorderMode::Search => {
                ((format.aspect == Aspect::Crop).then(BorderSearch::default), None)
            }
            BorderMode::Known(crop) => (None, crop),
        };
        Self {
            clock: TickClock::new(format.rate, input.time_base),
            time_base: input.time_base,
            breaks: BreakFinder::new(
                FrameSteps::new(input.time_base, &input.rates),
                input.joins.iter().map(|&seconds| input.units(seconds)).collect(),
            ),
            losses: LossTracker::new(&input.codec, &input.extradata, input.units(1.0)),
            track: TrackSeed {
                stream: u32::try_from(input.stream).unwrap_or(u32::MAX),
                codec: input.codec.clone(),
                rates: input.rates.clone(),
                rate_is_guess: input.rate_is_guess,
                presentation: input.presentation,
            },
            known: None,
            crop,
            current: None,
            converter: Converter::new(format, input.presentation),
            search,
            skips: Skips::new(&input.codec),
            end: 0,
            was_corrupt: false,
            native_frames: 0,
            corrupt: 0,
            shown: 0,
            unconverted: None,
        }
    }

    /// Records a packet that was read. `skipped` is true if the file has damaged data before it.
    pub fn read(&mut self, packet: &Packet, skipped: bool) {
        self.skips.read(timing(packet), &self.clock);
        if skipped {
            self.losses.skipped();
        }
        self.losses.packet(packet.pts(), packet.data().unwrap_or_default(), packet.is_corrupt());
    }

    /// Returns whether the decoder may skip a packet, if no other frame refers to it.
    pub fn may_skip(&mut self, packet: &Packet) -> bool {
        let may_skip = self.skips.may_skip(timing(packet), &self.clock);
        if may_skip {
            self.losses.unneeded(packet.pts());
        }
        may_skip
    }

    /// Records that the decoder returned an error instead of a frame.
    pub fn failed(&mut self) {
        self.losses.failed();
    }

    /// Takes a decoded frame and its buffers. Passes the previous frame to the sink once per tick.
    pub fn push(&mut self, frame: &mut frame::Video, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let pts = frame.timestamp().or(frame.pts()).unwrap_or(self.end);
        for (pts, duration) in self.skips.frame(frame.pts(), pts) {
            self.advance(pts, duration, sink)?;
        }
        let FrameState { corrupt, interrupted } = self.losses.frame(DecodedFrame {
            pts: frame.pts(),
            is_key: frame.is_key(),
            is_marked: frame.is_corrupt() || frame.has_decode_errors(),
        });
        if corrupt {
            self.corrupt += 1;
            self.skips.end();
        }
        let duration = frame.packet().duration;
        let native = self.native_frames;
        self.advance(pts, duration, sink)?;
        if self.known.is_none() {
            self.known = Some(self.track_of(frame));
        } else if corrupt != self.was_corrupt {
            self.breaks.cut();
        }
        self.was_corrupt = corrupt;
        if interrupted {
            self.breaks.remark();
        }
        let taken = std::mem::replace(frame, frame::Video::empty());
        let before = self.breaks.pending();
        self.current = Some(CurrentFrame { frame: taken, pts, native, corrupt, before });
        Ok(())
    }

    /// Advances the clock to a frame at `pts`. A `duration` of 0 is unknown.
    fn advance(&mut self, pts: i64, duration: i64, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let is_steady = self.breaks.last().is_none_or(|last| self.clock.is_steady(last, pts));
        let ticks = self.clock.advance(pts, self.end);
        self.show(ticks, sink)?;
        self.breaks.frame(pts, is_steady);
        self.end = pts.saturating_add(self.breaks.steps.lasting(duration));
        self.native_frames += 1;
        Ok(())
    }

    pub fn finish(
        mut self,
        damage: &DecodeDamage,
        sink: &mut EventSink<'_>,
    ) -> Result<Summary, Halt> {
        if self.current.is_none() {
            let detail = format!("no frame of the {} video could be decoded", self.track.codec);
            return Err(Failure::reject(Reason::NoFrames, detail).into());
        }
        let end = self.end;
        let ticks = self.clock.finish(end);
        self.show(ticks, sink)?;
        self.decide(sink)?;
        let Some(mut track) = self.known.filter(|_| self.shown > 0) else {
            return Err(
                Failure::reject(Reason::NoFrames, self.unconverted.unwrap_or_default()).into()
            );
        };
        track.fps = self.breaks.steps.fps(&self.track.rates);
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
        let Some(current) = self.current.as_ref().filter(|_| ticks > 0) else { return Ok(()) };
        let Some(rgb) = self.converter.rgb(&current.frame) else {
            let what = properties(&current.frame);
            self.unconverted
                .get_or_insert_with(|| format!("some frames cannot be converted to RGB: {what:?}"));
            return Ok(());
        };
        let &CurrentFrame { pts, native, corrupt, before, .. } = current;
        let shown = ConvertedFrame { rgb, pts, native, corrupt, before, ticks };
        self.breaks.shown();
        let Some(search) = &mut self.search else { return self.give(&shown, sink) };
        if search.borders.is_none() {
            search.borders = Borders::new(&current.frame);
        }
        if let Some(borders) = &mut search.borders {
            borders.look(&current.frame);
        }
        let frame_bytes = shown.rgb.len();
        search.back.push(shown);
        let enough =
            search.back.len() >= SEARCH_FRAMES || search.back.len() * frame_bytes >= SEARCH_BYTES;
        if enough || search.borders.as_ref().is_none_or(Borders::hopeless) {
            self.decide(sink)
        } else {
            Ok(())
        }
    }

    /// Ends the border search.
    ///
    /// Returns [`Halt::Borders`] if it found borders. Otherwise it passes the held frames to the
    /// sink.
    fn decide(&mut self, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(search) = self.search.take() else { return Ok(()) };
        if let Some(borders) = search.borders.filter(|borders| borders.crop().is_some()) {
            return Err(Halt::Borders(borders));
        }
        search.back.iter().try_for_each(|shown| self.give(shown, sink))
    }

    fn give(&mut self, shown: &ConvertedFrame, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(track) = &self.known else { return Ok(()) };
        self.shown += shown.ticks;
        for tick in 0..shown.ticks {
            let frame = Sampled {
                rgb: &shown.rgb,
                pts: shown.pts,
                native: shown.native,
                corrupt: shown.corrupt,
                before: if tick == 0 { shown.before } else { Break::None },
            };
            sink(Event::Frame(track, frame)).map_err(Failure::Fatal)?;
        }
        Ok(())
    }

    /// Returns the track's properties from its first frame. The crop applies to frames of its size.
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
            fps: self.track.rates.first().copied().unwrap_or(0.0),
            colour: Colour::of(&found),
            rotation: presentation.orientation.degrees(),
            mirrored: presentation.orientation.mirrored,
            sample_aspect: presentation.sample_aspect,
            crop: self.crop,
            letterbox: share(self.crop.as_ref(), width, height),
            notes: notes(&found, frame, self.track.rate_is_guess),
        }
    }
}

/// Describes what the user may want to know: changes to pictures like this one, a guessed rate.
fn notes(found: &Properties, frame: &frame::Video, rate_is_guess: bool) -> Vec<String> {
    let hdr = Conversion::of(found)
        .hdr
        .map(|_| format!("HDR ({}) is mapped to SDR", Colour::of(found).transfer));
    let interlaced =
        frame.is_interlaced().then(|| "interlaced frames: the first field is shown".to_owned());
    let alpha = has_alpha(found.pixel_format).then(|| "the alpha channel is dropped".to_owned());
    let guess = rate_is_guess.then(|| {
        "the file has no time stamps, and its 25 frames per second may be a guess".to_owned()
    });
    [hdr, interlaced, alpha, guess].into_iter().flatten().collect()
}

fn timing(packet: &Packet) -> Timing {
    Timing { pts: packet.pts(), duration: packet.duration(), hidden: is_hidden(packet) }
}
