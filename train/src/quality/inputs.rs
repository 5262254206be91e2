//! What the network sees of clips, read from their shards. No video is decoded.

use anyhow::Result;
use genie_model::QualityInput;
use genie_shards::{ClipMeta, ClipStore};
use rayon::prelude::*;

/// Number of clips whose frames are in memory at a time.
pub const TOGETHER: usize = 32;

/// A clip's id, and what the network sees of it, or why it cannot be read.
pub type ReadInput = (String, Result<QualityInput>);

/// Reads clips of a store, given by their numbers. The result has the order of `clips`.
///
/// # Errors
/// When the metadata of the clips cannot be read.
pub fn read(store: &ClipStore, clips: &[usize]) -> Result<Vec<ReadInput>> {
    let mut metas = vec![ClipMeta::default(); clips.len()];
    store.visit_metas(clips, |clip, meta| {
        if let Some(place) = clips.iter().position(|one| *one == clip) {
            metas[place] = meta;
        }
    })?;
    let input = |(&clip, meta): (&usize, ClipMeta)| {
        let scores = meta.scores.named().map(|(_, value)| value).collect();
        let seen = || -> Result<QualityInput> {
            let frames = store.frames(clip)?;
            let shape = (frames.t, frames.height, frames.width);
            Ok(QualityInput::new(&frames.data, shape, scores)?)
        };
        (meta.clip_id, seen())
    };
    Ok(clips.par_iter().zip(metas).map(input).collect())
}
