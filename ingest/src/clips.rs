//! Cutting sampled frames into scored clips, with the true actions of a sidecar.

mod cutter;
mod frame_times;
mod sidecar;
mod sidecar_csv;

pub use cutter::{ClipCutter, ClipOrigin, CutClip};
pub use sidecar::Sidecar;
pub use sidecar_csv::{parse_sidecar, sidecar_path};
