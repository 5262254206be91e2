//! Selects the sampled frames among the decoded ones and searches them for borders.

mod frames;
mod later_borders;
mod notes;
mod track;

use ffmpeg_next::{Packet, frame};

use super::borders::Borders;
use super::clock::{BreakFinder, FrameSteps, Skips, StampFilter, TickClock, Timing};
use super::damage::{DecodedFrame, FrameState, LossTracker};
use super::event::{Break, Event, EventSink, Failure, Sampled, Summary};
use super::ffi::{is_hidden, properties};
use super::input::{DecodeDamage, VideoInput};
use super::picture::{
    Converter, MetadataFinder, Orientation, Orientations, Presentation, Properties, Rectangle,
    unsupported,
};
use crate::config::{Aspect, FrameFormat};
use crate::reject::Reason;
use frames::{BorderSearch, ConvertedFrame, CurrentFrame};
use later_borders::{HeldFrame, LaterBorders};
use notes::Notes;
use track::Tracks;

/// Largest number of sampled frames that the border search holds back.
const SEARCH_FRAMES: usize = 64;
/// Largest number of bytes of these frames.
const SEARCH_BYTES: usize = 32 << 20;

/// Tells whether borders remain from a time on, until the end of the file.
pub type RemainTest<'a> = dyn Fn(&Borders, i64, &mut EventSink<'_>) -> Result<bool, Failure> + 'a;

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
pub struct Sampling<'a> {
    clock: TickClock,
    time_base: (i32, i32),
    breaks: BreakFinder,
    losses: LossTracker,
    /// Places in the file before whose packets data are missing, the next one last.
    lost: Vec<u64>,
    /// Presentation times after which frames are lost without a trace, the next one last.
    lost_after: Vec<i64>,
    codec: String,
    /// The rates that the container states, in frames per second; the first one counts.
    rates: Vec<f64>,
    presentation: Presentation,
    tracks: Tracks,
    /// The container's display matrix.
    matrix: Option<Vec<u8>>,
    orientations: Orientations<(frame::Video, FrameState)>,
    stamps: StampFilter<(frame::Video, FrameState, Orientation)>,
    current: Option<CurrentFrame>,
    dolby_vision: MetadataFinder,
    converter: Converter,
    search: Option<BorderSearch>,
    /// The borders that are cut, with all frames examined so far.
    borders: Option<Borders>,
    crop: Option<Rectangle>,
    /// `None` if the picture is not cropped at all.
    later: Option<LaterBorders>,
    remain: &'a RemainTest<'a>,
    notes: Notes,
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

/// Whether sampling searches for borders or already knows them.
#[derive(Debug)]
pub enum BorderMode {
    Search,
    /// Borders to cut until a frame contradicts them, if there are any.
    Known(Option<Borders>),
}

impl<'a> Sampling<'a> {
    pub fn new(
        input: &VideoInput,
        format: FrameFormat,
        mode: BorderMode,
        remain: &'a RemainTest<'a>,
    ) -> Self {
        let (search, borders) = match mode {
            BorderMode::Search => {
                ((format.aspect == Aspect::Crop).then(BorderSearch::default), None)
            }
            BorderMode::Known(borders) => (None, borders),
        };
        let crop = borders.as_ref().and_then(Borders::crop);
        let mut converter = Converter::new(format, input.presentation);
        if let Some(borders) = &borders {
            converter.crop(borders.size(), crop);
        }
        let mut notes = Notes::default();
        if input.streams > 1 {
            let (stream, streams) = (input.stream, input.streams);
            notes.add(format!("stream {stream} is used, of {streams} video streams"));
        }
        if let Some(second) = input.second {
            notes.add(format!(
                "another file begins at byte {second}, and only the first one is read: store the \
                 second one in a file of its own"
            ));
        }
        if input.rate_is_guess {
            let rate = "the file has no time stamps, and its 25 frames per second may be a guess";
            notes.add(rate.to_owned());
        }
        Self {
            clock: TickClock::new(format.rate, input.time_base),
            time_base: input.time_base,
            breaks: BreakFinder::new(
                FrameSteps::new(input.time_base, &input.rates),
                input.joins.iter().map(|&seconds| input.units(seconds)).collect(),
            ),
            losses: LossTracker::new(&input.codec, &input.extradata, input.units(1.0)),
            lost: input.lost.iter().rev().copied().collect(),
            lost_after: input.lost_after.iter().rev().copied().collect(),
            codec: input.codec.clone(),
            rates: input.rates.clone(),
            presentation: input.presentation,
            tracks: Tracks::new(input),
            matrix: input.matrix.clone(),
            orientations: Orientations::new(input.presentation.orientation, input.matrix_scope),
            stamps: StampFilter::new(input.units(0.5)),
            current: None,
            dolby_vision: MetadataFinder::new(&input.codec, &input.extradata),
            converter,
            search,
            borders,
            crop,
            later: (format.aspect == Aspect::Crop).then(LaterBorders::default),
            remain,
            notes,
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
        let (place, pts) = (u64::try_from(packet.position()).ok(), packet.pts());
        let mut is_lost = skipped;
        while self.lost.pop_if(|lost| place.is_some_and(|place| place >= *lost)).is_some()
            || self.lost_after.pop_if(|lost| pts.is_some_and(|pts| pts > *lost)).is_some()
        {
            is_lost = true;
        }
        if is_lost {
            self.losses.skipped();
        }
        let data = packet.data().unwrap_or_default();
        self.dolby_vision.packet(data);
        self.losses.packet(packet.pts(), data, packet.is_corrupt());
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

    /// Takes a decoded frame and its buffers. Passes earlier frames to the sink once per tick.
    pub fn push(&mut self, frame: &mut frame::Video, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let taken = std::mem::replace(frame, frame::Video::empty());
        let own = Orientation::of_frame(&taken, self.matrix.as_deref());
        let is_key = taken.is_key();
        // In the order of decoding: an orientation may be known only some frames later.
        let state = self.losses.frame(DecodedFrame {
            pts: taken.pts(),
            is_key,
            is_marked: taken.is_corrupt() || taken.has_decode_errors(),
        });
        if state.corrupt {
            self.skips.end();
        }
        let known = self.orientations.push((taken, state), own, is_key);
        known.into_iter().try_for_each(|(frame, orientation)| self.time(frame, orientation, sink))
    }

    /// Finds the time of a frame whose orientation is known.
    fn time(
        &mut self,
        (frame, state): (frame::Video, FrameState),
        orientation: Orientation,
        sink: &mut EventSink<'_>,
    ) -> Result<(), Halt> {
        let usual = self.breaks.steps.usual();
        let pts = frame.timestamp().or(frame.pts());
        if pts.is_none() {
            self.certain(sink)?;
        }
        let pts = pts.unwrap_or(self.end);
        let certain = self.stamps.push((frame, state, orientation), pts, usual);
        certain.into_iter().try_for_each(|(frame, pts)| self.take(frame, pts, sink))
    }

    /// Takes the frame whose time was not certain yet, if there is one.
    fn certain(&mut self, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        self.stamps.finish().map_or(Ok(()), |(frame, pts)| self.take(frame, pts, sink))
    }

    /// Takes a frame at `pts`.
    fn take(
        &mut self,
        (frame, state, orientation): (frame::Video, FrameState, Orientation),
        pts: i64,
        sink: &mut EventSink<'_>,
    ) -> Result<(), Halt> {
        for (pts, duration) in self.skips.frame(frame.pts(), pts) {
            self.advance(pts, duration, sink)?;
        }
        let FrameState { corrupt, interrupted, follows_error } = state;
        self.corrupt += u64::from(corrupt);
        let duration = frame.packet().duration;
        let native = self.native_frames;
        if follows_error {
            self.breaks.error();
        }
        self.advance(pts, duration, sink)?;
        if self.current.is_none() {
            self.check_colour(&frame)?;
        } else if corrupt != self.was_corrupt {
            self.breaks.cut();
        }
        self.was_corrupt = corrupt;
        if interrupted {
            self.breaks.remark();
        }
        let before = self.breaks.pending();
        self.current = Some(CurrentFrame { frame, pts, native, corrupt, before, orientation });
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
        for (frame, orientation) in self.orientations.finish() {
            self.time(frame, orientation, sink)?;
        }
        self.certain(sink)?;
        if self.current.is_none() {
            let detail = format!("no frame of the {} video could be decoded", self.codec);
            return Err(Failure::reject(Reason::NoFrames, detail).into());
        }
        let end = self.end;
        let ticks = self.clock.finish(end);
        self.show(ticks, sink)?;
        self.decide(false, sink)?;
        self.settle(sink)?;
        if self.tracks.crop_changes() {
            self.notes.add("black borders are cut only in a part of the video".to_owned());
        }
        let Some(mut track) = self.tracks.summary().filter(|_| self.shown > 0) else {
            return Err(
                Failure::reject(Reason::NoFrames, self.unconverted.unwrap_or_default()).into()
            );
        };
        track.fps = self.breaks.steps.fps(&self.rates);
        let unit = f64::from(self.time_base.0) / f64::from(self.time_base.1.max(1));
        Ok(Summary {
            track,
            native_frames: self.native_frames,
            sampled: self.shown,
            seconds: self.clock.elapsed(end) as f64 * unit,
            damage: self.unconverted.or_else(|| damage.describe(self.corrupt)),
            notes: self.notes.finish(),
        })
    }

    fn show(&mut self, ticks: u64, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(current) = self.current.as_ref().filter(|_| ticks > 0) else { return Ok(()) };
        if let (Some(borders), Some(crop)) = (&mut self.borders, self.crop) {
            if !current.corrupt {
                borders.look(&current.frame);
            }
            let remaining = borders.remaining(crop);
            if remaining != self.crop {
                self.crop = remaining;
                self.converter.crop(borders.size(), remaining);
            }
        }
        let Some(rgb) = self.converter.rgb(&current.frame, current.orientation) else {
            let what = properties(&current.frame);
            self.unconverted
                .get_or_insert_with(|| format!("some frames cannot be converted to RGB: {what:?}"));
            return Ok(());
        };
        let found = self.presentation.properties(&current.frame);
        self.notes.look(&found, &current.frame);
        let &CurrentFrame { pts, native, corrupt, before, orientation, .. } = current;
        let track = self.tracks.of(&found, orientation, self.crop);
        let shown = ConvertedFrame { track, rgb, pts, native, corrupt, before, ticks };
        self.breaks.shown();
        let Some(search) = &mut self.search else {
            return self.hold(shown, found, orientation, sink);
        };
        if search.borders.is_none() {
            search.borders = Borders::new(&current.frame);
        }
        if let Some(borders) = &mut search.borders
            && !corrupt
        {
            let before = borders.clone();
            borders.look(&current.frame);
            // Other bars begin. Those before them may be cut.
            if before.crop().is_some() && before.cross_in(&current.frame) {
                return Err(Halt::Borders(before));
            }
        }
        let frame_bytes = shown.rgb.len();
        search.back.push(shown);
        let enough =
            search.back.len() >= SEARCH_FRAMES || search.back.len() * frame_bytes >= SEARCH_BYTES;
        if enough || search.borders.as_ref().is_none_or(Borders::hopeless) {
            self.decide(enough, sink)
        } else {
            Ok(())
        }
    }

    /// Ends the border search.
    ///
    /// `more` is true if there are more frames than it examined. Returns [`Halt::Borders`] if it
    /// found borders, or if later frames must tell. Otherwise it passes the held frames to the
    /// sink.
    fn decide(&mut self, more: bool, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(search) = self.search.take() else { return Ok(()) };
        let must_look = |found: &Borders| found.crop().is_some() || more && found.is_undecided();
        if let Some(borders) = search.borders.filter(must_look) {
            return Err(Halt::Borders(borders));
        }
        search.back.iter().try_for_each(|shown| self.give(shown, sink))
    }

    /// Holds a shown frame back if borders may begin with it, or passes it to the sink.
    fn hold(
        &mut self,
        shown: ConvertedFrame,
        found: Properties,
        orientation: Orientation,
        sink: &mut EventSink<'_>,
    ) -> Result<(), Halt> {
        let (Some(later), None, Some(current)) = (&mut self.later, self.crop, &self.current) else {
            return self.give(&shown, sink);
        };
        let (released, crop) = later.look(&current.frame, shown.pts, shown.corrupt);
        let size = (found.width.max(0).cast_unsigned(), found.height.max(0).cast_unsigned());
        let inside = crop.and_then(|crop| {
            self.converter.crop(size, Some(crop));
            let inside = self.converter.rgb(&current.frame, orientation);
            self.converter.crop(size, None);
            inside
        });
        let Some(inside) = inside else {
            let rest = later.take().map_or(Vec::new(), |candidate| candidate.held);
            released.iter().chain(&rest).try_for_each(|held| self.give(&held.shown, sink))?;
            return self.give(&shown, sink);
        };
        let held = later.hold(HeldFrame { shown, inside, found, orientation });
        released.iter().try_for_each(|held| self.give(&held.shown, sink))?;
        if held.0 >= SEARCH_FRAMES || held.1 >= SEARCH_BYTES { self.settle(sink) } else { Ok(()) }
    }

    /// Decides about the borders that began with the held frames, and passes these to the sink.
    fn settle(&mut self, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        let Some(candidate) = self.later.as_mut().and_then(LaterBorders::take) else {
            return Ok(());
        };
        let (borders, crop) = (candidate.borders, candidate.crop);
        if borders.crop().is_some() && (self.remain)(&borders, candidate.begins, sink)? {
            for held in candidate.held {
                let track = self.tracks.of(&held.found, held.orientation, Some(crop));
                self.give(&ConvertedFrame { track, rgb: held.inside, ..held.shown }, sink)?;
            }
            self.converter.crop(borders.size(), Some(crop));
            (self.borders, self.crop) = (Some(borders), Some(crop));
            return Ok(());
        }
        if let Some(later) = &mut self.later {
            later.refuse(crop);
        }
        candidate.held.iter().try_for_each(|held| self.give(&held.shown, sink))
    }

    fn give(&mut self, shown: &ConvertedFrame, sink: &mut EventSink<'_>) -> Result<(), Halt> {
        self.shown += shown.ticks;
        for tick in 0..shown.ticks {
            let frame = Sampled {
                rgb: &shown.rgb,
                pts: shown.pts,
                native: shown.native,
                corrupt: shown.corrupt,
                before: if tick == 0 { shown.before } else { Break::None },
            };
            sink(Event::Frame(&shown.track, frame)).map_err(Failure::Fatal)?;
        }
        Ok(())
    }

    /// Rejects a video whose colours cannot be converted.
    fn check_colour(&self, frame: &frame::Video) -> Result<(), Failure> {
        let of_matrix = |matrix| {
            format!(
                "the colour matrix {matrix} cannot be converted: convert the video to BT.709 or \
                 BT.2020"
            )
        };
        let matrix = unsupported(&self.presentation.properties(frame));
        let problem = matrix.map(of_matrix).or_else(|| self.dolby_vision.problem());
        problem.map_or(Ok(()), |detail| Err(Failure::reject(Reason::UnsupportedColor, detail)))
    }
}

fn timing(packet: &Packet) -> Timing {
    Timing { pts: packet.pts(), duration: packet.duration(), hidden: is_hidden(packet) }
}
