//! True actions, for a dynamics model that was trained with them.

use anyhow::{Result, bail};

use crate::held_out::HeldOutWindow;
use crate::world::ActionBatch;

/// Returns the first `steps` true actions of each window.
///
/// # Errors
/// Fails if a window has no true actions, or one that is not below `known`.
pub fn true_actions(windows: &[&HeldOutWindow], steps: usize, known: usize) -> Result<ActionBatch> {
    let mut data = Vec::with_capacity(windows.len() * steps);
    for window in windows {
        let Some(truth) = &window.truth else {
            bail!(
                "the dynamics model was trained with true actions, and {} has none, or names \
                 them differently: hold out recordings with sidecars, or train with [dynamics] \
                 actions = \"latent\"",
                window.name
            );
        };
        data.extend_from_slice(&truth[..steps]);
    }
    if let Some(action) = data.iter().find(|action| usize::from(**action) >= known) {
        bail!(
            "a window has true action {action}, but the dynamics model was trained with {known} \
             actions: hold out recordings whose actions it knows"
        );
    }
    Ok(ActionBatch { batch: windows.len(), steps, data })
}
