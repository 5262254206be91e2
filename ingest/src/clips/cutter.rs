//! Finding the shots of a source's sampled frames, and cutting these into clips.
//!
//! A clip is always inside one shot ([`ShotDetector`]), and [`ClipBuilder`] divides a shot into
//! clips. A shot also ends where something is missing ([`PauseJudge`]), where damage begins or
//! ends, and where the sidecar ends.
//!
//! A clip's last action covers the time until the next clip's first frame. So a clip is complete
//! only when the next frame is known.

use std::collections::VecDeque;

use super::builder::{ClipBuilder, SampledFrame};
use super::clip_row::{ClipOrigin, CutClip, FrameInfo};
use super::pauses::{Meaning, Pause, PauseJudge};
use crate::analysis::{Plane, Shift, ShotDetector};
use crate::config::{ClipFormat, FrameFormat, SamplingRate};
use crate::decode::{Sampled, Track};

/// Collects frames until they form a clip.
pub struct ClipCutter<'a> {
    format: FrameFormat,
    shots: ShotDetector,
    pauses: PauseJudge,
    /// The track of the newest frame.
    track: Option<Track>,
    /// The newest frame, and the number of times that it was repeated so far.
    newest: Option<(SampledFrame, u64)>,
    /// Frames for which the shot detector has not decided yet whether they start a shot.
    ahead: VecDeque<SampledFrame>,
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
            ahead: VecDeque::new(),
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
        let mut cuts = Vec::new();
        if let Some((newest, repeats)) = self.newest.take() {
            let tick = match self.format.rate {
                SamplingRate::Fixed(fps) => 1.0 / fps,
                SamplingRate::Own => f64::INFINITY,
            };
            let pause = Pause {
                repeats,
                change: plane.cell_difference(&newest.plane, Shift::NONE),
                ticks: track.seconds(newest.info.pts, frame.pts) / tick,
                natives: frame.native.saturating_sub(newest.info.native),
                before: frame.before,
            };
            let meaning = self.pauses.judge(pause);
            let sidecar_ends = self.clips.lacks_action(frame.native)
                && !self.clips.lacks_action(newest.info.native);
            if meaning != Meaning::Missing {
                cuts.extend(self.repeat(newest, repeats, meaning == Meaning::Slow));
            }
            if meaning == Meaning::Missing || sidecar_ends {
                cuts.extend(self.end_shot());
            }
        }
        let info = FrameInfo {
            pts: frame.pts,
            native: frame.native,
            corrupt: frame.corrupt,
            repeated: false,
        };
        let newest =
            SampledFrame { rgb: frame.rgb.into(), plane, info, track: changed, begins_shot: false };
        cuts.extend(self.add(newest.clone()));
        self.newest = Some((SampledFrame { track: None, ..newest }, 0));
        cuts
    }

    /// Returns the last clips. `native_frames` is the number of frames in the source.
    pub fn finish(mut self, native_frames: usize) -> Vec<CutClip> {
        let newest = self.newest.take();
        let is_slow = self.pauses.at_end() == Meaning::Slow;
        let repeated = newest.map(|(newest, repeats)| self.repeat(newest, repeats, is_slow));
        let mut cuts = repeated.unwrap_or_default();
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
    fn add(&mut self, frame: SampledFrame) -> Vec<CutClip> {
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
