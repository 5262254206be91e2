//! Shared code of this crate's tests.

mod compare;
mod fixture;
mod made_up;
mod random;
mod training;
mod video;

pub use compare::{assert_differs_from, assert_same_before, by_frame, frames_of};
pub use fixture::Fixture;
pub use made_up::{made_up_bytes, reference, reference_json, uniform, write_safetensors};
pub use random::{Ad, noise, rng, seeded};
pub use training::{
    Quiet, Runs, Spy, assert_recompute_changes_nothing, dead_parameters, fit, measure,
};
pub use video::{Clips, moving_square, scrolling_level};
