//! Networks that measure how similar clips or frames are: I3D, the clip encoder and LPIPS.

mod clip_encoder;
mod clip_net;
mod i3d;
mod lpips;
mod preprocess;
mod state_dict;

pub use clip_encoder::ClipEncoder;
pub use i3d::I3d;
pub use lpips::Lpips;
pub use preprocess::I3dPreset;
#[cfg(test)]
pub(crate) use state_dict::TensorValues;
