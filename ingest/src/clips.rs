//! Cutting sampled frames into scored clips, with the true actions of a sidecar.

mod builder;
mod clip_row;
mod cutter;
mod damaged;
pub mod effect;
mod fades;
mod frame_times;
mod growing_clip;
mod pauses;
mod sampled_frame;
mod sidecar;
mod sidecar_csv;
mod stills;
mod stretch;

pub use clip_row::{ClipOrigin, CutClip};
pub use cutter::ClipCutter;
pub use sidecar::Sidecar;
pub use sidecar_csv::{parse_sidecar, sidecar_path};
