//! Vectors to codes and back, with straight-through gradients.
//!
//! - `vq` has a learned codebook of unit vectors, and takes the nearest code by cosine. Its loss
//!   pulls codes to the encoder's vectors and, with the commitment weight, vectors to their codes.
//!   The training task re-seeds unused codes from the batch ([`reseed()`]).
//! - `fsq` squashes every latent dimension and rounds it to a few levels. It has no codebook, so no
//!   code can become unused.
//!
//! [van den Oord et al. 2017; Mentzer et al. 2023]

mod config;
mod fsq;
mod network;
mod reseed;
mod straight_through;
mod usage;
mod vq;

pub use config::{QuantizerConfig, QuantizerKind};
pub use network::{Quantized, Quantizer};
pub use reseed::reseed;
pub use usage::usage;

#[cfg(test)]
mod tests;
