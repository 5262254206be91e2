//! Cutting a source's sampled frames into clips.
//!
//! A clip is always inside one shot ([`ShotDetector`]). Within a shot all clips have the same
//! length, but the last one may be shorter. If that one is too short, it gets a row but no frames
//! in a shard. [`FrameTimes`] says where a clip of the source's own rate ends. A clip also ends:
//! - where something is missing ([`PauseJudge`]), and where damage begins or ends;
//! - where the sidecar ends;
//! - where the track changes, because the picture is then turned or cropped in another way.
//!
//! Still stretches are cut out ([`StillFinder`]).
//!
//! A clip's last action covers the time until the next clip's first frame. So a clip is complete
//! only when the next frame is known.

use std::collections::VecDeque;
use std::rc::Rc;

use super::clip_row::{ClipOrigin, ClipPictures, CutClip, FrameInfo, scored_clip};
use super::frame_times::FrameTimes;
use super::pauses::{Meaning, Pause, PauseJudge};
use super::stills::{StillFinder, Stretch};
use crate::analysis::{Plane, Shift, ShotDetector};
use crate::config::{ClipFormat, FrameFormat, SamplingRate, clip_frames};
use crate::decode::{Sampled, Track};
use crate::reject::Reason;

/// Largest number of bytes that are reserved for a clip before it has any.
const MAX_RESERVED: usize = 64 << 20;

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
    stills: StillFinder<SampledFrame>,
    /// Number of frames that `stills` has seen.
    placed: u64,
    /// The frames of the current still stretch.
    still: Vec<FrameInfo>,
    /// Pixels of the current clip, `[t, h, w, c]`.
    rgb: Vec<u8>,
    planes: Vec<Plane>,
    kept: Vec<FrameInfo>,
}

/// A sampled frame that is not in a clip yet.
#[derive(Clone)]
struct SampledFrame {
    rgb: Rc<[u8]>,
    plane: Plane,
    info: FrameInfo,
    /// Set if the track changes with this frame.
    track: Option<Track>,
}

impl AsRef<[u8]> for SampledFrame {
    fn as_ref(&self) -> &[u8] {
        &self.rgb
    }
}

impl<'a> ClipCutter<'a> {
    /// A cutter for one source.
    pub fn new(origin: ClipOrigin<'a>, format: ClipFormat) -> Self {
        let size = (format.frame.width as usize, format.frame.height as usize);
        let stills = StillFinder::new(format.still_seconds, size);
        Self {
            origin,
            format,
            shots: ShotDetector::default(),
            pauses: PauseJudge::default(),
            track: None,
            newest_track: None,
            newest: None,
            ahead: VecDeque::new(),
            stills,
            placed: 0,
            still: Vec::new(),
            rgb: Vec::new(),
            planes: Vec::new(),
            kept: Vec::new(),
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
        let newest = SampledFrame { rgb: frame.rgb.into(), plane, info, track: changed };
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
        cuts.extend(self.end_play(native_frames));
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

    /// Adds the oldest frame in `ahead` to a clip or a still stretch. Returns what it finishes.
    fn place(&mut self, begins_shot: bool) -> Vec<CutClip> {
        let Some(mut frame) = self.ahead.pop_front() else { return Vec::new() };
        let mut cuts = Vec::new();
        if begins_shot || frame.track.is_some() {
            cuts.extend(self.end_play(frame.info.native));
        }
        if frame.track.is_some() {
            self.track = frame.track.take();
        }
        let time = match (self.format.frame.rate, &self.track) {
            // Repeated frames have the same presentation time.
            (SamplingRate::Fixed(fps), _) => self.placed as f64 / fps,
            (SamplingRate::Own, Some(track)) => track.seconds(0, frame.info.pts),
            (SamplingRate::Own, None) => 0.0,
        };
        self.placed += 1;
        match self.stills.add(frame, time) {
            Stretch::Unknown => {}
            Stretch::Play(frames) => {
                cuts.extend(frames.first().and_then(|next| self.end_still(next.info.native)));
                cuts.extend(frames.into_iter().filter_map(|frame| self.append(frame)));
            }
            Stretch::Still(frames) => {
                if self.still.is_empty() && self.kept.len() == 1 {
                    // The frame that the stretch repeats would be a clip of its own.
                    self.still.append(&mut self.kept);
                    self.rgb.clear();
                    self.planes.clear();
                } else if self.still.is_empty() {
                    cuts.extend(frames.first().and_then(|next| self.cut(next.info.native)));
                }
                self.still.extend(frames.iter().map(|frame| frame.info));
            }
        }
        cuts
    }

    /// Ends the current clip or still stretch. `next` is the number of the source frame after it.
    fn end_play(&mut self, next: usize) -> Vec<CutClip> {
        let held = self.stills.end();
        let mut cuts: Vec<CutClip> =
            held.into_iter().filter_map(|frame| self.append(frame)).collect();
        cuts.extend(self.end_still(next));
        cuts.extend(self.cut(next));
        cuts
    }

    /// Ends the current still stretch, if there is one, and returns its row without frames.
    fn end_still(&mut self, next_native: usize) -> Option<CutClip> {
        let infos = std::mem::take(&mut self.still);
        let times = self.times_of(&infos)?;
        let pictures = ClipPictures { rgb: Vec::new(), planes: Vec::new(), infos, next_native };
        let track = self.track.as_ref()?;
        let mut stretch = scored_clip(&self.origin, &self.format, track, times, pictures);
        stretch.row.reason = Some(Reason::Still.code().to_owned());
        Some(stretch)
    }

    /// Adds a frame to the current clip. Returns the clip before it if that one is full.
    fn append(&mut self, frame: SampledFrame) -> Option<CutClip> {
        let SampledFrame { rgb, plane, info: frame, .. } = frame;
        let full = match self.format.frame.rate {
            SamplingRate::Fixed(fps) => {
                self.kept.len() >= clip_frames(self.format.clip_seconds, fps)
            }
            SamplingRate::Own => {
                let times = self.times_of(&self.kept);
                times.is_some_and(|times| times.is_full(frame.pts, &self.format))
            }
        };
        let cut = if full { self.cut(frame.native) } else { None };
        if let SamplingRate::Fixed(fps) = self.format.frame.rate
            && self.kept.is_empty()
        {
            let frames = clip_frames(self.format.clip_seconds, fps);
            self.rgb.reserve((frames * rgb.len()).min(MAX_RESERVED));
        }
        self.rgb.extend_from_slice(&rgb);
        self.planes.push(plane);
        self.kept.push(frame);
        cut
    }

    /// The times of frames; `None` if there are none.
    fn times_of(&self, frames: &[FrameInfo]) -> Option<FrameTimes> {
        Some(FrameTimes {
            first: frames.first()?.pts,
            last: frames.last()?.pts,
            frames: frames.len(),
            time_base: self.track.as_ref()?.time_base,
        })
    }

    /// Ends the current clip. `next_native` is the number of the source frame after it.
    fn cut(&mut self, next_native: usize) -> Option<CutClip> {
        let times = self.times_of(&self.kept)?;
        let pictures = ClipPictures {
            rgb: std::mem::take(&mut self.rgb),
            planes: std::mem::take(&mut self.planes),
            infos: std::mem::take(&mut self.kept),
            next_native,
        };
        Some(scored_clip(&self.origin, &self.format, self.track.as_ref()?, times, pictures))
    }
}
