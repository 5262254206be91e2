//! The observer of a measurement: progress, stop requests, and finished batches.

use std::ops::Range;

use anyhow::Result;
use genie_shards::WindowScores;

use crate::world::VideoBatch;

/// Receives the progress of a measurement, and can stop it.
pub trait MeasurementObserver {
    /// Receives that `count` more units of [`Settings::work`](super::Settings::work) are done.
    fn advance(&self, count: usize);
    /// Receives that an earlier run did `count` units.
    fn found(&self, count: usize) {
        self.advance(count);
    }
    /// Returns whether to stop; called between two rollouts.
    fn stopped(&self) -> bool;
    /// Receives the next windows, generated with their inferred actions, including the prompt.
    ///
    /// # Errors
    /// An error ends the measurement.
    fn generated(&self, _clips: &VideoBatch) -> Result<()> {
        Ok(())
    }
    /// Returns the scores of a batch, if an earlier run measured and stored it.
    fn kept(&self, _batch: Range<usize>) -> Option<Vec<WindowScores>> {
        None
    }
    /// Receives the scores of a batch to store, from window `first` on.
    ///
    /// # Errors
    /// An error ends the measurement.
    fn measured(&self, _first: usize, _scores: &[WindowScores]) -> Result<()> {
        Ok(())
    }
}
