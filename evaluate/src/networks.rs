//! The only modules that run networks of `genie_model`.

mod encoders;
mod key_network;
mod lpips;
mod trained;
mod weights;

pub use encoders::choose;
pub use key_network::{KeyNetwork, NetworkPlace};
pub use lpips::LpipsDistance;
pub use trained::Trained;
pub use weights::content_hash;
