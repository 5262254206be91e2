//! Ingest turns recorded videos into clip shards that a model can read.
//!
//! Ingest is the only stage that uses FFmpeg. It guarantees for every published clip:
//! - Each frame is the picture that a player shows at one tick of a regular clock. It has the
//!   colours that the file's tags define, is upright, and has no black borders. The clip's row
//!   names the source frames. A clip contains no cut.
//! - True actions, where a sidecar has them, are aligned with the frames: the effect of entry `t`
//!   is first visible in frame `t+1`.
//! - The dataset contains the clip once. It does not matter how often its source is given, or how
//!   often ingest runs, is killed and runs again.
//! - The same sources and config give the same dataset, on any number of threads.
//!
//! A source that ingest cannot use does not end the run. It gets a row in the catalog with a stable
//! reason code, and the exit code is 2.
//!
//! | task | modules |
//! |---|---|
//! | find files and read what is beside them | [`discover`] |
//! | run ingest, from found files to a finalized catalog | [`pipeline`] |
//! | decode in a separate process | [`worker`], [`decode`] |
//! | cut and score clips | [`clips`], [`analysis`] |
//! | choose and publish clips | [`catalog`], [`reject`] |
//! | maintain a dataset | [`maintenance`] |
//! | look at clips and label them | [`browse`] |
//! | export clips as videos | [`export`] |
//! | make sample videos: a small game with true actions | [`sample`] |

#![allow(clippy::doc_markdown, reason = "FFmpeg, CoinRun and SuperTux are names, not code")]
#![allow(
    clippy::cast_precision_loss,
    reason = "converted counts are reported or compared with thresholds, and need at most 52 bits"
)]

mod analysis;
mod browse;
mod catalog;
mod cli;
mod clips;
mod config;
mod decode;
mod discover;
mod export;
mod maintenance;
mod pipeline;
mod reject;
mod sample;
mod worker;

pub use cli::run;
