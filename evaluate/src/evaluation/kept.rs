//! Finished batches on disk, from which a stopped or killed evaluation resumes.
//!
//! The report's directory is named by a work key over clips, models and config, so its `parts/`
//! always belongs to the same measurement. It has published files and a manifest. A batch that is
//! damaged, or that has other windows than expected, is measured again. The machine and the device
//! are not part of the key, so batches of another machine are used too.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, MeasuredWindow, publish_measured_part, read_measured, tables};

use crate::evaluation::rows::RowHeader;
use crate::held_out::HeldOutWindow;

/// The directory below the report's directory.
const NAME: &str = "parts";

/// The finished batches of one report.
pub struct KeptBatches {
    dir: Utf8PathBuf,
    /// Rows of an earlier run by the position of their first window; `take` removes them.
    found: RefCell<BTreeMap<usize, Vec<MeasuredWindow>>>,
}

impl KeptBatches {
    /// Reads those batches of `due` that an earlier run left in `report`.
    ///
    /// Every row must have the values of `header`, and `features` features.
    #[must_use]
    pub fn open(
        report: &Utf8Path,
        header: &RowHeader,
        windows: &[HeldOutWindow],
        due: impl Iterator<Item = Range<usize>>,
        features: usize,
    ) -> KeptBatches {
        let dir = parts(report);
        let mut left = read(&dir);
        let mut found = BTreeMap::new();
        for batch in due {
            let is = |(index, row): (usize, &MeasuredWindow)| {
                let window = &windows[index];
                row.clip_id == window.clip_id
                    && row.features.len() == features
                    && *row == header.row(index, window, &row.scores, row.features.clone())
            };
            let is_batch =
                |rows: &Vec<_>| rows.len() == batch.len() && batch.clone().zip(rows).all(is);
            if let Some(at) = left.iter().position(is_batch) {
                found.insert(batch.start, left.swap_remove(at));
            }
        }
        KeptBatches { dir, found: RefCell::new(found) }
    }

    /// Returns the positions of the windows that an earlier run measured.
    #[must_use]
    pub fn batches(&self) -> Vec<Range<usize>> {
        self.found.borrow().iter().map(|(&first, rows)| first..first + rows.len()).collect()
    }

    /// Removes and returns the rows of the batch that begins with window `first`.
    #[must_use]
    pub fn take(&self, first: usize) -> Option<Vec<MeasuredWindow>> {
        self.found.borrow_mut().remove(&first)
    }

    /// Stores the rows of the batch that begins with window `first`.
    ///
    /// # Errors
    /// Fails if the rows cannot be written.
    pub fn keep(&self, first: usize, rows: &[MeasuredWindow]) -> Result<()> {
        let name = format!("{first:08}");
        publish_measured_part(&self.dir, &name, rows).context("cannot store the scores of a batch")
    }
}

/// Returns the directory of the finished batches of a report.
#[must_use]
pub fn parts(report: &Utf8Path) -> Utf8PathBuf {
    report.join(NAME)
}

/// Removes the finished batches of a report.
///
/// # Errors
/// Fails if they exist and cannot be removed.
pub fn discard(report: &Utf8Path) -> Result<()> {
    Ok(genie_store::remove_dir(&parts(report))?)
}

/// Reads every batch that is not damaged.
fn read(dir: &Utf8Path) -> Vec<Vec<MeasuredWindow>> {
    let damaged = |error: genie_shards::Error| {
        tracing::warn!("evaluate: {error}; the windows in it are measured again");
    };
    let manifest = Manifest::load(dir).unwrap_or_else(|error| {
        damaged(error);
        // A damaged manifest cannot be extended. If the removal fails, the next write fails too.
        let _ = genie_store::remove_dir(dir);
        Manifest::default()
    });
    let part = |entry| read_measured(dir, entry).map_err(damaged).ok();
    manifest.table(tables::WINDOWS).iter().filter_map(part).collect()
}
