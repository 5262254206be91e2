//! Published clips as training data.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use genie_model::{SourceError, Video, cut_groups};
use genie_shards::{ClipStore, Split};
use genie_stage::lock::InUse;

use crate::models::Chain;

/// The clips that a model is trained on. All have the same frame size.
pub struct TrainingClips {
    store: ClipStore,
    _in_use: Arc<InUse>,
    /// Height and width of the frames.
    size: (usize, usize),
    /// The group of each clip.
    groups: Vec<u32>,
    /// Number of bytes of compressed frames that may be in memory.
    memory: u64,
}

impl TrainingClips {
    /// Opens the clips that the models of `chain` are trained on.
    ///
    /// # Errors
    /// When there are no clips, or they have several sizes.
    pub fn open(chain: &Chain) -> Result<Self> {
        let (root, split, selected) = (chain.root(), Split::Train, chain.selected_clips()?);
        let memory = chain.shuffle_bytes();
        let mut store = ClipStore::of_manifest(root, chain.manifest(), split)
            .context("cannot read the clips")?;
        if let Some(selected) = selected {
            store = store.only(|clip| selected.contains(clip.key));
        }
        let store = store.with_cache_bytes(usize::try_from(memory)?);
        let Some(first) = store.clips().first() else {
            bail!(
                "there are no clips of the split `{split}` under {root}: \
                 run `genie-ingest run` on more than one video (see [data] held_out)"
            );
        };
        let size = first.size();
        if let Some(other) = store.clips().iter().position(|clip| clip.size() != size) {
            let other = store.meta(other)?;
            bail!(
                "{root} has clips of {}×{} and of {}×{} pixels (from {}), but a model takes one \
                 size: ingest each size into a [data] root of its own",
                size.1,
                size.0,
                other.width,
                other.height,
                other.source_path
            );
        }
        let groups = cut_groups(store.clips().iter().map(|clip| u64::from(clip.bytes)), memory);
        Ok(Self { store, _in_use: chain.in_use(), size, groups, memory })
    }
}

impl Video for TrainingClips {
    fn clips(&self) -> usize {
        self.store.len()
    }

    fn frames(&self, clip: usize) -> usize {
        self.store.clips()[clip].frame_count()
    }

    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn group(&self, clip: usize) -> (usize, u64) {
        (self.groups[clip] as usize, u64::from(self.store.clips()[clip].bytes))
    }

    fn memory(&self) -> u64 {
        self.memory
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
