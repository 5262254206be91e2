//! The held-out clips that a world can start from.
//!
//! Only clips of the split `held_out` whose frames have the models' size are listed. The models
//! have never seen them.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use genie_shards::{
    ClipMeta, ClipRow, ClipStore, ClipTiming, Frames, Manifest, Split, clip_rows_of,
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
    /// The clips of the store.
    metas: Vec<ClipMeta>,
    fps: f64,
    /// The catalog's rows of these clips, for SQL.
    rows: Vec<ClipRow>,
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
        let store = ClipStore::open(root, Split::HeldOut).context(read)?;
        let store = store.only(|clip| clip.size() == size);
        let (all, mut metas) = ((0..store.len()).collect::<Vec<_>>(), Vec::new());
        metas.resize(store.len(), ClipMeta::default());
        store.visit_metas(&all, |clip, meta| metas[clip] = meta).context(read)?;
        let manifest = Manifest::load(root).context("cannot read the manifest of the clips")?;
        let mut rows =
            clip_rows_of(root, &manifest).context("cannot read the catalog of the clips")?;
        rows.retain(|row| row.kept && store.position(&row.meta.clip_id).is_some());
        let fps = ClipTiming::of(&metas).map_or(FPS, |timing| timing.typical);
        Ok(Self(Arc::new(Shared { store, metas, fps, rows, filter })))
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
        let Shared { metas, rows, filter, .. } = &*self.0;
        let chosen: Vec<&ClipMeta> = if expression.trim().is_empty() {
            metas.iter().collect()
        } else {
            let holds = filter(expression, rows)?;
            let ids: HashSet<&str> = rows
                .iter()
                .zip(holds)
                .filter_map(|(row, holds)| holds.then_some(row.meta.clip_id.as_str()))
                .collect();
            metas.iter().filter(|clip| ids.contains(clip.clip_id.as_str())).collect()
        };
        let clips = chosen.iter().skip(after).take(PAGE).map(|clip| view(clip)).collect();
        Ok(ClipPage { clips, total: chosen.len() })
    }

    /// The metadata of a clip; none if there is no such held-out clip.
    pub fn get(&self, id: &str) -> Option<&ClipMeta> {
        Some(&self.0.metas[self.0.store.position(id)?])
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
