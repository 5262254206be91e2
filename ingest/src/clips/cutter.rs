//! Finding the shots of a source's sampled frames, and cutting these into clips.
//!
//! A clip is always inside one shot ([`ShotDetector`]), and [`ClipBuilder`] divides a shot into
//! clips. A shot also ends where something is missing ([`PauseJudge`]), where damage begins or
//! ends, and where the sidecar ends.
//!
//! A clip's last action covers the time until the next clip's first frame. So a clip is complete
//! only when the next frame is known.

use std::collections::VecDeque;

use super::builder::ClipBuilder;
use super::clip_row::{ClipOrigin, CutClip, FrameInfo};
use super::pauses::{Meaning, Pause, PauseJudge};
use super::sampled_frame::SampledFrame;
use crate::analysis::{ChangedCells, Plane, Shift, ShotDetector};
use crate::config::{ClipFormat, FrameFormat, SamplingRate};
use crate::decode::{Sampled, Track};

/// A gap whose meaning is not known yet.
struct UnsureGap {
    /// The picture before the frame before the gap, if there is one.
    earlier: Option<Plane>,
    before: SampledFrame,
    /// Number of times that it was repeated.
    repeats: u64,
    /// The frame after the gap.
    now: SampledFrame,
}

/// Collects frames until they form a clip.
pub struct ClipCutter<'a> {
    format: FrameFormat,
    shots: ShotDetector,
    pauses: PauseJudge,
    /// The track of the newest frame.
    track: Option<Track>,
    /// The newest frame, and the number of times that it was repeated so far.
    newest: Option<(SampledFrame, u64)>,
    /// The picture before the newest frame.
    earlier: Option<Plane>,
    unsure: Option<UnsureGap>,
    /// Frames for which the shot detector has not decided yet whether they start a shot.
    ahead: VecDeque<SampledFrame>,
    /// Number of frames that were added to the shot detector.
    added: u64,
    clips: ClipBuilder<'a>,
}

impl<'a> ClipCutter<'a> {
    /// A cutter for one source.
    pub fn new(origin: ClipOrigin<'a>, format: ClipFormat) -> Self {
        Self {
            format: format.frame,
            shots: ShotDetector::default(),
            pauses: PauseJudge::default(),
            track: None,
            newest: None,
            earlier: None,
            unsure: None,
            ahead: VecDeque::new(),
            added: 0,
            clips: ClipBuilder::new(origin, format),
        }
    }

    /// Adds a frame. Returns the clips that are full or whose shot has ended.
    pub fn push(&mut self, track: &Track, frame: &Sampled<'_>) -> Vec<CutClip> {
        if let Some((newest, repeats)) = &mut self.newest
            && newest.info.native == frame.native
        {
            *repeats += 1;
            return Vec::new();
        }
        let changed = (self.track.as_ref() != Some(track)).then(|| track.clone());
        if changed.is_some() {
            self.track.clone_from(&changed);
        }
        let FrameFormat { width, height, .. } = self.format;
        let plane = Plane::of(frame.rgb, width as usize, height as usize);
        let mut cuts = self.resolve(Some(&plane));
        let info = FrameInfo {
            pts: frame.pts,
            native: frame.native,
            corrupt: frame.corrupt,
            repeated: false,
        };
        let rgb = frame.rgb.into();
        let time = track.seconds(0, frame.pts);
        let now = SampledFrame { rgb, plane, info, time, track: changed, begins_shot: false };
        let newest = self.newest.replace((SampledFrame { track: None, ..now.clone() }, 0));
        let Some((before, repeats)) = newest else {
            cuts.extend(self.add(now));
            return cuts;
        };
        let earlier = self.earlier.replace(before.plane.clone());
        let tick = match self.format.rate {
            SamplingRate::Fixed(fps) => 1.0 / fps,
            SamplingRate::Own => f64::INFINITY,
        };
        let pause = Pause {
            repeats,
            change: now.plane.cell_difference(&before.plane, Shift::NONE),
            moved: ChangedCells::between(&before.plane, &now.plane).share(),
            ticks: track.seconds(before.info.pts, frame.pts) / tick,
            natives: frame.native.saturating_sub(before.info.native),
            before: frame.before,
        };
        match self.pauses.judge(pause) {
            Meaning::Unsure => {
                self.unsure = Some(UnsureGap { earlier, before, repeats, now });
            }
            meaning => cuts.extend(self.after(before, repeats, now, meaning)),
        }
        cuts
    }

    /// Adds the repeats of a frame, and the frame after it.
    fn after(
        &mut self,
        before: SampledFrame,
        repeats: u64,
        now: SampledFrame,
        meaning: Meaning,
    ) -> Vec<CutClip> {
        let mut cuts = Vec::new();
        let sidecar_ends = self.clips.lacks_action(now.info.native)
            && !self.clips.lacks_action(before.info.native);
        if meaning != Meaning::Missing {
            cuts.extend(self.repeat(before, repeats, meaning == Meaning::Slow));
        }
        if meaning == Meaning::Missing || sidecar_ends {
            cuts.extend(self.end_shot());
        }
        cuts.extend(self.add(now));
        cuts
    }

    /// Decides about a gap. `next` is the picture after the newest frame, if there is one.
    fn resolve(&mut self, next: Option<&Plane>) -> Vec<CutClip> {
        let Some(gap) = self.unsure.take() else { return Vec::new() };
        let UnsureGap { earlier, before, repeats, now } = gap;
        let around = earlier.as_ref().zip(next);
        let planes = around.map(|(earlier, next)| [earlier, &before.plane, &now.plane, next]);
        let meaning = planes.map_or(Meaning::Idle, |planes| self.pauses.resolve(planes));
        self.after(before, repeats, now, meaning)
    }

    /// Returns the last clips. `native_frames` is the number of frames in the source.
    pub fn finish(mut self, native_frames: usize) -> Vec<CutClip> {
        let mut cuts = self.resolve(None);
        let newest = self.newest.take();
        let is_slow = self.pauses.at_end() == Meaning::Slow;
        let repeated = newest.map(|(newest, repeats)| self.repeat(newest, repeats, is_slow));
        cuts.extend(repeated.unwrap_or_default());
        cuts.extend(self.end_shot());
        cuts.extend(self.clips.finish(native_frames));
        cuts
    }

    /// Adds a frame again, `times` times.
    fn repeat(&mut self, mut frame: SampledFrame, times: u64, is_slow: bool) -> Vec<CutClip> {
        frame.info.repeated = is_slow;
        (0..times).flat_map(|_| self.add(frame.clone())).collect()
    }

    /// Adds a frame to the shot detector.
    fn add(&mut self, mut frame: SampledFrame) -> Vec<CutClip> {
        if let SamplingRate::Fixed(fps) = self.format.rate {
            // Repeated frames have the same presentation time.
            frame.time = self.added as f64 / fps;
        }
        self.added += 1;
        let plane = frame.plane.clone();
        self.ahead.push_back(frame);
        self.shots.push(plane).map(|begins_shot| self.place(begins_shot)).unwrap_or_default()
    }

    /// Ends the shot: the next frame begins another one.
    fn end_shot(&mut self) -> Vec<CutClip> {
        let labels: Vec<bool> = std::mem::take(&mut self.shots).finish().collect();
        labels.into_iter().flat_map(|begins_shot| self.place(begins_shot)).collect()
    }

    /// Passes on the oldest frame in `ahead`. Returns what it finishes.
    fn place(&mut self, begins_shot: bool) -> Vec<CutClip> {
        let frame = self.ahead.pop_front();
        let frame = frame.map(|frame| SampledFrame { begins_shot, ..frame });
        frame.map(|frame| self.clips.add(frame)).unwrap_or_default()
    }
}
