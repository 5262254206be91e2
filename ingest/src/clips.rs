//! Cutting a source's sampled frames into clips.
//!
//! Clips are of equal length; what is left at the end is a shorter clip, or too short and only noted. A clip's last
//! action is what was pressed until the next clip's first frame, so a clip is finished only when that frame is known.

use genie_shards::{Clip, ClipMeta, Frames, Split};

use crate::actions::Sidecar;
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

/// A clip that was cut, and why it is not to be kept, if so.
pub struct Cut {
    pub clip: Clip,
    pub rejected: Option<Reason>,
}

/// Collects frames until they make a clip.
pub struct Cutter<'a> {
    origin: Origin<'a>,
    config: &'a IngestConfig,
    track: Option<Track>,
    rgb: Vec<u8>,
    pts: Vec<i64>,
    native: Vec<usize>,
    corrupt: u32,
}

impl<'a> Cutter<'a> {
    pub fn new(origin: Origin<'a>, config: &'a IngestConfig) -> Self {
        Self { origin, config, track: None, rgb: Vec::new(), pts: Vec::new(), native: Vec::new(), corrupt: 0 }
    }

    /// Takes a frame; returns the clip before it if it was full.
    pub fn push(&mut self, track: &Track, frame: &Sampled<'_>) -> Option<Cut> {
        let full = self.pts.len() >= self.config.clip_frames();
        let cut = if full { self.cut(frame.native) } else { None };
        if self.track.is_none() {
            self.track = Some(track.clone());
        }
        self.rgb.extend_from_slice(frame.rgb);
        self.pts.push(frame.pts);
        self.native.push(frame.native);
        self.corrupt += u32::from(frame.corrupt);
        cut
    }

    /// The last clip; `native_frames` is how many frames the source has.
    pub fn finish(mut self, native_frames: usize) -> Option<Cut> {
        self.cut(native_frames)
    }

    fn cut(&mut self, next_native: usize) -> Option<Cut> {
        let track = self.track.as_ref()?;
        let (first, last) = (*self.pts.first()?, *self.pts.last()?);
        let config = self.config;
        let native = std::mem::take(&mut self.native);
        let ends = native.iter().skip(1).copied().chain([next_native]);
        let rows: Vec<_> = native.iter().zip(ends).map(|(&start, end)| start..end.max(start)).collect();
        let frames = Frames {
            t: self.pts.len(),
            height: config.height as usize,
            width: config.width as usize,
            data: std::mem::take(&mut self.rgb),
        };
        let sidecar = self.origin.sidecar;
        let effects: Option<Vec<u8>> =
            sidecar.and_then(|sidecar| rows.iter().map(|rows| sidecar.effect(rows)).collect());
        let meta = ClipMeta {
            clip_id: clip_id(self.origin.source_id, track, (first, last), native.first().copied(), config),
            source_id: self.origin.source_id.to_owned(),
            source_path: self.origin.source_path.to_owned(),
            split: self.origin.split,
            stream: track.stream,
            start_pts: first,
            end_pts: last,
            time_base: track.time_base,
            frame_pts: std::mem::take(&mut self.pts),
            fps: config.fps,
            width: config.width,
            height: config.height,
            color_matrix: track.colour.matrix.clone(),
            color_range: track.colour.range.clone(),
            color_transfer: track.colour.transfer.clone(),
            rotation: track.rotation,
            corrupt_frames: std::mem::take(&mut self.corrupt),
            actions: sidecar.map(|sidecar| rows.iter().map(|rows| sidecar.action(rows)).collect()),
            action_names: sidecar.map(|sidecar| sidecar.names.clone()),
            effect_names: effects.is_some().then(|| effect::NAMES.map(str::to_owned).to_vec()),
            effects,
            motion: motion(&frames),
        };
        let short = meta.frame_count() < config.min_frames as usize;
        Some(Cut { clip: Clip { meta, frames }, rejected: short.then_some(Reason::TooShort) })
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
    let (aspect, crop) = (config.aspect.name(), track.crop.map(|crop| (crop.x, crop.y, crop.width, crop.height)));
    let turned = format!("rotate {} mirror {}", track.rotation, track.mirrored);
    let transform = format!("rgb24 {aspect} {crop:?} {}x{} fps {} {turned}", config.width, config.height, config.fps);
    let name = format!("{source_id} stream {} frame {native:?} pts {start} {end} {transform}", track.stream);
    let mut id = blake3::hash(name.as_bytes()).to_hex().to_string();
    id.truncate(32);
    id
}

/// Mean absolute difference between neighbouring frames, 0 to 1.
#[expect(clippy::cast_possible_truncation, reason = "a score of seven digits")]
fn motion(frames: &Frames) -> f32 {
    let size = frames.height * frames.width * 3;
    if frames.t < 2 || size == 0 {
        return 0.0;
    }
    let (before, after) = (&frames.data[..frames.data.len() - size], &frames.data[size..]);
    let sum: u64 = before.iter().zip(after).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    (sum as f64 / before.len() as f64 / 255.0) as f32
}
