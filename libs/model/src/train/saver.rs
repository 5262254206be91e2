//! Checkpoints written beside the training, one at a time, so that no step waits for a disk. What is written must hold nothing of autodiff (see
//! [`super::checkpoint::Snapshot`]).

use std::thread::{Scope, ScopedJoinHandle};

use crate::ModelError;

/// Writes in the background of a scope.
pub struct Saver<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    pending: Option<ScopedJoinHandle<'scope, Result<(), ModelError>>>,
}

impl<'scope, 'env> Saver<'scope, 'env> {
    /// Nothing to write yet.
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Self { scope, pending: None }
    }

    /// Begins to write, once what was begun before is written.
    ///
    /// # Errors
    /// Those of what was begun before.
    pub fn begin(
        &mut self,
        write: impl FnOnce() -> Result<(), ModelError> + Send + 'scope,
    ) -> Result<(), ModelError> {
        self.wait()?;
        self.pending = Some(self.scope.spawn(write));
        Ok(())
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// Those of writing.
    pub fn wait(&mut self) -> Result<(), ModelError> {
        match self.pending.take() {
            Some(pending) => {
                pending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            None => Ok(()),
        }
    }
}
