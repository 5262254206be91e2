//! Names of latent actions, from their measured effects, and sequences of actions in words.
//!
//! No one labels latent actions. The report of `genie-evaluate` measures what each one does, in
//! pixels per frame. From that, an action gets a name, an arrow key and a direction.

mod effect;
mod keys;
mod names;
mod sequence;
mod table;

pub use table::{ActionTable, PlayAction};
