//! A thread that publishes labels, so that people who label at the same time share a commit.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_serve::ApiError;
use genie_shards::LabelRow;
use tokio::sync::oneshot;

use crate::catalog::append_labels;

/// A label that waits, and the request that waits for it.
struct LabelJob {
    row: LabelRow,
    done: oneshot::Sender<Result<(), String>>,
}

/// Gives labels to the thread that publishes them.
pub struct LabelWriter(Sender<LabelJob>);

impl LabelWriter {
    /// Starts the thread, which ends after the writer is dropped.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(root: &Utf8Path) -> Result<(Self, JoinHandle<()>)> {
        let (sender, jobs) = channel();
        let root = root.to_owned();
        let thread = thread::Builder::new().name("labels".to_owned());
        let thread = thread.spawn(move || publish(&root, &jobs));
        Ok((Self(sender), thread.context("cannot start the thread that writes labels")?))
    }

    /// Publishes a label. When it returns, the label is on the disk.
    ///
    /// # Errors
    /// 500 with the reason. Then the label is not published.
    pub async fn write(&self, row: LabelRow) -> Result<(), ApiError> {
        let (done, wait) = oneshot::channel();
        let failed = |reason: &str| {
            let words = format!("the label is not stored: {reason}");
            ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, words)
        };
        let sent = self.0.send(LabelJob { row, done });
        sent.map_err(|_| failed("the server stops"))?;
        let written = wait.await.map_err(|_| failed("the server stops"))?;
        written.map_err(|reason| failed(&reason))
    }
}

/// Publishes all labels that wait in one commit, again and again.
fn publish(root: &Utf8Path, jobs: &Receiver<LabelJob>) {
    while let Ok(first) = jobs.recv() {
        let jobs: Vec<LabelJob> = std::iter::once(first).chain(jobs.try_iter()).collect();
        let rows: Vec<LabelRow> = jobs.iter().map(|job| job.row.clone()).collect();
        let written = append_labels(root, &rows).map_err(|error| format!("{error:#}"));
        if let Err(reason) = &written {
            tracing::error!("labels: {} labels are not stored: {reason}", rows.len());
        }
        for job in jobs {
            // A request that was given up does not need the answer.
            let _ = job.done.send(written.clone());
        }
    }
}
