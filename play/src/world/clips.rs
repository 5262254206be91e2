//! The held-out clips that a world can start from.
//!
//! Only clips of the split `held_out` whose frames have the models' size are listed. The models
//! have never seen them.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use genie_shards::{
    ClipMeta, ClipRates, ClipRow, ClipStore, Frames, Manifest, Split, TimingTally,
    stream_clip_rows, tables,
};
use genie_training::ClipFilter;
use serde::Serialize;

/// Largest number of clips in one answer.
const PAGE: usize = 60;
/// Number of clips whose colours make the palette.
const SAMPLES: usize = 16;
/// Frames per second if there are no clips.
const FPS: f64 = 10.0;

/// The held-out clips. Clones share them.
#[derive(Clone)]
pub struct Clips(Arc<Shared>);

struct Shared {
    store: ClipStore,
    /// The clips of the store, without fingerprints, as rows of the catalog for SQL.
    rows: Vec<ClipRow>,
    fps: f64,
    filter: ClipFilter,
}

/// Some of the clips, for a page.
#[derive(Clone, Debug, Serialize)]
pub struct ClipPage {
    pub clips: Vec<ClipView>,
    /// Number of all clips for which the expression holds.
    pub total: usize,
}

/// A clip, for a page.
#[derive(Clone, Debug, Serialize)]
pub struct ClipView {
    pub id: String,
    /// File name of the recording.
    pub name: String,
    pub frames: usize,
    /// Start in the recording, in seconds.
    pub start: f64,
    /// Address of the picture of the first frame.
    pub thumb: String,
}

impl Clips {
    /// Opens the held-out clips whose frames have `size` (height, width).
    ///
    /// # Errors
    /// When the clips or their catalog cannot be read.
    pub fn open(root: &Utf8Path, size: (usize, usize), filter: ClipFilter) -> Result<Self> {
        let read = "cannot read the held-out clips";
        let manifest = Manifest::load(root).context("cannot read the manifest of the clips")?;
        let store = ClipStore::of_manifest(root, &manifest, Split::HeldOut).context(read)?;
        let store = store.only(|clip| clip.size() == size);
        let all: Vec<usize> = (0..store.len()).collect();
        let mut rows = vec![ClipRow { kept: true, ..ClipRow::default() }; store.len()];
        let mut timing = TimingTally::default();
        let visited = store.visit_metas(&all, |clip, mut meta| {
            timing.add(ClipRates::of(&meta));
            meta.scores.fingerprint = Vec::new();
            rows[clip].meta = meta;
        });
        visited.context(read)?;
        // Only the catalog has the qualities.
        for entry in manifest.table(tables::CLIP_ROWS) {
            let read = "cannot read the catalog of the clips";
            for part in stream_clip_rows(root, entry).context(read)? {
                for row in part.context(read)?.iter().filter(|row| row.quality.is_some()) {
                    if let Some(clip) = store.position(&row.meta.clip_id) {
                        rows[clip].quality = row.quality;
                    }
                }
            }
        }
        let fps = timing.timing().map_or(FPS, |timing| timing.typical);
        Ok(Self(Arc::new(Shared { store, rows, fps, filter })))
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.0.store.len()
    }

    /// Frames per second of the clips: the median.
    pub fn fps(&self) -> f64 {
        self.0.fps
    }

    /// The clips for which an SQL expression holds, from number `after` on.
    ///
    /// # Errors
    /// When the expression is wrong.
    pub fn list(&self, expression: &str, after: usize) -> Result<ClipPage> {
        let Shared { rows, filter, .. } = &*self.0;
        let holds = if expression.trim().is_empty() {
            vec![true; rows.len()]
        } else {
            filter(expression, rows)?
        };
        let chosen = rows.iter().zip(&holds).filter(|(_, holds)| **holds);
        let clips = chosen.skip(after).take(PAGE).map(|(row, _)| view(&row.meta)).collect();
        let total = holds.iter().filter(|holds| **holds).count();
        Ok(ClipPage { clips, total })
    }

    /// The metadata of a clip; none if there is no such held-out clip.
    pub fn get(&self, id: &str) -> Option<&ClipMeta> {
        Some(&self.0.rows[self.0.store.position(id)?].meta)
    }

    /// Decodes frames `first .. first + len` of a clip.
    ///
    /// # Errors
    /// When there is no such clip, it has no such frames, or it cannot be read.
    pub fn frames(&self, id: &str, first: usize, len: usize) -> Result<Frames> {
        let position = self.0.store.position(id).context("there is no such held-out clip")?;
        let frames = self.0.store.clips()[position].frame_count();
        ensure!(
            len > 0 && first.checked_add(len).is_some_and(|end| end <= frames),
            "the clip has {frames} frames; frames {first} to {} are not all in it",
            first.saturating_add(len).saturating_sub(1)
        );
        Ok(self.0.store.window(position, first, len)?)
    }

    /// First frames of some clips, each RGB `[height, width, 3]`.
    ///
    /// # Errors
    /// When a clip cannot be read.
    pub fn samples(&self) -> Result<Vec<Vec<u8>>> {
        let store = &self.0.store;
        let step = (store.len() / SAMPLES).max(1);
        let clips = (0..store.len()).step_by(step).take(SAMPLES);
        clips.map(|clip| Ok(store.window(clip, 0, 1)?.data)).collect()
    }
}

/// The file name of a clip's recording.
pub fn file_name(clip: &ClipMeta) -> &str {
    Utf8Path::new(&clip.source_path).file_name().unwrap_or(&clip.source_path)
}

fn view(clip: &ClipMeta) -> ClipView {
    let (numerator, denominator) = clip.time_base;
    #[allow(clippy::cast_precision_loss, reason = "a time to show")]
    let start = clip.start_pts as f64 * f64::from(numerator) / f64::from(denominator.max(1));
    ClipView {
        id: clip.clip_id.clone(),
        name: file_name(clip).to_owned(),
        frames: clip.frame_count(),
        start,
        thumb: format!("/api/clips/{}/0.png", clip.clip_id),
    }
}
