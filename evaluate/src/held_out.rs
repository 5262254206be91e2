//! The held-out windows to measure, and their frames.
//!
//! Only sources of the split `held_out` are opened for measurement. Clips whose frames have another
//! size than the models expect are skipped, with a warning. Labels are used only where their names
//! agree: two recordings that number their actions differently cannot share one confusion table.

mod choose;
mod labelled;
mod labels;
mod long;
#[cfg(test)]
mod tests;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_shards::{
    ClipMeta, ClipRates, ClipStore, ClipTiming, Split, StoredClip, TimingTally, windows_of,
};

pub use labelled::LabelledWindows;
pub use labels::LabelNames;
pub use long::LongClip;
pub use window::HeldOutWindow;

pub use choose::WindowChoice;

use crate::held_out::choose::{ClipCandidate, choose};
use crate::held_out::labels::{NameCounts, agree};
use crate::world::VideoBatch;

/// Largest number of training windows in the mean frame.
const MEAN_FRAME_WINDOWS: usize = 256;

/// The chosen held-out windows, and the store that has their frames.
pub struct HeldOutSet {
    store: ClipStore,
    choices: Vec<WindowChoice>,
    /// Whether each clip of the store has true actions or true effects whose names agree.
    has_labels: Vec<bool>,
    frames: usize,
    pub windows: Vec<HeldOutWindow>,
    pub names: LabelNames,
    /// The highest true action of all held-out clips; 0 if none is known.
    pub highest_action: u8,
    /// Median frame rate of the clips, in frames per second.
    pub fps: f64,
    pub warnings: Vec<String>,
}

impl HeldOutSet {
    /// Chooses at most `count` windows of `frames` frames from the held-out clips.
    ///
    /// `size` is the height and width of the frames that the models expect.
    ///
    /// # Errors
    /// Fails if the clips cannot be read, if no clip is held out, or if no clip fits.
    pub fn open(
        root: &Utf8Path,
        size: (usize, usize),
        frames: usize,
        count: usize,
        seed: u64,
    ) -> Result<HeldOutSet> {
        let store = ClipStore::open(root, Split::HeldOut).context("cannot read the clips")?;
        if store.is_empty() {
            bail!(
                "no clip under {root} is held out, and a model must not be measured on its \
                 training clips: ingest more recordings, or raise [data] held_out and ingest again"
            );
        }
        let choices = spread(&store, size, frames, count, seed);
        if choices.is_empty() {
            bail!(
                "none of the {} held-out clips under {root} has a window of {frames} frames of \
                 {}×{} pixels, which the models expect: ingest at the frame size of the models, or \
                 train on these clips",
                store.len(),
                size.1,
                size.0,
            );
        }
        let mut warnings = Vec::new();
        let left_out = store.clips().iter().filter(|clip| clip.size() != size).count();
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} held-out clips are not {}×{} pixels. They are skipped.",
                size.1, size.0
            ));
        }
        let facts = Facts::of(&store, size, &choices)?;
        let timing = facts.timing.timing();
        warnings.extend(timing.iter().flat_map(ClipTiming::warnings));
        let names = LabelNames {
            actions: facts.actions.most_common("actions", &mut warnings).unwrap_or_default(),
            effects: facts.effects.most_common("effects", &mut warnings).unwrap_or_default(),
        };
        let has_labels = facts.has_labels(&names);
        let chosen = facts.chosen;
        let window =
            |choice: &WindowChoice| window_of(&chosen[&choice.clip], choice.first, frames, &names);
        let windows = choices.iter().map(window).collect();
        let fps = timing.map_or(chosen[&choices[0].clip].fps, |timing| timing.typical);
        let highest_action = facts.highest_action;
        Ok(HeldOutSet {
            store,
            choices,
            has_labels,
            frames,
            windows,
            names,
            highest_action,
            fps,
            warnings,
        })
    }

    /// Computes the mean frame `[height, width, 3]` of the training clips.
    ///
    /// It is the mean of the first frames of at most 256 windows. They have the size of the
    /// held-out windows and are spread over recordings in the same way. `None` if no training clip
    /// has that size.
    ///
    /// # Errors
    /// Fails if the clips cannot be read.
    pub fn mean_frame(&self, root: &Utf8Path, seed: u64) -> Result<Option<Vec<u8>>> {
        let store =
            ClipStore::open(root, Split::Train).context("cannot read the training clips")?;
        let size = self.size();
        let choices = spread(&store, size, self.frames, MEAN_FRAME_WINDOWS, seed);
        let mut sums = vec![0_u64; size.0 * size.1 * 3];
        for choice in &choices {
            let frame = store.window(choice.clip, choice.first, 1)?;
            sums.iter_mut().zip(frame.data).for_each(|(sum, value)| *sum += u64::from(value));
        }
        let count = choices.len() as u64;
        Ok((count > 0).then(|| sums.iter().map(|sum| ((sum + count / 2) / count) as u8).collect()))
    }

    /// Returns height and width of the frames.
    pub fn size(&self) -> (usize, usize) {
        self.store.clips()[self.choices[0].clip].size()
    }

    /// Returns the held-out clips.
    pub fn store(&self) -> &ClipStore {
        &self.store
    }

    /// Reads the frames of window `index` as `[1, time, height, width, 3]`.
    pub fn load(&self, index: usize) -> Result<VideoBatch> {
        load_windows(&self.store, &self.choices[index..=index], self.frames)
    }
}

/// Reads windows of `frames` frames as `[batch, time, height, width, 3]`; all have one size.
///
/// # Errors
/// Fails if a window cannot be read.
pub fn load_windows(
    store: &ClipStore,
    places: &[WindowChoice],
    frames: usize,
) -> Result<VideoBatch> {
    let mut video = VideoBatch { batch: 0, frames, height: 0, width: 0, data: Vec::new() };
    for place in places {
        let window = store.window(place.clip, place.first, frames)?;
        (video.height, video.width) = (window.height, window.width);
        video.batch += 1;
        video.data.extend(window.data);
    }
    Ok(video)
}

/// Makes the window of `frames` frames that begins at frame `first` of a clip.
///
/// Labels whose names do not agree with `names` are left out.
fn window_of(clip: &ClipMeta, first: usize, frames: usize, names: &LabelNames) -> HeldOutWindow {
    let between = |labels: &Option<Vec<u8>>| {
        labels.as_ref().map(|labels| labels[first..first + frames - 1].to_vec())
    };
    let named = |common: &[String], own: &Option<Vec<String>>| agree(common, own.as_deref());
    HeldOutWindow {
        source: clip.source_id.clone(),
        name: file_name(&clip.source_path),
        clip_id: clip.clip_id.clone(),
        first,
        truth: between(&clip.actions).filter(|_| named(&names.actions, &clip.action_names)),
        effects: between(&clip.effects).filter(|_| named(&names.effects, &clip.effect_names)),
    }
}

/// What is known about the held-out clips from their metadata.
#[derive(Default)]
struct Facts {
    /// The rates of the clips that have the models' size.
    timing: TimingTally,
    actions: NameCounts,
    effects: NameCounts,
    highest_action: u8,
    /// The numbers of the names of each clip's true actions and true effects, if it has any.
    labels: Vec<[Option<u32>; 2]>,
    /// The clips of the chosen windows.
    chosen: BTreeMap<usize, ClipMeta>,
}

impl Facts {
    /// Reads the metadata of all clips of `store`, those of one shard after the other.
    fn of(store: &ClipStore, size: (usize, usize), choices: &[WindowChoice]) -> Result<Facts> {
        let chosen: BTreeSet<usize> = choices.iter().map(|choice| choice.clip).collect();
        let all: Vec<usize> = (0..store.len()).collect();
        let mut facts = Facts { labels: vec![[None; 2]; store.len()], ..Facts::default() };
        let read = store.visit_metas(&all, |clip, mut meta| {
            if store.clips()[clip].size() == size {
                facts.timing.add(ClipRates::of(&meta));
            }
            if let Some(actions) = &meta.actions {
                facts.highest_action = actions.iter().copied().fold(facts.highest_action, u8::max);
                facts.labels[clip][0] = Some(facts.actions.add(meta.action_names.clone()));
            }
            if meta.effects.is_some() {
                facts.labels[clip][1] = Some(facts.effects.add(meta.effect_names.clone()));
            }
            if chosen.contains(&clip) {
                meta.frame_pts = Vec::new();
                facts.chosen.insert(clip, meta);
            }
        });
        read.context("cannot read the clips")?;
        Ok(facts)
    }

    /// Returns whether each clip has labels whose names agree with the common ones.
    fn has_labels(&self, names: &LabelNames) -> Vec<bool> {
        let agreeing =
            [self.actions.agreeing(&names.actions), self.effects.agreeing(&names.effects)];
        let agrees = |labels: &[Option<u32>; 2]| {
            labels
                .iter()
                .zip(&agreeing)
                .any(|(list, known)| list.is_some_and(|n| known.contains(&n)))
        };
        self.labels.iter().map(agrees).collect()
    }
}

/// Chooses at most `count` windows of `frames` frames, spread over the recordings of a store.
///
/// Clips of another `size` (height, width) have no windows.
pub fn spread(
    store: &ClipStore,
    size: (usize, usize),
    frames: usize,
    count: usize,
    seed: u64,
) -> Vec<WindowChoice> {
    choose(&candidates(store, size, frames, |_| true), frames, count, seed)
}

/// Counts the windows of `frames` frames in each clip of a store.
///
/// Clips of another `size` (height, width), and those that are not `wanted`, have none. `wanted`
/// gets the position of a clip.
fn candidates(
    store: &ClipStore,
    size: (usize, usize),
    frames: usize,
    wanted: impl Fn(usize) -> bool,
) -> Vec<ClipCandidate> {
    let candidate = |(position, clip): (usize, &StoredClip)| {
        let has_windows = clip.size() == size && wanted(position);
        let windows = if has_windows { windows_of(clip.frame_count(), frames).count() } else { 0 };
        ClipCandidate { source: clip.source, windows }
    };
    store.clips().iter().enumerate().map(candidate).collect()
}

fn file_name(path: &str) -> String {
    Utf8Path::new(path).file_name().unwrap_or(path).to_owned()
}
