//! `browse`: a page on which people look at clips, choose thresholds, and label clips.
//!
//! The server is that of `libs/serve`. It reads published files only. The one thing that it writes
//! is labels, and a label is on the disk before the page learns that it is. A run of ingest may go
//! on meanwhile: the next request sees what the run has published.
//!
//! | module | contents |
//! |---|---|
//! | `facts` | what the page shows of every clip, in about a hundred bytes for each |
//! | `dataset` | the newest facts and labels; conditions in SQL |
//! | `keep` | what a threshold would keep |
//! | `queue` | which clips to label next |
//! | `sheets` | pictures of clips |
//! | `dropped` | pictures of clips that are not kept, decoded from their videos |
//! | `label_writer` | publishing labels of several people |
//! | `routes` | the API |
//!
//! The page is in `ingest/page`: HTML, CSS and JavaScript without a build step.

mod dataset;
mod dropped;
mod facts;
mod keep;
mod label_writer;
mod page;
mod queue;
mod routes;
mod sheets;
mod state;

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use genie_serve::{HttpLimits, ListenArgs};
use genie_stage::Exit;
use genie_stage::config::DataConfig;
use genie_stage::stop::Stop;

use crate::config::IngestConfig;
use dataset::BrowsedDataset;
use dropped::DroppedFrames;
use label_writer::LabelWriter;
use state::{BrowseState, THREADS};

/// The flags of `browse`.
#[derive(Args)]
pub struct BrowseArgs {
    #[command(flatten)]
    listen: ListenArgs,
}

/// Serves the page until somebody asks to stop.
///
/// # Errors
/// If the port is taken, or the dataset cannot be read.
pub fn run(data: &DataConfig, config: &IngestConfig, args: BrowseArgs) -> Result<Exit> {
    let http = HttpLimits { blocking_threads: THREADS, ..HttpLimits::default() };
    let listening = args.listen.bind(http.clone())?;
    let stop = Stop::install();
    let dataset = BrowsedDataset::open(&data.root, data.memory_mb)?;
    let facts = dataset.facts()?;
    if facts.clips.is_empty() {
        tracing::warn!(
            "{} has no clips yet: run `genie-ingest run`; the page shows them when they are there",
            genie_store::shown(&data.root)
        );
    }
    let (writer, thread) = LabelWriter::start(&data.root)?;
    let decoder = DroppedFrames::new(config, &stop);
    let state = BrowseState::new(dataset, writer, decoder, (&config.keep, http));
    let exit = listening.serve(|_| routes::routes(Arc::new(state)), &stop);
    // The server's tasks are gone, and with them the last sender. So the thread ends.
    thread.join().ok();
    exit
}
