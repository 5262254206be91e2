//! Ingest: from videos that somebody recorded to clips that a model can read.
//!
//! The only stage that knows FFmpeg. What it guarantees of every published clip:
//! - its frames are the ones on the screen at each tick of a regular clock, in the colours that the file's tags say, upright and
//!   without borders, and its rows say which they were; it spans no cut;
//! - true actions, where a sidecar has them, are aligned with the frames: entry t is what is first visible in frame t+1;
//! - it is there once, however often its source was given and ingest was run, killed and run again;
//! - the same sources and config give the same dataset, on any number of threads.
//!
//! What cannot be used is a row in the catalog with a stable code and exit code 2, never the end of a run.
//!
//! | step | modules |
//! |---|---|
//! | which files, and what is known of them | [`discover`], [`pipeline`] (`source`, `plan`), [`metadata`], [`catalogue`] |
//! | decoding, in a process of its own | [`worker`], [`decode`] |
//! | frames to scored clips | [`clips`], [`analysis`], [`actions`], [`effect`] |
//! | which are kept, published | [`verdict`], [`copies`], [`shard`], [`settle`], [`split`], [`reject`] |
//! | looking after a dataset | [`status`], [`stats`], [`runs`], [`verify`], [`gc`] |
//! | videos of our own | [`sample`]: a small game with true actions |

#![allow(clippy::doc_markdown, reason = "FFmpeg, CoinRun and SuperTux are names, not code")]
#![allow(
    clippy::cast_precision_loss,
    reason = "for people and thresholds: no count here needs more than 52 bits"
)]

mod actions;
mod analysis;
mod catalogue;
mod cli;
mod clips;
mod config;
mod copies;
mod decode;
mod discover;
mod effect;
mod gc;
mod metadata;
mod pipeline;
mod reject;
mod runs;
mod sample;
mod settle;
mod shard;
mod split;
mod stats;
mod status;
mod verdict;
mod verify;
mod worker;

pub use cli::run;
