//! The building blocks that tokenizer, LAM and dynamics share [Genie §2.1].
//!
//! Activations are rows `[b*t*s, d]`. A [`Grid`] says how many windows, frames and positions they
//! are.

mod attention;
mod changed_pixels;
mod convolutions;
mod grid;
mod indices;
mod linear;
mod norm;
mod past;
mod patches;
mod positions;
mod quantizer;
mod transformer;

pub use changed_pixels::change_weights;
pub use convolutions::{Convolutions, ConvolutionsConfig, NEIGHBOURHOOD};
pub use grid::Grid;
pub use indices::indices;
pub use linear::{apply, fan_in, linear};
pub use norm::Norm;
pub use past::{Past, PastRow};
pub use patches::{patchify, unpatchify};
pub use positions::Positions;
pub use quantizer::{Quantized, Quantizer, QuantizerConfig, QuantizerKind, reseed, usage};
pub use transformer::{Stack, StackConfig};

#[cfg(test)]
mod tests;
