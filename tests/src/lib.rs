//! Helpers of the black-box tests: the built binaries, a dataset, a player, and a browser.
//!
//! The tests use only what users know: command lines, exit codes, files, and the keys in files.
//! Each test makes its own dataset in a temporary directory ([`Dataset`]), runs binaries there with
//! relative paths, and checks the files that they write. A tiny pipeline takes two seconds, so
//! tests share nothing, and each can run alone.

#![allow(clippy::missing_panics_doc, reason = "helpers of tests report by panicking")]

mod browser;
mod dataset;
mod playing;
mod python;
mod s3;
mod tools;

pub use browser::{Browser, keys};
pub use dataset::{ARRAY_SETS, Dataset, Files, Steps, content_hashes};
pub use playing::{PlayerClient, Playing, Told};
pub use python::python;
pub use rustix::process::Signal;
pub use s3::{BUCKET, Fault, S3Proxy, S3Server, environment};
pub use tools::{Background, Ended, binary};
