//! Checkpoints: directories `step-N/` of a run.
//!
//! | file | contents |
//! |---|---|
//! | `model.safetensors` | the weights, and the description of the model to build |
//! | `average.safetensors` | the moving average of the weights, if one is kept |
//! | `optimizer.bin` | the optimizer's moments |
//! | `state.json` | the step, the first loss, and the hashes of the other files |
//!
//! A checkpoint is written to a temporary directory, fsynced and renamed. A directory without
//! `state.json` does not count, so a killed run leaves nothing that looks finished.

mod background;
mod load;
mod save;
mod state;

pub use background::BackgroundWriter;
pub use load::{TrainingState, load_model, newest_weights, resume};
pub use save::{Snapshot, save};
pub use state::latest_step;
