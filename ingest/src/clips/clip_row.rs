//! The row of a clip: its scores, its times and its actions.

use std::borrow::Cow;
use std::ops::Range;

use genie_shards::{ClipMeta, ClipRow, Frames, Scores, Split};

use super::effect;
use super::frame_times::{FrameTimes, scored, scored_fps, source_fps};
use super::sidecar::Sidecar;
use crate::analysis::{Plane, fingerprint, scores};
use crate::config::{ClipFormat, FrameFormat, SamplingRate};
use crate::decode::Track;
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

/// The metadata of a sampled frame.
#[derive(Clone, Copy)]
pub struct FrameInfo {
    pub pts: i64,
    /// Number of the source frame.
    pub native: usize,
    pub corrupt: bool,
    /// It repeats the frame before, because the source has few frames per second.
    pub repeated: bool,
}

/// The frames of a clip.
pub struct ClipPictures {
    /// Pixels, `[t, h, w, c]`.
    pub rgb: Vec<u8>,
    pub planes: Vec<Plane>,
    /// One for each frame, at least one.
    pub infos: Vec<FrameInfo>,
    /// Number of the source frame after the clip.
    pub next_native: usize,
}

/// Scores a clip and fills its row.
pub fn scored_clip(
    origin: &ClipOrigin<'_>,
    format: &ClipFormat,
    track: &Track,
    times: FrameTimes,
    pictures: ClipPictures,
) -> CutClip {
    let (kept, ClipFormat { frame: format, min_frames, .. }) = (&pictures.infos, *format);
    let ends = kept.iter().skip(1).map(|frame| frame.native).chain([pictures.next_native]);
    let rows: Vec<_> =
        kept.iter().zip(ends).map(|(frame, end)| frame.native..end.max(frame.native)).collect();
    let frames = Frames {
        t: kept.len(),
        height: format.height as usize,
        width: format.width as usize,
        data: pictures.rgb,
    };
    let native = kept.first().map(|frame| frame.native);
    let after = rows.last().map_or(0, |rows| rows.end);
    let spanned = after.saturating_sub(native.unwrap_or(0));
    let (fps, source_fps) = match format.rate {
        SamplingRate::Fixed(fps) => (fps, source_fps(track.fps, spanned, kept.len() as f64 / fps)),
        SamplingRate::Own => (times.own_fps(track.fps), times.own_fps(track.fps)),
    };
    let (seen, planes) = only(&frames, pictures.planes, &scored(kept.len(), fps, format.rate));
    // The clip's first frame repeats none of its frames.
    let repeated = kept.iter().skip(1).filter(|frame| frame.repeated).count();
    #[expect(clippy::cast_possible_truncation, reason = "a share needs no f64")]
    let scores = Scores {
        distinct_share: (1.0 - repeated as f64 / kept.len() as f64) as f32,
        letterbox: track.letterbox as f32,
        fingerprint: fingerprint(&planes, scored_fps(fps, format.rate)),
        ..scores::of(&seen, &planes)
    };
    let sidecar = origin.sidecar.filter(|sidecar| sidecar.covers(native.unwrap_or(0)));
    let effects: Option<Vec<u8>> =
        sidecar.and_then(|sidecar| rows.iter().map(|rows| sidecar.effect(rows)).collect());
    let meta = ClipMeta {
        clip_id: clip_id(origin.source_id, track, (times.first, times.last), native, format),
        source_id: origin.source_id.to_owned(),
        source_path: origin.source_path.to_owned(),
        split: origin.split,
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
    CutClip { row: ClipRow { meta, reason, ..ClipRow::default() }, frames }
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
