//! Latent actions of many windows, with progress and stop requests.

use std::ops::Range;

use anyhow::Result;
use genie_shards::ClipStore;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use crate::held_out::{WindowChoice, load_windows};
use crate::measure::infer_actions;
use crate::world::{Checked, WorldModel};

/// How latent actions are inferred.
#[derive(Clone, Copy)]
pub struct Inference<'a> {
    pub model: &'a dyn WorldModel,
    /// Frames per window.
    pub frames: usize,
    /// Windows per batch.
    pub batch: usize,
    pub stop: &'a Stop,
}

impl Inference<'_> {
    /// Infers the latent actions between the frames of some windows of a store.
    ///
    /// All windows have the frame size of the models. `None` if the user stops it. Memory holds one
    /// batch of frames.
    ///
    /// # Errors
    /// Fails if frames cannot be read, or if the model cannot infer actions.
    pub fn actions(
        &self,
        name: &'static str,
        store: &ClipStore,
        places: &[WindowChoice],
    ) -> Result<Option<Vec<Vec<u8>>>> {
        if places.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let &Inference { model, frames, batch, stop } = self;
        let progress = Progress::new(name, places.len() as u64);
        let load = |range: Range<usize>| load_windows(store, &places[range], frames);
        let proceed = &mut |count: usize| {
            progress.inc(count as u64);
            !stop.requested()
        };
        let found = infer_actions(&Checked(model), places.len(), batch, &load, proceed)?;
        progress.finish();
        Ok(found)
    }
}
