//! From sampled frames to scored clips with true actions.

mod cutter;
mod sidecar;
mod sidecar_csv;

pub use cutter::{ClipCutter, ClipOrigin, CutClip};
pub use sidecar::Sidecar;
pub use sidecar_csv::{parse_sidecar, sidecar_path};
