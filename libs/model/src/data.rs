//! Training data as this crate sees it: clips of frames in bytes, or windows of tokens.
//!
//! This crate does not read shards or catalogs. The stages implement [`Video`] over clip shards,
//! and [`TokenGroups`] over token and action shards.

mod buffers;
mod crop;
mod frames;
mod groups;
mod order;
mod seen;
mod shuffle;
mod token_stream;
mod tokens;
mod video;
mod windows;

pub use crop::{CroppedVideo, FrameCrop};
pub use frames::{FrameSize, RGB};
pub use groups::cut_groups;
pub use seen::FramesSeen;
pub use token_stream::TokenStream;
pub use tokens::{TokenGroups, TokenShape, TokenWindows};
pub use video::{LabelledVideo, SourceError, Video};
pub use windows::TrainingWindows;
