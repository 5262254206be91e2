//! Selects the sampled frames among the decoded ones.
//!
//! This file takes packets and decoded frames. [`timing`] finds the time of a frame, and the ticks
//! that show it. What happens to a shown frame is in [`show`]: it is converted, searched for
//! borders and passed to the sink.

mod frames;
mod known_losses;
mod later_borders;
mod notes;
mod show;
mod timing;
mod track;

use ffmpeg_next::{Packet, frame};

use super::borders::Borders;
use super::clock::{BreakFinder, FrameSteps, Skips, StampFilter, TickClock, Timing};
use super::damage::{DecodedFrame, FrameState, LossTracker};
use super::event::{EventSink, Failure, Summary};
use super::ffi::is_hidden;
use super::input::{DecodeDamage, VideoInput};
use super::picture::{
    Converter, MetadataFinder, Orientation, Orientations, Presentation, Rectangle,
};
use crate::config::{Aspect, FrameFormat};
use crate::reject::Reason;
use frames::{BorderSearch, CurrentFrame};
use known_losses::KnownLosses;
use later_borders::LaterBorders;
use notes::Notes;
use track::Tracks;

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
    known_losses: KnownLosses,
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
        Self {
            clock: TickClock::new(format.rate, input.time_base),
            time_base: input.time_base,
            breaks: BreakFinder::new(
                FrameSteps::new(input.time_base, &input.rates),
                input.joins.iter().map(|&seconds| input.units(seconds)).collect(),
            ),
            losses: LossTracker::new(&input.codec, &input.extradata, input.units(1.0)),
            known_losses: KnownLosses::new(input),
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
            notes: Notes::of(input),
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
        self.skips.read(packet_timing(packet), &self.clock);
        if self.known_losses.are_before(packet) || skipped {
            self.losses.skipped();
        }
        let data = packet.data().unwrap_or_default();
        self.dolby_vision.packet(data);
        self.losses.packet(packet.pts(), data, packet.is_corrupt());
    }

    /// Returns whether the decoder may skip a packet, if no other frame refers to it.
    pub fn may_skip(&mut self, packet: &Packet) -> bool {
        let may_skip = self.skips.may_skip(packet_timing(packet), &self.clock);
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
}

fn packet_timing(packet: &Packet) -> Timing {
    Timing { pts: packet.pts(), duration: packet.duration(), hidden: is_hidden(packet) }
}
