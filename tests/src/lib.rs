//! What the black-box tests share: where the built binaries are, how one is run, and a dataset to run it on.
//!
//! The tests know of the pipeline what its users know: command lines, exit codes, files and the keys in them. Each makes
//! a dataset of its own in a temporary directory ([`Dataset`]), runs binaries in it with relative paths, and looks at what they
//! left. A tiny chain takes two seconds, so nothing is shared between tests and each can be run alone.

#![allow(clippy::missing_panics_doc, reason = "helpers of tests: to panic is how they report")]

mod dataset;
mod tools;

pub use dataset::{Dataset, Files, Steps};
pub use tools::{Background, Ended, binary};
