//! Cutting a source's sampled frames into clips.
//!
//! A clip never spans two shots ([`ShotDetector`]). Within a shot clips are of equal length; what is left at its end is a
//! shorter clip, or too short and only noted. A clip's last action is what was pressed until the next clip's first frame, so a
//! clip is finished only when that frame is known.

use std::collections::{HashSet, VecDeque};

use genie_shards::{ClipMeta, ClipRow, Frames, Scores, Split};

use crate::actions::Sidecar;
use crate::analysis::{Plane, ShotDetector, fingerprint, scores};
use crate::config::IngestConfig;
use crate::decode::{Sampled, Track};
use crate::effect;
use crate::reject::Reason;

/// What all clips of a source share.
pub struct Origin<'a> {
    pub source_id: &'a str,
    pub source_path: &'a str,
    pub split: Split,
    pub sidecar: Option<&'a Sidecar>,
}

/// A clip that was cut: scored, and with a reason if it is too short, but not judged yet.
pub struct Cut {
    pub row: ClipRow,
    pub frames: Frames,
}

/// Collects frames until they make a clip.
pub struct Cutter<'a> {
    origin: Origin<'a>,
    config: &'a IngestConfig,
    shots: Option<ShotDetector>,
    track: Option<Track>,
    /// Frames of which it is not known yet whether they begin a shot.
    ahead: VecDeque<(Vec<u8>, Plane, Kept)>,
    /// Frames of the clip that is being collected: their pixels, small pictures and the rest.
    rgb: Vec<u8>,
    planes: Vec<Plane>,
    kept: Vec<Kept>,
}

/// What is kept of a sampled frame beside its pixels.
struct Kept {
    pts: i64,
    native: usize,
    corrupt: bool,
}

impl<'a> Cutter<'a> {
    pub fn new(origin: Origin<'a>, config: &'a IngestConfig) -> Self {
        let shots = Some(ShotDetector::default());
        let (ahead, rgb, planes, kept) = Default::default();
        Self { origin, config, shots, track: None, ahead, rgb, planes, kept }
    }

    /// Takes a frame; returns the clip that is full or at the end of its shot, if one is.
    pub fn push(&mut self, track: &Track, frame: &Sampled<'_>) -> Option<Cut> {
        if self.track.is_none() {
            self.track = Some(track.clone());
        }
        let plane = Plane::of(frame.rgb, self.config.width as usize, self.config.height as usize);
        let kept = Kept { pts: frame.pts, native: frame.native, corrupt: frame.corrupt };
        self.ahead.push_back((frame.rgb.to_vec(), plane.clone(), kept));
        let begins_shot = self.shots.as_mut()?.push(plane)?;
        self.place(begins_shot)
    }

    /// The last clips; `native_frames` is how many frames the source has.
    pub fn finish(mut self, native_frames: usize) -> Vec<Cut> {
        let labels: Vec<bool> =
            self.shots.take().map(|shots| shots.finish().collect()).unwrap_or_default();
        let mut cuts: Vec<Cut> =
            labels.into_iter().filter_map(|begins_shot| self.place(begins_shot)).collect();
        cuts.extend(self.cut(native_frames));
        cuts
    }

    /// Puts the oldest frame ahead into a clip: the one that is being collected, or a new one.
    fn place(&mut self, begins_shot: bool) -> Option<Cut> {
        let (rgb, plane, frame) = self.ahead.pop_front()?;
        let full = self.kept.len() >= self.config.clip_frames();
        let cut = if full || begins_shot { self.cut(frame.native) } else { None };
        self.rgb.extend(rgb);
        self.planes.push(plane);
        self.kept.push(frame);
        cut
    }

    /// The clip that was collected; `next_native` is the native frame that follows it.
    fn cut(&mut self, next_native: usize) -> Option<Cut> {
        let track = self.track.as_ref()?;
        let kept = std::mem::take(&mut self.kept);
        let (first, last) = (kept.first()?.pts, kept.last()?.pts);
        let config = self.config;
        let ends = kept.iter().skip(1).map(|frame| frame.native).chain([next_native]);
        let rows: Vec<_> =
            kept.iter().zip(ends).map(|(frame, end)| frame.native..end.max(frame.native)).collect();
        let frames = Frames {
            t: kept.len(),
            height: config.height as usize,
            width: config.width as usize,
            data: std::mem::take(&mut self.rgb),
        };
        let planes = std::mem::take(&mut self.planes);
        let distinct = kept.iter().map(|frame| frame.native).collect::<HashSet<_>>().len();
        #[expect(clippy::cast_possible_truncation, reason = "a share")]
        let scores = Scores {
            distinct_share: (distinct as f64 / kept.len() as f64) as f32,
            letterbox: track.letterbox as f32,
            fingerprint: fingerprint(&planes).map(Vec::from).unwrap_or_default(),
            ..scores::of(&frames, &planes)
        };
        let sidecar = self.origin.sidecar;
        let effects: Option<Vec<u8>> =
            sidecar.and_then(|sidecar| rows.iter().map(|rows| sidecar.effect(rows)).collect());
        let meta = ClipMeta {
            clip_id: clip_id(
                self.origin.source_id,
                track,
                (first, last),
                kept.first().map(|frame| frame.native),
                config,
            ),
            source_id: self.origin.source_id.to_owned(),
            source_path: self.origin.source_path.to_owned(),
            split: self.origin.split,
            stream: track.stream,
            start_pts: first,
            end_pts: last,
            time_base: track.time_base,
            frame_pts: kept.iter().map(|frame| frame.pts).collect(),
            fps: config.fps,
            width: config.width,
            height: config.height,
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
            scores,
        };
        let short = meta.frame_count() < config.min_frames as usize;
        let reason = short.then(|| Reason::TooShort.code().to_owned());
        Some(Cut { row: ClipRow { meta, kept: false, reason, duplicate_of: None }, frames })
    }
}

/// A name made of everything that decides a clip's pixels. Time stamps alone do not: in joined recordings they come twice.
fn clip_id(
    source_id: &str,
    track: &Track,
    (start, end): (i64, i64),
    native: Option<usize>,
    config: &IngestConfig,
) -> String {
    let (aspect, crop) =
        (config.aspect.name(), track.crop.map(|crop| (crop.x, crop.y, crop.width, crop.height)));
    let turned = format!("rotate {} mirror {}", track.rotation, track.mirrored);
    let transform = format!(
        "rgb24 {aspect} {crop:?} {}x{} fps {} {turned}",
        config.width, config.height, config.fps
    );
    let name = format!(
        "{source_id} stream {} frame {native:?} pts {start} {end} {transform}",
        track.stream
    );
    let mut id = blake3::hash(name.as_bytes()).to_hex().to_string();
    id.truncate(32);
    id
}
