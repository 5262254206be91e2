//! The part of sampling for decoded frames: each gets its time, and is shown until the next one.

use ffmpeg_next::frame;

use super::frames::CurrentFrame;
use super::{Halt, Sampling};
use crate::decode::damage::FrameState;
use crate::decode::event::{EventSink, Failure};
use crate::decode::picture::{Orientation, unsupported};
use crate::reject::Reason;

impl Sampling<'_> {
    /// Finds the time of a frame whose orientation is known.
    pub(super) fn time(
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
    pub(super) fn certain(&mut self, sink: &mut EventSink<'_>) -> Result<(), Halt> {
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
