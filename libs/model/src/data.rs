//! Training data as this crate sees it: clips of frames in bytes, or windows of tokens.
//!
//! This crate does not read shards or catalogs. The stages implement [`Video`] over clip shards,
//! and fill [`TokenWindows`] from token and action shards.

mod crop;
mod frames;
mod seen;
mod shuffle;
mod tokens;
mod video;
mod windows;

pub use crop::{CroppedVideo, FrameCrop};
pub use frames::{FrameSize, RGB};
pub use seen::FramesSeen;
pub use shuffle::Shuffle;
pub use tokens::TokenWindows;
pub use video::{LabelledVideo, SourceError, Video};
pub use windows::TrainingWindows;
