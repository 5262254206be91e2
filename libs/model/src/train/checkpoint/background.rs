//! Checkpoints written in the background, one at a time, while the next gradient is computed.

use std::thread::{Scope, ScopedJoinHandle};

use crate::ModelError;

/// Writes checkpoints on another thread of a scope.
///
/// The data to write must not belong to autodiff ([`Snapshot`](super::Snapshot)).
pub struct BackgroundWriter<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    pending: Option<ScopedJoinHandle<'scope, Result<(), ModelError>>>,
}

impl<'scope, 'env> BackgroundWriter<'scope, 'env> {
    /// A writer with nothing to write.
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Self { scope, pending: None }
    }

    /// Starts to write, after the previous checkpoint is written.
    ///
    /// # Errors
    /// Errors of the previous checkpoint.
    pub fn begin(
        &mut self,
        write: impl FnOnce() -> Result<(), ModelError> + Send + 'scope,
    ) -> Result<(), ModelError> {
        self.wait()?;
        self.pending = Some(self.scope.spawn(write));
        Ok(())
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// Errors of writing.
    pub fn wait(&mut self) -> Result<(), ModelError> {
        match self.pending.take() {
            Some(pending) => {
                pending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            None => Ok(()),
        }
    }
}
