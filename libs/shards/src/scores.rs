//! What ingest measured on a clip: numbers that a `keep` expression judges, and a fingerprint to find copies by.
//!
//! They are columns of the catalog's clip rows (and of the shards, so that a shard stands on its own), all `f32`, by the names of
//! the fields. How each is computed is ingest's business; what it means is said here.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray, Float32Array};

use crate::{ClipMeta, columns::Columns, error::Result, table::NamedColumns};

/// Scores of one clip. All are shares from 0 to 1 unless said otherwise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Mean absolute difference between neighbouring frames.
    pub motion: f32,
    /// The same of the block of the picture that moves most.
    pub motion_block: f32,
    /// Of the steps from frame to frame, those in which nothing moves.
    pub static_share: f32,
    /// Of the frames, different native frames: below 1 where the source has fewer frames a second than are sampled, or a gap.
    pub distinct_share: f32,
    /// Of the pixels, black ones.
    pub black_share: f32,
    /// Of the pixels, white ones.
    pub white_share: f32,
    /// Standard deviation of the luma.
    pub contrast: f32,
    /// How much of the contrast is in fine detail.
    pub sharpness: f32,
    /// Of the picture, what stays put while the rest scrolls.
    pub overlay_share: f32,
    /// Of the change between frames, what one translation of the whole picture explains.
    pub scroll: f32,
    /// Of the change between frames, what moving blocks explain.
    pub coherence: f32,
    /// Of the source's picture, black borders (cropped away where `ingest.aspect` says so).
    pub letterbox: f32,
    /// Perceptual hash over the clip; empty where the picture is too plain to tell clips apart.
    pub fingerprint: Vec<u8>,
}

/// A score: its column, and where it is in [`Scores`].
type Column = (&'static str, fn(&Scores) -> f32, fn(&mut Scores) -> &mut f32);

macro_rules! columns {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), |scores| scores.$name, |scores| &mut scores.$name)),*]
    };
}

/// All numeric scores, in the order of the schema.
const COLUMNS: [Column; 12] = columns![
    motion,
    motion_block,
    static_share,
    distinct_share,
    black_share,
    white_share,
    contrast,
    sharpness,
    overlay_share,
    scroll,
    coherence,
    letterbox,
];
/// Its column's name; SQL does not show it.
pub(crate) const FINGERPRINT: &str = "fingerprint";

/// Columns of clips' scores.
pub(crate) fn write(clips: &[&ClipMeta]) -> NamedColumns {
    let column = |(name, get, _): &Column| {
        let values = Float32Array::from_iter_values(clips.iter().map(|clip| get(&clip.scores)));
        (*name, Arc::new(values) as Arc<dyn Array>, false)
    };
    let mut columns: NamedColumns = COLUMNS.iter().map(column).collect();
    let fingerprints = BinaryArray::from_iter_values(clips.iter().map(|clip| &clip.scores.fingerprint));
    columns.push((FINGERPRINT, Arc::new(fingerprints), false));
    columns
}

/// Scores of such columns.
pub(crate) fn read(columns: Columns<'_>) -> Result<Vec<Scores>> {
    let fingerprints = columns.required::<BinaryArray>(FINGERPRINT)?;
    let mut scores: Vec<Scores> = fingerprints
        .iter()
        .map(|bytes| Scores { fingerprint: bytes.unwrap_or_default().to_vec(), ..Scores::default() })
        .collect();
    for (name, _, place) in COLUMNS {
        for (scores, &value) in scores.iter_mut().zip(columns.required::<Float32Array>(name)?.values()) {
            *place(scores) = value;
        }
    }
    Ok(scores)
}
