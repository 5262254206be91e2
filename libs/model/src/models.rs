//! The paper's three models, and two supervised networks: of true actions, and of quality.
//!
//! Each model has the same files:
//!
//! | file | contents |
//! |---|---|
//! | `x.rs` | the public API: train, load, use |
//! | `x/config.rs` | the config section, and the description that a checkpoint stores |
//! | `x/network.rs` | the network as a Burn module |
//! | `x/task.rs` | the training task: batches and loss |
//! | `x/cost.rs` | the estimated cost of training |
//!
//! `lifecycle.rs` trains and loads them all. `sequence.rs` is what a model sees of a sequence that
//! is longer than its window.

pub mod dynamics;
pub mod inverse_dynamics;
pub mod lam;
mod lifecycle;
pub mod quality;
mod sequence;
pub mod tokenizer;

#[cfg(test)]
mod tests;
