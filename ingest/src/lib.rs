//! Ingest: from videos that somebody recorded to clips that a model can read.
//!
//! The only stage that knows FFmpeg. What it guarantees of every published clip:
//! - its frames are the ones on the screen at each tick of a regular clock ([`grid`]), in the colours that the file's tags
//!   say ([`colour`]), and its rows say which they were;
//! - true actions, where a sidecar has them, are aligned with the frames ([`actions`]): entry t is what is first visible in
//!   frame t+1;
//! - it is there once, however often its source was given and ingest was run ([`catalogue`], [`pipeline`]);
//! - the same sources and config give the same bytes, on any number of threads.
//!
//! What cannot be used is a row in the catalog with a stable code ([`reject`]) and exit code 2, never the end of a run.
//!
//! It also brings its own videos: [`sample`], a small game with true actions.

#![allow(clippy::doc_markdown, reason = "FFmpeg, CoinRun and SuperTux are names, not code")]
#![allow(clippy::cast_precision_loss, reason = "for people and thresholds: no count here needs more than 52 bits")]

mod actions;
mod catalogue;
mod cli;
mod clips;
mod colour;
mod config;
mod copies;
mod decode;
mod discover;
mod effect;
mod ffi;
mod fingerprint;
mod gc;
mod grid;
mod histogram;
mod layout;
mod metadata;
mod pipeline;
mod reject;
mod runs;
mod sample;
mod scores;
mod settle;
mod shard;
mod shots;
mod split;
mod stats;
mod status;
mod verdict;
mod verify;
mod worker;

pub use cli::run;
