//! The action log: everything that a world needs to be generated again, bit for bit.
//!
//! A log is one JSON file. It names the models by their keys and by the hashes of their weights. It
//! contains the prompt, the seed, the actions, the sampler's options, and a hash of every frame. So
//! `genie-play replay` can show the first frame that differs.

mod check;
mod file;
mod format;
mod shown;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub use file::LogError;
pub use format::{
    ActionLog, FORMAT, LONGEST_LOG, LogModel, LogModels, LogPrompt, LogSegment, LogStart, hash,
};
