//! The held-out windows to measure, and their frames.
//!
//! Only sources of the split `held_out` are opened for measurement. Clips whose frames have another
//! size than the models expect are skipped, with a warning. Labels are used only where their names
//! agree: two recordings that number their actions differently cannot share one confusion table.

mod choose;
mod labels;
mod long;
#[cfg(test)]
mod tests;
mod window;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_shards::{ClipMeta, ClipStore, ClipTiming, Split, windows_of};

pub use labels::LabelNames;
pub use long::LongClip;
pub use window::HeldOutWindow;

pub use choose::WindowChoice;

use crate::held_out::choose::{ClipCandidate, choose};
use crate::held_out::labels::{agree, most_common};
use crate::world::VideoBatch;

/// Largest number of training windows in the mean frame.
const MEAN_FRAME_WINDOWS: usize = 256;

/// The chosen held-out windows, and the store that has their frames.
pub struct HeldOutSet {
    store: ClipStore,
    choices: Vec<WindowChoice>,
    frames: usize,
    pub windows: Vec<HeldOutWindow>,
    pub names: LabelNames,
    /// Median frame rate of the clips.
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
        let left_out = store.clips().iter().filter(|clip| size_of(clip) != size).count();
        if left_out > 0 {
            warnings.push(format!(
                "{left_out} held-out clips are not {}×{} pixels. They are skipped.",
                size.1, size.0
            ));
        }
        let clips = store.clips();
        let timing = ClipTiming::of(clips.iter().filter(|clip| size_of(clip) == size));
        warnings.extend(timing.iter().flat_map(ClipTiming::warnings));
        let actions = most_common(
            clips,
            |clip| clip.actions.is_some(),
            |clip| &clip.action_names,
            "actions",
            &mut warnings,
        );
        let effects = most_common(
            clips,
            |clip| clip.effects.is_some(),
            |clip| &clip.effect_names,
            "effects",
            &mut warnings,
        );
        let window = |choice: &WindowChoice| {
            let clip = &clips[choice.clip];
            let between = |labels: &Option<Vec<u8>>| {
                labels.as_ref().map(|l| l[choice.first..choice.first + frames - 1].to_vec())
            };
            HeldOutWindow {
                source: clip.source_id.clone(),
                name: file_name(&clip.source_path),
                clip_id: clip.clip_id.clone(),
                first: choice.first,
                truth: between(&clip.actions)
                    .filter(|_| agree(actions.as_deref(), clip.action_names.as_deref())),
                effects: between(&clip.effects)
                    .filter(|_| agree(effects.as_deref(), clip.effect_names.as_deref())),
            }
        };
        let windows = choices.iter().map(window).collect();
        let fps = timing.map_or(clips[choices[0].clip].fps, |timing| timing.typical);
        let names = LabelNames {
            actions: actions.unwrap_or_default(),
            effects: effects.unwrap_or_default(),
        };
        Ok(HeldOutSet { store, choices, frames, windows, names, fps, warnings })
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
        size_of(&self.store.clips()[self.choices[0].clip])
    }

    /// Returns the held-out clips.
    pub fn store(&self) -> &ClipStore {
        &self.store
    }

    /// Returns the place of window `index`: its clip in [`HeldOutSet::store`], and its first frame.
    pub fn place(&self, index: usize) -> WindowChoice {
        self.choices[index]
    }

    /// Reads the frames of window `index` as `[1, time, height, width, 3]`.
    pub fn load(&self, index: usize) -> Result<VideoBatch> {
        let WindowChoice { clip, first } = self.choices[index];
        let frames = self.store.window(clip, first, self.frames)?;
        Ok(VideoBatch {
            batch: 1,
            frames: frames.t,
            height: frames.height,
            width: frames.width,
            data: frames.data,
        })
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
    choose(&candidates(store, size, frames), count, seed)
}

/// Lists the windows of `frames` frames of every clip; clips of another size have none.
fn candidates(store: &ClipStore, size: (usize, usize), frames: usize) -> Vec<ClipCandidate> {
    let firsts = |clip: &ClipMeta| {
        if size_of(clip) == size {
            windows_of(clip.frame_count(), frames).collect()
        } else {
            Vec::new()
        }
    };
    let candidate =
        |clip: &ClipMeta| ClipCandidate { source: clip.source_id.clone(), firsts: firsts(clip) };
    store.clips().iter().map(candidate).collect()
}

/// Returns height and width of a clip's frames.
fn size_of(clip: &ClipMeta) -> (usize, usize) {
    (clip.height as usize, clip.width as usize)
}

fn file_name(path: &str) -> String {
    Utf8Path::new(path).file_name().unwrap_or(path).to_owned()
}
