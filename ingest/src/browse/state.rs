//! What all requests share.

use std::sync::Arc;

use genie_serve::{HttpLimits, Workers};

use super::dataset::BrowsedDataset;
use super::dropped::DroppedFrames;
use super::label_writer::LabelWriter;
use super::sheets::SheetCache;

/// Conditions that are evaluated at a time.
const READERS: usize = 2;
/// Sheets that are made at a time.
const PAINTERS: usize = 2;
/// Requests that wait: a screen has about a hundred thumbnails.
const QUEUE: usize = 512;
/// Threads for all of these.
pub const THREADS: usize = READERS + PAINTERS + 1;

/// What all requests share.
pub struct BrowseState {
    pub dataset: Arc<BrowsedDataset>,
    pub sheets: Arc<SheetCache>,
    pub labels: LabelWriter,
    /// `ingest.keep` of the config.
    pub keep: String,
    pub http: HttpLimits,
    /// Find clips.
    pub readers: Workers,
    pub dropped: Arc<DroppedFrames>,
    /// Decodes videos, one at a time.
    pub decoder: Workers,
    /// Make sheets, so that a slow condition does not delay pictures.
    pub painters: Workers,
}

impl BrowseState {
    /// `keep` is `ingest.keep` of the config.
    pub fn new(
        dataset: BrowsedDataset,
        labels: LabelWriter,
        dropped: DroppedFrames,
        (keep, http): (&str, HttpLimits),
    ) -> Self {
        Self {
            dataset: Arc::new(dataset),
            sheets: Arc::default(),
            labels,
            keep: keep.to_owned(),
            http,
            readers: Workers::new(READERS, QUEUE),
            dropped: Arc::new(dropped),
            decoder: Workers::new(1, 2),
            painters: Workers::new(PAINTERS, QUEUE),
        }
    }
}
