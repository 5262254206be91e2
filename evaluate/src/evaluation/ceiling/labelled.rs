//! The training clips with true actions, from which the networks learn.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_model::{LabelledVideo, SourceError, Video};
use genie_shards::{ClipStore, Split, StoredClip, merge_names};

use crate::evaluation::ceiling::classes::Division;

/// Number of clips whose metadata are in memory at the same time.
const METAS: usize = 1024;

/// The training clips of one frame size whose true actions have the names of the held-out clips.
///
/// `[data] where` does not narrow them: every model of the dataset has the same ceiling.
pub struct LabelledClips {
    store: ClipStore,
    /// Height and width of the frames.
    size: (usize, usize),
    /// True actions of each clip, or their classes.
    labels: Vec<Vec<u8>>,
    /// Hash of the clips and their labels.
    hash: blake3::Hasher,
}

impl LabelledClips {
    /// Opens the clips, and adds the names of their true actions to `names`; `None` without clips.
    ///
    /// Clips of fewer frames than `shortest` are left out.
    ///
    /// # Errors
    /// Fails if the clips cannot be read.
    pub fn open(
        root: &Utf8Path,
        size: (usize, usize),
        shortest: usize,
        names: &mut Vec<String>,
    ) -> Result<Option<LabelledClips>> {
        let store =
            ClipStore::open(root, Split::Train).context("cannot read the training clips")?;
        let fits = |clip: &StoredClip| clip.size() == size && clip.frame_count() >= shortest;
        let store = store.only(fits);
        // In the order of the store, because the names that are merged first decide.
        let (mut kept, mut labels, mut hash) = (HashSet::new(), Vec::new(), blake3::Hasher::new());
        for first in (0..store.len()).step_by(METAS) {
            let some: Vec<usize> = (first..store.len().min(first + METAS)).collect();
            let mut metas = vec![(String::new(), None, None); some.len()];
            store
                .visit_metas(&some, |clip, meta| {
                    metas[clip - first] = (meta.clip_id, meta.actions, meta.action_names);
                })
                .context("cannot read the training clips")?;
            for (clip, (id, actions, own)) in (first..).zip(metas) {
                let Some(actions) = actions else { continue };
                if let Some(merged) = merge_names(names, own.as_deref().unwrap_or_default()) {
                    *names = merged;
                    kept.insert(store.clips()[clip].key);
                    hash.update(id.as_bytes());
                    hash.update(&(actions.len() as u64).to_le_bytes());
                    hash.update(&actions);
                    labels.push(actions);
                }
            }
        }
        let store = store.only(|clip| kept.contains(&clip.key));
        Ok((!store.is_empty()).then_some(LabelledClips { store, size, labels, hash }))
    }

    /// Replaces true actions by their classes.
    #[must_use]
    pub fn with_classes(mut self, keys: &Division) -> LabelledClips {
        self.labels.iter_mut().for_each(|labels| *labels = keys.of(labels));
        self.hash.update(&keys.class_of);
        self
    }

    pub fn store(&self) -> &ClipStore {
        &self.store
    }

    /// Returns the labels of a clip, one for each frame.
    pub fn labels(&self, clip: usize) -> &[u8] {
        &self.labels[clip]
    }

    /// Returns the highest label of all clips.
    pub fn highest(&self) -> u8 {
        self.labels.iter().flatten().copied().max().unwrap_or(0)
    }

    /// Returns the number of labelled frames.
    pub fn labelled_frames(&self) -> usize {
        self.labels.iter().map(Vec::len).sum()
    }

    /// Returns a hash of the clips, their true actions, and the classes of the actions.
    pub fn hash(&self) -> String {
        self.hash.finalize().to_hex().to_string()
    }

    /// Returns the clips as training data.
    pub fn data(&self) -> LabelledVideo<'_> {
        LabelledVideo { video: self, labels: &self.labels }
    }
}

impl Video for LabelledClips {
    fn clips(&self) -> usize {
        self.store.len()
    }

    fn frames(&self, clip: usize) -> usize {
        self.labels[clip].len()
    }

    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        to.extend_from_slice(&self.store.window(clip, first, len)?.data);
        Ok(())
    }
}
