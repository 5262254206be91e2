//! The held-out windows on which agreement is measured: those with true actions or true effects.
//!
//! They need no rollouts, so there may be many more of them than of measured windows. They are
//! chosen in the same order. So if all clips have labels, the measured windows are the first ones.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use genie_shards::ClipMeta;

use crate::held_out::choose::{WindowChoice, choose};
use crate::held_out::{HeldOutSet, HeldOutWindow, candidates, window_of};

/// The windows on which agreement is measured, with the true actions of their whole clips.
pub struct LabelledWindows {
    pub windows: Vec<HeldOutWindow>,
    /// Number of windows from which they were chosen.
    pub available: usize,
    /// The place of each window: its clip in [`HeldOutSet::store`], and its first frame.
    pub places: Vec<WindowChoice>,
    /// True actions by the clip's position in the store.
    clips: BTreeMap<usize, Vec<u8>>,
}

impl LabelledWindows {
    /// Returns the true actions of the whole clip of window `index`, if they are known.
    pub fn clip_actions(&self, index: usize) -> Option<&[u8]> {
        self.clips.get(&self.places[index].clip).map(Vec::as_slice)
    }
}

impl HeldOutSet {
    /// Chooses at most `count` windows of the clips that have true actions or true effects.
    ///
    /// # Errors
    /// Fails if the metadata of the chosen clips cannot be read.
    pub fn labelled(&self, count: usize, seed: u64) -> Result<LabelledWindows> {
        let has_labels = |clip: usize| self.has_labels[clip];
        let candidates = candidates(&self.store, self.size(), self.frames, has_labels);
        let places = choose(&candidates, self.frames, count, seed);
        let mut metas: BTreeMap<usize, ClipMeta> = BTreeMap::new();
        let chosen: Vec<usize> = places.iter().map(|place| place.clip).collect();
        let read = self.store.visit_metas(&chosen, |clip, meta| {
            metas.insert(clip, ClipMeta { frame_pts: Vec::new(), ..meta });
        });
        read.context("cannot read the clips")?;
        let window = |place: &WindowChoice| {
            window_of(&metas[&place.clip], place.first, self.frames, &self.names)
        };
        let windows = places.iter().map(window).collect();
        let actions = |(clip, meta): (usize, ClipMeta)| Some((clip, meta.actions?));
        Ok(LabelledWindows {
            windows,
            available: candidates.iter().map(|candidate| candidate.windows).sum(),
            places,
            clips: metas.into_iter().filter_map(actions).collect(),
        })
    }
}
