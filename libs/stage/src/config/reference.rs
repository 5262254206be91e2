//! The config reference: every key with its type, default and doc comment.
//!
//! It is made from the types of the sections, so there is no list of keys to maintain. `schemars`
//! gives the doc comments and types, which it reads when the code is compiled. The serialised
//! default of a section gives the keys, their order and their defaults.
//!
//! Each stage makes the reference of its own sections. `genie` merges them.

mod build;
mod markdown;
mod select;
mod tables;
mod text;
mod wrap;

pub use build::of_section;
pub use tables::ConfigReference;
