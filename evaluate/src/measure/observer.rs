//! Who observes a measurement while it is running.

use std::ops::Range;

use anyhow::Result;
use genie_shards::WindowScores;

use crate::world::VideoBatch;

/// Told how far the measurement is; asked whether to go on.
pub trait MeasurementObserver {
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
    fn generated(&self, _clips: &VideoBatch) -> Result<()> {
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
