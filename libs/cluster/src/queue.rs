//! What the driver needs of a scheduler.

use std::time::Duration;

use anyhow::Result;

/// How a run of the driver ended, for its executors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All work is done: executors end with code 0.
    Done,
    /// Somebody stopped the driver: executors stop, too.
    Stopped,
}

/// An executor that asked for work a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveExecutor {
    pub name: String,
    /// The number of units that it does at a time.
    pub slots: usize,
}

/// A job of the scheduler that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndedJob {
    pub id: String,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// A scheduler, which gives each job to one executor after the other until one has done it.
pub(crate) trait UnitQueue {
    /// Adds a job, and returns its id.
    ///
    /// # Errors
    /// If the scheduler does not accept it.
    fn submit(&self, name: &str, message: &str) -> Result<String>;

    /// Ends a job. The executor that works on it stops.
    fn cancel(&self, id: &str);

    /// Waits until a job ends, but not longer than `wait`. The end of a job may be missed.
    fn ended(&self, wait: Duration) -> Vec<EndedJob>;

    /// The executors that live.
    fn executors(&self) -> Vec<LiveExecutor>;

    /// Tells all executors that the driver ends.
    fn close(&self, ending: Ending);
}
