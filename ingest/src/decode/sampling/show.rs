//! The part of sampling for shown frames: they are converted, searched for borders and passed on.

use super::frames::{ConvertedFrame, CurrentFrame};
use super::later_borders::{HeldFrame, LaterBorders};
use super::{Halt, Sampling};
use crate::decode::borders::Borders;
use crate::decode::event::{Break, Event, EventSink, Failure, Sampled};
use crate::decode::ffi::properties;
use crate::decode::picture::{Orientation, Properties};

/// Largest number of sampled frames that the border search holds back.
const SEARCH_FRAMES: usize = 64;
/// Largest number of bytes of these frames.
const SEARCH_BYTES: usize = 32 << 20;

impl Sampling<'_> {
    /// Converts the current frame, and passes it on once for each of the `ticks`.
    pub(super) fn show(&mut self, ticks: u64, sink: &mut EventSink<'_>) -> Result<(), Halt> {
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
    pub(super) fn decide(&mut self, more: bool, sink: &mut EventSink<'_>) -> Result<(), Halt> {
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
        let (Some(later), Some(current)) = (&mut self.later, &self.current) else {
            return self.give(&shown, sink);
        };
        let (released, crop) = later.look(&current.frame, shown.pts, shown.corrupt, self.crop);
        let size = (found.width.max(0).cast_unsigned(), found.height.max(0).cast_unsigned());
        let inside = crop.and_then(|crop| {
            self.converter.crop(size, Some(crop));
            let inside = self.converter.rgb(&current.frame, orientation);
            self.converter.crop(size, self.crop);
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
    pub(super) fn settle(&mut self, sink: &mut EventSink<'_>) -> Result<(), Halt> {
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
}
