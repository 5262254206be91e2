//! Cutting a source's sampled frames into clips.
//!
//! A clip is always inside one shot ([`ShotDetector`]). Within a shot all clips have the same
//! length, but the last one may be shorter. If that one is too short, it gets a row but no frames
//! in a shard. [`FrameTimes`] says where a clip of the source's own rate ends.
//!
//! A clip's last action covers the time until the next clip's first frame. So a clip is complete
//! only when the next frame is known.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use genie_shards::{ClipMeta, ClipRow, Frames, Scores, Split};

use super::frame_times::{FrameTimes, scored, scored_fps, source_fps};
use super::sidecar::Sidecar;
use crate::analysis::{Plane, ShotDetector, fingerprint, scores};
use crate::config::{ClipFormat, FrameFormat, SamplingRate, clip_frames};
use crate::decode::{Sampled, Track};
use crate::effect;
use crate::reject::Reason;

/// The properties that all clips of a source share.
pub struct ClipOrigin<'a> {
    pub source_id: &'a str,
    pub source_path: &'a str,
    pub split: Split,
    pub sidecar: Option<&'a Sidecar>,
}

/// A scored clip before the verdict. Its row has a reason if the clip is too short.
pub struct CutClip {
    pub row: ClipRow,
    pub frames: Frames,
}

/// Collects frames until they form a clip.
pub struct ClipCutter<'a> {
    origin: ClipOrigin<'a>,
    format: ClipFormat,
    shots: Option<ShotDetector>,
    track: Option<Track>,
    /// Frames for which the shot detector has not decided yet whether they start a shot.
    ahead: VecDeque<(Vec<u8>, Plane, FrameInfo)>,
    /// Pixels of the current clip, `[t, h, w, c]`.
    rgb: Vec<u8>,
    planes: Vec<Plane>,
    kept: Vec<FrameInfo>,
}

/// The metadata of a sampled frame.
struct FrameInfo {
    pts: i64,
    /// Number of the source frame.
    native: usize,
    corrupt: bool,
}

impl<'a> ClipCutter<'a> {
    /// A cutter for one source.
    pub fn new(origin: ClipOrigin<'a>, format: ClipFormat) -> Self {
        let shots = Some(ShotDetector::default());
        let (ahead, rgb, planes, kept) = Default::default();
        Self { origin, format, shots, track: None, ahead, rgb, planes, kept }
    }

    /// Adds a frame. Returns a clip if one is full or its shot has ended.
    pub fn push(&mut self, track: &Track, frame: &Sampled<'_>) -> Option<CutClip> {
        if self.track.is_none() {
            self.track = Some(track.clone());
        }
        let plane = Plane::of(
            frame.rgb,
            self.format.frame.width as usize,
            self.format.frame.height as usize,
        );
        let kept = FrameInfo { pts: frame.pts, native: frame.native, corrupt: frame.corrupt };
        self.ahead.push_back((frame.rgb.to_vec(), plane.clone(), kept));
        let begins_shot = self.shots.as_mut()?.push(plane)?;
        self.place(begins_shot)
    }

    /// Returns the last clips. `native_frames` is the number of frames in the source.
    pub fn finish(mut self, native_frames: usize) -> Vec<CutClip> {
        let labels: Vec<bool> =
            self.shots.take().map(|shots| shots.finish().collect()).unwrap_or_default();
        let mut cuts: Vec<CutClip> =
            labels.into_iter().filter_map(|begins_shot| self.place(begins_shot)).collect();
        cuts.extend(self.cut(native_frames));
        cuts
    }

    /// Adds the oldest frame in `ahead` to a clip, and returns a finished clip.
    fn place(&mut self, begins_shot: bool) -> Option<CutClip> {
        let (rgb, plane, frame) = self.ahead.pop_front()?;
        let full = match self.format.frame.rate {
            SamplingRate::Fixed(fps) => {
                self.kept.len() >= clip_frames(self.format.clip_seconds, fps)
            }
            SamplingRate::Own => {
                self.times().is_some_and(|times| times.is_full(frame.pts, &self.format))
            }
        };
        let cut = if full || begins_shot { self.cut(frame.native) } else { None };
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
        let track = self.track.as_ref()?;
        let kept = std::mem::take(&mut self.kept);
        let ClipFormat { frame: format, min_frames, .. } = self.format;
        let ends = kept.iter().skip(1).map(|frame| frame.native).chain([next_native]);
        let rows: Vec<_> =
            kept.iter().zip(ends).map(|(frame, end)| frame.native..end.max(frame.native)).collect();
        let frames = Frames {
            t: kept.len(),
            height: format.height as usize,
            width: format.width as usize,
            data: std::mem::take(&mut self.rgb),
        };
        let native = kept.first().map(|frame| frame.native);
        let after = rows.last().map_or(0, |rows| rows.end);
        let spanned = after.saturating_sub(native.unwrap_or(0));
        let (fps, source_fps) = match format.rate {
            SamplingRate::Fixed(fps) => {
                (fps, source_fps(track.fps, spanned, kept.len() as f64 / fps))
            }
            SamplingRate::Own => (times.own_fps(track.fps), times.own_fps(track.fps)),
        };
        let planes = std::mem::take(&mut self.planes);
        let (seen, planes) = only(&frames, planes, &scored(kept.len(), fps, format.rate));
        let distinct = kept.iter().map(|frame| frame.native).collect::<HashSet<_>>().len();
        #[expect(clippy::cast_possible_truncation, reason = "a share needs no f64")]
        let scores = Scores {
            distinct_share: (distinct as f64 / kept.len() as f64) as f32,
            letterbox: track.letterbox as f32,
            fingerprint: fingerprint(&planes, scored_fps(fps, format.rate)),
            ..scores::of(&seen, &planes)
        };
        let sidecar = self.origin.sidecar;
        let effects: Option<Vec<u8>> =
            sidecar.and_then(|sidecar| rows.iter().map(|rows| sidecar.effect(rows)).collect());
        let meta = ClipMeta {
            clip_id: clip_id(
                self.origin.source_id,
                track,
                (times.first, times.last),
                native,
                format,
            ),
            source_id: self.origin.source_id.to_owned(),
            source_path: self.origin.source_path.to_owned(),
            split: self.origin.split,
            stream: track.stream,
            start_pts: times.first,
            end_pts: times.last,
            time_base: track.time_base,
            frame_pts: kept.iter().map(|frame| frame.pts).collect(),
            fps,
            source_fps,
            width: format.width,
            height: format.height,
            color_matrix: track.colour.matrix.clone(),
            color_range: track.colour.range.clone(),
            color_transfer: track.colour.transfer.clone(),
            rotation: track.rotation,
            corrupt_frames: u32::try_from(kept.iter().filter(|frame| frame.corrupt).count())
                .unwrap_or(u32::MAX),
            actions: sidecar.map(|sidecar| rows.iter().map(|rows| sidecar.action(rows)).collect()),
            action_names: sidecar.map(|sidecar| sidecar.names.clone()),
            effect_names: effects.is_some().then(|| effect::NAMES.map(str::to_owned).to_vec()),
            effects,
            mixed_actions: sidecar.map(|sidecar| mixed_share(sidecar, &rows)),
            scores,
        };
        let short = meta.frame_count() < min_frames as usize;
        let reason = short.then(|| Reason::TooShort.code().to_owned());
        Some(CutClip { row: ClipRow { meta, kept: false, reason, duplicate_of: None }, frames })
    }
}

/// The frames and planes with these numbers.
fn only<'a>(
    frames: &'a Frames,
    planes: Vec<Plane>,
    numbers: &[usize],
) -> (Cow<'a, Frames>, Vec<Plane>) {
    if numbers.len() == frames.t {
        return (Cow::Borrowed(frames), planes);
    }
    let data = numbers.iter().filter_map(|&number| frames.frame(number)).flatten().copied();
    let seen = Frames { t: numbers.len(), data: data.collect(), ..*frames };
    (Cow::Owned(seen), numbers.iter().filter_map(|&number| planes.get(number).cloned()).collect())
}

/// The share of a clip's steps that span different true actions.
///
/// `rows` are the source frames of each frame of the clip. The last frame begins no step.
fn mixed_share(sidecar: &Sidecar, rows: &[Range<usize>]) -> f32 {
    let steps = &rows[..rows.len().saturating_sub(1)];
    let mixed = steps.iter().filter(|rows| sidecar.is_mixed(rows)).count();
    #[expect(clippy::cast_possible_truncation, reason = "a share needs no f64")]
    let share = (mixed as f64 / steps.len().max(1) as f64) as f32;
    share
}

/// A hash of everything that determines a clip's pixels.
///
/// Timestamps alone are not enough: in concatenated recordings they can repeat.
fn clip_id(
    source_id: &str,
    track: &Track,
    (start, end): (i64, i64),
    native: Option<usize>,
    format: FrameFormat,
) -> String {
    let (aspect, crop) =
        (format.aspect.name(), track.crop.map(|crop| (crop.x, crop.y, crop.width, crop.height)));
    let turned = format!("rotate {} mirror {}", track.rotation, track.mirrored);
    let rate = match format.rate {
        SamplingRate::Fixed(fps) => fps.to_string(),
        SamplingRate::Own => "own".to_owned(),
    };
    let transform =
        format!("rgb24 {aspect} {crop:?} {}x{} fps {rate} {turned}", format.width, format.height);
    let name = format!(
        "{source_id} stream {} frame {native:?} pts {start} {end} {transform}",
        track.stream
    );
    let mut id = blake3::hash(name.as_bytes()).to_hex().to_string();
    id.truncate(32);
    id
}
