//! Cutting a source's sampled frames into clips.
//!
//! A clip is always inside one shot ([`ShotDetector`]). It also ends where the track changes: the
//! frames before were turned or cropped in another way. Within a shot all clips have the same
//! length, but the last one may be shorter. If that one is too short, it gets a row but no frames
//! in a shard. [`FrameTimes`] says where a clip of the source's own rate ends. A clip also ends
//! where something is missing ([`PauseJudge`]), where damage begins or ends, and where the sidecar
//! ends.
//!
//! A clip's last action covers the time until the next clip's first frame. So a clip is complete
//! only when the next frame is known.

use std::collections::VecDeque;

use super::clip_row::{ClipOrigin, ClipPictures, CutClip, FrameInfo, scored_clip};
use super::frame_times::FrameTimes;
use super::pauses::{Meaning, Pause, PauseJudge};
use crate::analysis::{Plane, Shift, ShotDetector};
use crate::config::{ClipFormat, FrameFormat, SamplingRate, clip_frames};
use crate::decode::{Sampled, Track};

/// Collects frames until they form a clip.
pub struct ClipCutter<'a> {
    origin: ClipOrigin<'a>,
    format: ClipFormat,
    shots: ShotDetector,
    pauses: PauseJudge,
    /// The track of the current clip.
    track: Option<Track>,
    /// The track of the newest frame.
    newest_track: Option<Track>,
    /// The newest frame, and the number of times that it was repeated so far.
    newest: Option<(SampledFrame, u64)>,
    /// Frames for which the shot detector has not decided yet whether they start a shot.
    ahead: VecDeque<SampledFrame>,
    /// Pixels of the current clip, `[t, h, w, c]`.
    rgb: Vec<u8>,
    planes: Vec<Plane>,
    kept: Vec<FrameInfo>,
}

/// A sampled frame that is not in a clip yet.
#[derive(Clone)]
struct SampledFrame {
    rgb: Vec<u8>,
    plane: Plane,
    info: FrameInfo,
    /// Set if the track changes with this frame.
    track: Option<Track>,
}

impl<'a> ClipCutter<'a> {
    /// A cutter for one source.
    pub fn new(origin: ClipOrigin<'a>, format: ClipFormat) -> Self {
        let (shots, pauses) = Default::default();
        let (ahead, rgb, planes, kept) = Default::default();
        Self {
            origin,
            format,
            shots,
            pauses,
            track: None,
            newest_track: None,
            newest: None,
            ahead,
            rgb,
            planes,
            kept,
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
        let changed = (self.newest_track.as_ref() != Some(track)).then(|| track.clone());
        if changed.is_some() {
            self.newest_track.clone_from(&changed);
        }
        let FrameFormat { width, height, .. } = self.format.frame;
        let plane = Plane::of(frame.rgb, width as usize, height as usize);
        let mut cuts = Vec::new();
        if let Some((newest, repeats)) = self.newest.take() {
            let tick = match self.format.frame.rate {
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
            let ends = |native| self.origin.sidecar.is_some_and(|sidecar| !sidecar.covers(native));
            let sidecar_ends = ends(frame.native) && !ends(newest.info.native);
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
        let newest = SampledFrame { rgb: frame.rgb.to_vec(), plane, info, track: changed };
        cuts.extend(self.add(newest.clone()));
        self.newest = Some((SampledFrame { track: None, ..newest }, 0));
        cuts
    }

    /// Returns the last clips. `native_frames` is the number of frames in the source.
    pub fn finish(mut self, native_frames: usize) -> Vec<CutClip> {
        let newest = self.newest.take();
        let mut cuts =
            newest.map(|(newest, repeats)| self.repeat(newest, repeats, true)).unwrap_or_default();
        cuts.extend(self.end_shot());
        cuts.extend(self.cut(native_frames));
        cuts
    }

    /// Adds a frame again, some times.
    fn repeat(&mut self, mut frame: SampledFrame, times: u64, is_slow: bool) -> Vec<CutClip> {
        frame.info.repeated = is_slow;
        (0..times).filter_map(|_| self.add(frame.clone())).collect()
    }

    /// Adds a frame to the shot detector.
    fn add(&mut self, frame: SampledFrame) -> Option<CutClip> {
        let plane = frame.plane.clone();
        self.ahead.push_back(frame);
        let begins_shot = self.shots.push(plane)?;
        self.place(begins_shot)
    }

    /// Ends the shot: the next frame begins another one.
    fn end_shot(&mut self) -> Vec<CutClip> {
        let labels: Vec<bool> = std::mem::take(&mut self.shots).finish().collect();
        labels.into_iter().filter_map(|begins_shot| self.place(begins_shot)).collect()
    }

    /// Adds the oldest frame in `ahead` to a clip, and returns a finished clip.
    fn place(&mut self, begins_shot: bool) -> Option<CutClip> {
        let SampledFrame { rgb, plane, info: frame, track } = self.ahead.pop_front()?;
        let full = match self.format.frame.rate {
            SamplingRate::Fixed(fps) => {
                self.kept.len() >= clip_frames(self.format.clip_seconds, fps)
            }
            SamplingRate::Own => {
                self.times().is_some_and(|times| times.is_full(frame.pts, &self.format))
            }
        };
        let ends = full || begins_shot || track.is_some();
        let cut = if ends { self.cut(frame.native) } else { None };
        if track.is_some() {
            self.track = track;
        }
        self.rgb.extend(rgb);
        self.planes.push(plane);
        self.kept.push(frame);
        cut
    }

    /// The times of the current clip's frames; `None` if it has none.
    fn times(&self) -> Option<FrameTimes> {
        Some(FrameTimes {
            first: self.kept.first()?.pts,
            last: self.kept.last()?.pts,
            frames: self.kept.len(),
            time_base: self.track.as_ref()?.time_base,
        })
    }

    /// Ends the current clip. `next_native` is the number of the source frame after it.
    fn cut(&mut self, next_native: usize) -> Option<CutClip> {
        let times = self.times()?;
        let pictures = ClipPictures {
            rgb: std::mem::take(&mut self.rgb),
            planes: std::mem::take(&mut self.planes),
            infos: std::mem::take(&mut self.kept),
            next_native,
        };
        Some(scored_clip(&self.origin, &self.format, self.track.as_ref()?, times, pictures))
    }
}
