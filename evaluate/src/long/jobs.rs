//! All long rollouts, in pieces: a piece is finished, stored, or not begun.

use std::ops::Range;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::distance::Encoders;
use crate::held_out::LongClip;
use crate::long::back::{OppositeActions, WAYS, WayScores};
use crate::long::batch::LongBatch;
use crate::long::curve::{marks, points};
use crate::long::kept::KeptJobs;
use crate::long::objects::{ComparedClips, Expected};
use crate::long::scores::ClipScores;
use crate::long::settings::LongSettings;
use crate::long::windows::features;
use crate::measure::{FrameDistance, MeasurementObserver};
use crate::world::{ActionBatch, Checked, VideoBatch, WorldModel};

/// The clips, and what they are compared with.
pub struct LongInputs<'a> {
    pub clips: &'a [LongClip],
    /// Reads the first frames of a clip as `[1, time, height, width, 3]`.
    pub load: &'a dyn Fn(&LongClip, usize) -> Result<VideoBatch>,
    /// Mean frame of the training clips, `[height, width, 3]`, if there are training clips.
    pub mean_frame: Option<&'a [u8]>,
    /// LPIPS, if its weights are given.
    pub frame_distance: Option<&'a dyn FrameDistance>,
    /// Encoders of windows; empty if no distance can be measured.
    pub encoders: &'a Encoders,
    /// Pairs of actions for the way there and back.
    pub opposites: &'a [OppositeActions],
}

/// Frames of one clip at the marked times, for the report's pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct LongStrip {
    /// Position in the list of clips.
    pub clip: usize,
    /// The shown frames t.
    pub times: Vec<usize>,
    /// Real and generated frame at each time, each `[height, width, 3]`.
    pub real: Vec<Vec<u8>>,
    pub generated: Vec<Vec<u8>>,
    pub height: usize,
    pub width: usize,
}

/// One clip from which each latent action was held for the whole length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldScores {
    /// Frames of the rollouts.
    pub frames: usize,
    /// For each kind of objects and each latent action: whether there are as many as in the prompt.
    ///
    /// `None` for objects that the prompt does not show.
    pub objects: Vec<Option<Vec<Vec<bool>>>>,
}

/// The results of all long rollouts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LongMeasurement {
    /// One entry for each clip.
    pub clips: Vec<ClipScores>,
    /// One entry for each of the first clips.
    pub held: Vec<HeldScores>,
    /// One entry for each way there and back.
    pub ways: Vec<WayScores>,
    pub strips: Vec<LongStrip>,
}

/// Divides the clips into batches of clips with equally many frames.
fn batches(clips: &[LongClip], settings: &LongSettings) -> Vec<Range<usize>> {
    let frames = |clip: usize| settings.frames(clips[clip].frames);
    let mut batches: Vec<Range<usize>> = Vec::new();
    for clip in 0..clips.len() {
        match batches.last_mut() {
            Some(last) if last.len() < settings.batch && frames(last.start) == frames(clip) => {
                last.end = clip + 1;
            }
            _ => batches.push(clip..clip + 1),
        }
    }
    batches
}

/// Runs all long rollouts; `None` if the observer stops it.
///
/// Finished pieces are stored in `kept`, except the batches with pictures.
///
/// # Errors
/// Fails if a clip cannot be read, or if the models do not fit the clips (see [`Checked`]).
pub fn measure_long(
    model: &dyn WorldModel,
    inputs: &LongInputs<'_>,
    settings: &LongSettings,
    kept: &KeptJobs,
    observer: &dyn MeasurementObserver,
) -> Result<Option<LongMeasurement>> {
    let jobs = Jobs { model: &Checked(model), inputs, settings, kept, observer };
    let mut found = LongMeasurement::default();
    for range in batches(inputs.clips, settings) {
        let work = range.len() * settings.frames(inputs.clips[range.start].frames);
        let scores = if range.start < settings.strips {
            if observer.stopped() {
                return Ok(None);
            }
            let (scores, strips) = jobs.clips(range)?;
            found.strips.extend(strips);
            observer.advance(work);
            Some(scores)
        } else {
            let name = format!("clips-{}-{}", range.start, range.end);
            jobs.piece(&name, work, || Ok(jobs.clips(range)?.0))?
        };
        let Some(scores) = scores else { return Ok(None) };
        found.clips.extend(scores);
    }
    let codes = model.num_actions();
    for clip in 0..settings.held_starts(inputs.clips.len(), codes) {
        let work = codes * settings.frames(inputs.clips[clip].frames);
        let Some(held) = jobs.piece(&format!("held-{clip}"), work, || jobs.held(clip))? else {
            return Ok(None);
        };
        found.held.push(held);
    }
    for range in jobs.start_batches() {
        for &actions in inputs.opposites {
            for frames in WAYS {
                let OppositeActions { there, back } = actions;
                let name = format!("way-{}-{}-{there}-{back}-{frames}", range.start, range.end);
                let way = || jobs.way(range.clone(), actions, frames);
                let Some(scores) = jobs.piece(&name, range.len() * 2 * frames, way)? else {
                    return Ok(None);
                };
                found.add_way(scores);
            }
        }
    }
    Ok(Some(found))
}

/// Returns the number of generated frames of all long rollouts.
#[must_use]
pub fn long_work(inputs: &LongInputs<'_>, settings: &LongSettings, codes: usize) -> usize {
    let frames = |clip: &LongClip| settings.frames(clip.frames);
    let clips: usize = inputs.clips.iter().map(frames).sum();
    let starts = settings.held_starts(inputs.clips.len(), codes);
    let held: usize = inputs.clips[..starts].iter().map(|clip| codes * frames(clip)).sum();
    let ways = settings.starts.min(inputs.clips.len())
        * inputs.opposites.len()
        * WAYS.into_iter().map(|frames| 2 * frames).sum::<usize>();
    clips + held + ways
}

impl LongMeasurement {
    /// Adds scores of more clips to the entry of the same way, or a new entry.
    fn add_way(&mut self, scores: WayScores) {
        let same =
            |way: &&mut WayScores| (way.actions, way.frames) == (scores.actions, scores.frames);
        match self.ways.iter_mut().find(same) {
            Some(way) => {
                way.there.extend(scores.there);
                way.back.extend(scores.back);
            }
            None => self.ways.push(scores),
        }
    }
}

/// The pieces of work.
struct Jobs<'a> {
    model: &'a Checked<'a>,
    inputs: &'a LongInputs<'a>,
    settings: &'a LongSettings,
    kept: &'a KeptJobs,
    observer: &'a dyn MeasurementObserver,
}

impl Jobs<'_> {
    /// Returns the stored result of a piece, or does the piece and stores it.
    fn piece<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        work: usize,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<Option<T>> {
        if let Some(found) = self.kept.find(name) {
            self.observer.found(work);
            return Ok(Some(found));
        }
        if self.observer.stopped() {
            return Ok(None);
        }
        let result = run()?;
        self.kept.keep(name, &result)?;
        self.observer.advance(work);
        Ok(Some(result))
    }

    /// Reads `frames` frames of some clips.
    fn batch(&self, range: Range<usize>, frames: usize) -> Result<LongBatch<'_>> {
        let clips = &self.inputs.clips[range.clone()];
        let mut real = (self.inputs.load)(&clips[0], frames)?;
        for clip in &clips[1..] {
            let next = (self.inputs.load)(clip, frames)?;
            ensure!(
                (next.frames, next.height, next.width) == (real.frames, real.height, real.width),
                "clip {} has another size than other clips: ingest all clips at one size",
                clip.window.clip_id,
            );
            real.batch += 1;
            real.data.extend(next.data);
        }
        let (model, settings) = (self.model, self.settings);
        Ok(LongBatch { model, settings, first: range.start, clips, real })
    }

    /// Generates whole clips and compares them with the recording.
    fn clips(&self, range: Range<usize>) -> Result<(Vec<ClipScores>, Vec<LongStrip>)> {
        let (inputs, settings) = (self.inputs, self.settings);
        let frames = settings.frames(inputs.clips[range.start].frames);
        let batch = self.batch(range.clone(), frames)?;
        let (prompt, latent) = batch.inputs()?;
        let reconstructed = batch.reconstructed()?;
        let generated = batch.rollout(&prompt, &latent)?;
        let real = &batch.real;
        let compared = ComparedClips { real, reconstructed: &reconstructed, generated: &generated };
        let windows = features(inputs.encoders, settings, real, &generated)?;
        let mut scores = Vec::with_capacity(real.batch);
        for (b, windows) in windows.into_iter().enumerate() {
            let name = &inputs.clips[range.start + b].window.name;
            let found =
                compared.scores((b, name), settings, inputs.mean_frame, inputs.frame_distance)?;
            scores.push(ClipScores { windows, ..found });
        }
        let times: Vec<usize> =
            std::iter::once(0).chain(marks(settings.prompt_frames, frames)).collect();
        let strip = |b: usize| {
            let of =
                |video: &VideoBatch| times.iter().map(|&t| video.frame(b, t).to_vec()).collect();
            LongStrip {
                clip: range.start + b,
                times: times.clone(),
                real: of(real),
                generated: of(&generated),
                height: real.height,
                width: real.width,
            }
        };
        let shown = settings.strips.saturating_sub(range.start).min(real.batch);
        Ok((scores, (0..shown).map(strip).collect()))
    }

    /// Holds each latent action from clip `clip` on, for the clip's whole length.
    fn held(&self, clip: usize) -> Result<HeldScores> {
        let settings = self.settings;
        let frames = settings.frames(self.inputs.clips[clip].frames);
        let batch = self.batch(clip..clip + 1, settings.window)?;
        let (prompt, latent) = batch.inputs()?;
        let (codes, given) = (self.model.0.num_actions(), prompt.frames - 1);
        let steps = frames - 1;
        let data = (0..codes)
            .flat_map(|code| {
                let held = u8::try_from(code).unwrap_or(u8::MAX);
                let first = latent.window(0)[..given].iter().copied();
                first.chain(std::iter::repeat_n(held, steps - given))
            })
            .collect();
        let actions = ActionBatch { batch: codes, steps, data };
        let video = batch.play(&prompt.repeat(0, codes), &actions, &vec![batch.seed(0); codes])?;
        let last = batch.real.frame(0, prompt.frames - 1);
        let name = &self.inputs.clips[clip].window.name;
        let objects = settings
            .objects
            .iter()
            .map(|object| {
                if !object.is_in(name) {
                    return None;
                }
                let expected = Expected::of(last, batch.real.width, object)?;
                let of = |code| {
                    let points = points(settings.prompt_frames, frames);
                    expected.are_in(&video, code, points)
                };
                Some((0..codes).map(of).collect())
            })
            .collect();
        Ok(HeldScores { frames, objects })
    }

    /// Returns the batches of the clips from which actions go there and back.
    fn start_batches(&self) -> impl Iterator<Item = Range<usize>> {
        let (starts, size) =
            (self.settings.starts.min(self.inputs.clips.len()), self.settings.batch);
        (0..starts).step_by(size).map(move |first| first..(first + size).min(starts))
    }

    fn way(
        &self,
        range: Range<usize>,
        actions: OppositeActions,
        frames: usize,
    ) -> Result<WayScores> {
        let batch = self.batch(range, self.settings.window)?;
        let (prompt, latent) = batch.inputs()?;
        batch.there_and_back(&prompt, &latent, actions, frames)
    }
}
