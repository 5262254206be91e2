//! The measurement: runs the models over the chosen windows and keeps scores, not frames.
//!
//! For every window, four continuations start from the same prompt frames and, by the same sampler seed, from the same
//! noise: with the latent actions inferred from the clip itself, with uniformly random ones (several draws), and with
//! the clip's own shuffled in time (as many draws). What differs between the arms is the actions alone: a model that
//! ignores them scores a difference of exactly zero. All are compared with the clip's real frames, as the paper does.
//!
//! From the first few windows, the starts, each latent action is also held for a few frames: what moves then, and whether
//! it is the same from every start, says what the action does.
//!
//! Numbering: `t` counts frames of a window from 0, so with one prompt frame, frame `t` is the `t`-th generated one and
//! was reached by `t` actions. Actions that lead to frames of the prompt are part of what is given: every arm keeps
//! them as inferred.
//!
//! Memory holds one batch of video and, of the first few windows, the frames for the pictures; it does not grow with
//! the number of windows but for their scores.

mod batch;

use std::ops::Range;

use anyhow::{Result, ensure};

pub use genie_shards::WindowScores;

use crate::measure::batch::Batch;
use crate::perceptual::FrameDistance;
use crate::world::{Checked, Video, WorldModel};

/// How many frames of a held action are looked at for motion: the paper's t = 4. Longer, and a held jump is a fall, too.
pub const HOLD: usize = 4;

/// A window of held-out footage.
#[derive(Debug, Clone)]
pub struct Window {
    /// Content hash of the recording.
    pub source: String,
    /// The recording's name, for people.
    pub name: String,
    pub clip_id: String,
    /// First frame within the clip.
    pub first: usize,
    /// True actions between its frames, where known.
    pub truth: Option<Vec<u8>>,
    /// True displacement classes between its frames, where known.
    pub effects: Option<Vec<u8>>,
}

/// What is measured, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Frames given at the start of every rollout.
    pub prompt_frames: usize,
    /// Draws of random actions, and of shuffles in time.
    pub samples: usize,
    /// Windows that go through the models at once.
    pub batch: usize,
    pub seed: u64,
    /// Of how many windows to keep the frames.
    pub scenes: usize,
    /// For how many windows to keep the frames of each latent action held.
    pub held: usize,
    /// From how many windows to hold each latent action.
    pub starts: usize,
    /// Whether rollouts are led by the actions that were played, for a model that was trained with those.
    pub true_actions: bool,
}

/// Told how far the measurement is; asked whether to go on.
pub trait Watch {
    /// `count` more of [`Settings::work`] are done.
    fn advance(&self, count: usize);
    /// The same of what an earlier run did.
    fn found(&self, count: usize) {
        self.advance(count);
    }
    /// Whether to stop; asked between two runs of a model.
    fn stopped(&self) -> bool;
    /// Shown the next windows as generated with their inferred actions, prompt and all.
    ///
    /// # Errors
    /// The watcher's own, which end the measurement.
    fn generated(&self, _clips: &Video) -> Result<()> {
        Ok(())
    }
    /// The scores of a batch that an earlier run measured, where they were kept.
    fn kept(&self, _batch: Range<usize>) -> Option<Vec<WindowScores>> {
        None
    }
    /// Shown the scores of a batch, to keep them: those of the windows from position `first` on.
    ///
    /// # Errors
    /// The watcher's own, which end the measurement.
    fn measured(&self, _first: usize, _scores: &[WindowScores]) -> Result<()> {
        Ok(())
    }
}

impl Settings {
    /// Units of work for some of the windows: one for tokenizer and actions, one for each rollout, and one for the held actions of each
    /// start.
    #[must_use]
    pub fn work(&self, windows: Range<usize>) -> usize {
        let starts = windows.end.min(self.starts).saturating_sub(windows.start);
        windows.len() * (2 + 2 * self.samples) + starts
    }

    /// Positions of the windows that go through the models together.
    pub fn batches(&self, windows: usize) -> impl Iterator<Item = Range<usize>> {
        let size = self.batch;
        (0..windows).step_by(size).map(move |start| start..(start + size).min(windows))
    }

    /// Whether the scores are all there is to keep of a batch: pictures need its frames.
    #[must_use]
    pub fn keeps(&self, batch: &Range<usize>) -> bool {
        batch.start >= self.scenes
    }
}

/// Frames of one window, for the pictures.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Position in the list of windows.
    pub window: usize,
    pub latent: Vec<u8>,
    pub real: Video,
    pub reconstructed: Video,
    pub inferred: Video,
    pub random: Video,
    /// One clip for each latent action: the same start, that action held. Empty for most scenes.
    pub held: Option<Video>,
}

/// Everything that was measured.
#[derive(Debug, Clone)]
pub struct Measurement {
    pub frames: usize,
    pub height: usize,
    pub width: usize,
    /// How often each tokenizer code occurs.
    pub token_counts: Vec<u64>,
    /// How often each latent action occurs.
    pub action_counts: Vec<u64>,
    pub scores: Vec<WindowScores>,
    pub scenes: Vec<Scene>,
}

/// The footage to measure on, and what it is compared by.
pub struct Material<'a> {
    pub windows: &'a [Window],
    /// Reads a window as `[1, t, h, w, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<Video>,
    /// The mean of training footage, `[h, w, 3]`, where there is any.
    pub mean_frame: Option<&'a [u8]>,
    /// How different frames look, where somebody can tell.
    pub frame_distance: Option<&'a dyn FrameDistance>,
}

impl Measurement {
    /// Adds the next window.
    fn add(&mut self, scores: WindowScores) {
        let codes = self.token_counts.iter_mut().zip(&scores.token_counts);
        codes.for_each(|(sum, &count)| *sum += u64::from(count));
        scores.latent.iter().for_each(|&action| self.action_counts[usize::from(action)] += 1);
        self.scores.push(scores);
    }
}

/// Runs the models over all windows, of which there is at least one. `None` when stopped on the way.
///
/// # Errors
/// When a window cannot be read, the windows differ in size, or the models do not fit them (see [`Checked`]).
pub fn measure(
    model: &dyn WorldModel,
    material: &Material<'_>,
    settings: &Settings,
    watch: &dyn Watch,
) -> Result<Option<Measurement>> {
    let &Material { windows, load, mean_frame, frame_distance } = material;
    let model = Checked(model);
    let first = load(0)?;
    ensure!(
        settings.prompt_frames < first.frames,
        "[evaluate] prompt_frames = {} leaves nothing to generate in windows of {} frames: make it smaller",
        settings.prompt_frames,
        first.frames,
    );
    let mut found = Measurement {
        frames: first.frames,
        height: first.height,
        width: first.width,
        token_counts: vec![0; model.0.codebook_size()],
        action_counts: vec![0; model.0.num_actions()],
        scores: Vec::with_capacity(windows.len()),
        scenes: Vec::new(),
    };
    for range in settings.batches(windows.len()) {
        let keeps = settings.keeps(&range);
        if let Some(kept) = keeps.then(|| watch.kept(range.clone())).flatten() {
            for scores in kept {
                found.add(scores);
            }
            continue;
        }
        let Range { start, end } = range;
        let real = load_batch(windows, start..end, load)?;
        let windows = &windows[start..end];
        let batch = Batch {
            model: &model,
            settings,
            watch,
            start,
            windows,
            mean_frame,
            frame_distance,
            real,
        };
        if batch.run(&mut found)?.is_none() {
            return Ok(None);
        }
        if keeps {
            watch.measured(start, &found.scores[start..])?;
        }
    }
    Ok(Some(found))
}

/// Some windows together, `[b, t, h, w, 3]`.
pub(crate) fn load_batch(
    windows: &[Window],
    range: Range<usize>,
    load: &dyn Fn(usize) -> Result<Video>,
) -> Result<Video> {
    let mut batch = load(range.start)?;
    for index in range.skip(1) {
        let next = load(index)?;
        let (got, expected) =
            ((next.frames, next.height, next.width), (batch.frames, batch.height, batch.width));
        ensure!(
            got == expected,
            "clip {} has windows of (frames, height, width) = {got:?}, others of {expected:?}: ingest them at one size",
            windows[index].clip_id,
        );
        batch.batch += 1;
        batch.data.extend(next.data);
    }
    Ok(batch)
}
