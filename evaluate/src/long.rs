//! Long rollouts: whole held-out clips, generated from their prompt with their own actions.
//!
//! Windows end after a few frames, but people play for minutes. So one clip of each held-out source
//! is generated at its whole length. The model's window slides, as it does in play. Each of these
//! modules answers a question:
//!
//! - *scores*: how far are the frames from the recorded ones, and when is half of the lead over the
//!   mean frame gone?
//! - *windows*: do late generated frames look like late recorded frames, whatever happened before?
//! - *objects*: do objects of known colours, such as the player's figure, stay in the picture? They
//!   are also searched for while each latent action is held for the whole length.
//! - *back*: does the world come back when an action is followed by its opposite?
//!
//! | module | contents |
//! |---|---|
//! | `curve` | the frames at which something is measured |
//! | `batch` | clips of one batch, and their rollouts |
//! | `scores`, `objects`, `windows` | the measurements of one clip |
//! | `back` | opposite actions, and the way there and back |
//! | `jobs`, `kept` | all work in pieces, and finished pieces on disk |
//! | `settings`, `summary` | the settings, and the section `long` of the report |
//!
//! Every clip has its own sampler seed, which no other measurement uses. Memory holds the frames of
//! one batch, and the scores of all clips.

mod back;
mod batch;
mod curve;
mod jobs;
mod kept;
mod objects;
mod scores;
mod settings;
mod summary;
#[cfg(test)]
mod tests;
mod windows;

pub use back::opposites;
pub use curve::{is_mark, marks};
pub use jobs::{LongInputs, LongStrip, long_work, measure_long};
pub use kept::KeptJobs;
pub use settings::LongSettings;
pub use summary::{LongSummary, summarise_long};
