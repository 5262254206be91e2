//! Batches that were measured, kept until the report is finished: an evaluation that was stopped or killed goes on after the last.
//!
//! A report's directory is named by a work key over clips, models and config, so its `parts/` can only be of the same measurement. They
//! are published files with a manifest; what is damaged, or not of the windows that are due, is measured again. Whose machine
//! or device measured a batch is not part of the key, and so does not matter here either.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, MeasuredWindow, publish_measured_part, read_measured, tables};

use crate::evaluation::rows::RowHeader;
use crate::held_out::HeldOutWindow;

/// The directory below a report's own.
const NAME: &str = "parts";

/// The parts of one report.
pub struct KeptBatches {
    dir: Utf8PathBuf,
    /// Rows that an earlier run left, by the position of their first window; taken out as the measurement comes by.
    found: RefCell<BTreeMap<usize, Vec<MeasuredWindow>>>,
}

impl KeptBatches {
    /// Reads what an earlier run left in `report` for the batches `due`; rows must bear the stamp and have `features` features each.
    #[must_use]
    pub fn open(
        report: &Utf8Path,
        header: &RowHeader,
        windows: &[HeldOutWindow],
        due: impl Iterator<Item = Range<usize>>,
        features: usize,
    ) -> KeptBatches {
        let dir = report.join(NAME);
        let mut left = read(&dir);
        let mut found = BTreeMap::new();
        for batch in due {
            let windows = &windows[batch.clone()];
            let is = |(window, row): (&HeldOutWindow, &MeasuredWindow)| {
                row.clip_id == window.clip_id
                    && row.features.len() == features
                    && *row == header.row(window, &row.scores, row.features.clone())
            };
            let is_batch =
                |rows: &Vec<_>| rows.len() == windows.len() && windows.iter().zip(rows).all(is);
            if let Some(at) = left.iter().position(is_batch) {
                found.insert(batch.start, left.swap_remove(at));
            }
        }
        KeptBatches { dir, found: RefCell::new(found) }
    }

    /// The windows that an earlier run left, by position.
    #[must_use]
    pub fn batches(&self) -> Vec<Range<usize>> {
        self.found.borrow().iter().map(|(&first, rows)| first..first + rows.len()).collect()
    }

    /// The rows of the batch that begins with window `first`, once.
    #[must_use]
    pub fn take(&self, first: usize) -> Option<Vec<MeasuredWindow>> {
        self.found.borrow_mut().remove(&first)
    }

    /// Keeps the rows of the batch that begins with window `first`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep(&self, first: usize, rows: &[MeasuredWindow]) -> Result<()> {
        let name = format!("{first:08}");
        publish_measured_part(&self.dir, &name, rows)
            .context("cannot keep what was measured so far")
    }
}

/// Removes the parts of a finished report.
///
/// # Errors
/// When they are there and cannot be removed.
pub fn discard(report: &Utf8Path) -> Result<()> {
    let dir = report.join(NAME);
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context(format!("cannot remove {dir}"))
        }
        _ => Ok(()),
    }
}

/// The rows of each part that can be read.
fn read(dir: &Utf8Path) -> Vec<Vec<MeasuredWindow>> {
    let damaged = |error: genie_shards::Error| {
        tracing::warn!("evaluate: {error}; what was in it is measured again")
    };
    let manifest = Manifest::load(dir).unwrap_or_else(|error| {
        damaged(error);
        // Nothing could be added to it. What cannot be removed either will say so then.
        let _ = fs::remove_dir_all(dir);
        Manifest::default()
    });
    let part = |entry| read_measured(dir, entry).map_err(damaged).ok();
    manifest.table(tables::WINDOWS).iter().filter_map(part).collect()
}
