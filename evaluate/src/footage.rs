//! The held-out clips as windows to measure on.
//!
//! Only sources of the split `held_out` are ever opened. Clips of another size than the models' are left out with a
//! warning, and labels are only used where all agree on what they mean: two recordings that number their actions
//! differently cannot share one confusion table.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_shards::{ClipMeta, ClipStore, Split, windows_of};

use crate::measure::Window;
use crate::summary::Names;
use crate::windows::{Candidate, Choice, choose};
use crate::world::Video;

/// Held-out windows, and where their frames are.
pub struct Footage {
    store: ClipStore,
    choices: Vec<Choice>,
    frames: usize,
    pub windows: Vec<Window>,
    pub names: Names,
    pub fps: f64,
    pub warnings: Vec<String>,
}

impl Footage {
    /// Chooses at most `count` windows of `frames` frames from the held-out clips of (height, width) `size`.
    ///
    /// # Errors
    /// When the clips cannot be read, none is held out, or none fits.
    pub fn open(root: &Utf8Path, size: (usize, usize), frames: usize, count: usize, seed: u64) -> Result<Footage> {
        let store = ClipStore::open(root, Split::HeldOut).context("cannot read the clips")?;
        if store.is_empty() {
            bail!(
                "no clip under {root} is held out, and a model must not be measured on what it was trained on: ingest more \
                 recordings, or raise [data] held_out and ingest again"
            );
        }
        let fits = |clip: &ClipMeta| (clip.height as usize, clip.width as usize) == size;
        let candidates: Vec<Candidate> = store
            .clips()
            .iter()
            .map(|clip| Candidate {
                source: clip.source_id.clone(),
                firsts: if fits(clip) { windows_of(clip.frame_count(), frames).collect() } else { Vec::new() },
            })
            .collect();
        let choices = choose(&candidates, count, seed);
        if choices.is_empty() {
            bail!(
                "none of the {} held-out clips under {root} has a window of {frames} frames of {}×{} pixels, which is what the models \
                 take: ingest with the size that they were trained on, or train on these clips",
                store.len(),
                size.1,
                size.0,
            );
        }
        let mut warnings = Vec::new();
        let left_out = store.clips().iter().filter(|clip| !fits(clip)).count();
        if left_out > 0 {
            warnings.push(format!("{left_out} held-out clips are not {}×{} pixels and were left out.", size.1, size.0));
        }
        let clips = store.clips();
        let actions =
            commonest(clips, |clip| clip.actions.is_some(), |clip| &clip.action_names, "actions", &mut warnings);
        let effects =
            commonest(clips, |clip| clip.effects.is_some(), |clip| &clip.effect_names, "effects", &mut warnings);
        let window = |choice: &Choice| {
            let clip = &clips[choice.clip];
            let between =
                |labels: &Option<Vec<u8>>| labels.as_ref().map(|l| l[choice.first..choice.first + frames - 1].to_vec());
            Window {
                source: clip.source_id.clone(),
                name: file_name(&clip.source_path),
                clip_id: clip.clip_id.clone(),
                first: choice.first,
                truth: between(&clip.actions).filter(|_| clip.action_names == actions),
                effects: between(&clip.effects).filter(|_| clip.effect_names == effects),
            }
        };
        let windows = choices.iter().map(window).collect();
        let fps = clips[choices[0].clip].fps;
        let names = Names { actions: actions.unwrap_or_default(), effects: effects.unwrap_or_default() };
        Ok(Footage { store, choices, frames, windows, names, fps, warnings })
    }

    /// The frames of window `index`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn load(&self, index: usize) -> Result<Video> {
        let Choice { clip, first } = self.choices[index];
        let frames = self.store.window(clip, first, self.frames)?;
        Ok(Video { batch: 1, frames: frames.t, height: frames.height, width: frames.width, data: frames.data })
    }
}

/// The list of names that most of the labelled clips have; a warning where others have another.
fn commonest(
    clips: &[ClipMeta],
    labelled: impl Fn(&ClipMeta) -> bool,
    names: impl Fn(&ClipMeta) -> &Option<Vec<String>>,
    what: &str,
    warnings: &mut Vec<String>,
) -> Option<Vec<String>> {
    let mut counts: BTreeMap<&Option<Vec<String>>, usize> = BTreeMap::new();
    for clip in clips.iter().filter(|clip| labelled(clip)) {
        *counts.entry(names(clip)).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let (names, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    if count < all {
        warnings.push(format!(
            "{} held-out clips name their {what} differently; agreement is measured without them.",
            all - count
        ));
    }
    names.clone()
}

fn file_name(path: &str) -> String {
    Utf8Path::new(path).file_name().unwrap_or(path).to_owned()
}
