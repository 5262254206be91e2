//! What ingest measured on a clip: numbers that a `keep` expression judges, and a fingerprint to find copies by.
//!
//! They are columns of the catalog's clip rows (and of the shards, so that a shard stands on its own), all `f32`, by the names of
//! the fields. How each is computed is ingest's business; what it means is said here.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray, Float32Array};

use crate::{ClipMeta, columns::Columns, error::Result, table::NamedColumns};

/// Scores of one clip, all from 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Mean absolute difference between neighbouring frames, over all bytes of RGB.
    pub motion: f32,
    /// The same of the block that moves most, of 8×8 over the picture: a small figure in an otherwise still one.
    pub motion_block: f32,
    /// Share of frames that only repeat the one before: in no block of 8×8 is the mean difference 2 levels of 255.
    pub static_share: f32,
    /// Share of different native frames among the frames: below 1 where the source has fewer a second than are sampled, or a
    /// gap.
    pub distinct_share: f32,
    /// Share of pixels, over all frames, whose luma is below 24 of 255.
    pub black_share: f32,
    /// Share of pixels, over all frames, whose luma is above 232 of 255.
    pub white_share: f32,
    /// Standard deviation of luma within a frame over 127.5 (its greatest possible), averaged over frames: 0 is one
    /// plain colour.
    pub contrast: f32,
    /// Difference between the strongest and the weakest of red, green and blue, averaged over pixels: 0 is grey, 1 is
    /// nothing but pure colours.
    pub saturation: f32,
    /// Energy of the Laplacian over 64 times the variance of luma: 0 is blurred, 0.31 is white noise, 1 is a chessboard
    /// of single pixels.
    pub sharpness: f32,
    /// Share of the change between neighbouring frames that one translation explains, over those pairs where it
    /// explains at least 0.3 of it and takes a tenth of the picture along; each part of the picture may have stayed put
    /// instead. 0 in a game of single screens.
    pub scroll: f32,
    /// Share of the picture that stays put while the rest scrolls: a HUD, a banner, the frame of a face camera, but
    /// also a fixed backdrop. Plain parts are not counted; 0 where nothing scrolls.
    pub overlay_share: f32,
    /// Change between neighbouring frames that neither staying nor one translation explains, over what two unrelated
    /// pictures of this contrast would differ by: near 1 for television static.
    pub noise: f32,
    /// Share of the change over eight frames, after the best translation, that a zoom about the centre explains.
    pub zoom: f32,
    /// Share of the source's picture that is black borders (cropped away where `ingest.aspect` says so).
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
const COLUMNS: [Column; 14] = columns![
    motion,
    motion_block,
    static_share,
    distinct_share,
    black_share,
    white_share,
    contrast,
    saturation,
    sharpness,
    scroll,
    overlay_share,
    noise,
    zoom,
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
    let fingerprints =
        BinaryArray::from_iter_values(clips.iter().map(|clip| &clip.scores.fingerprint));
    columns.push((FINGERPRINT, Arc::new(fingerprints), false));
    columns
}

/// Scores of such columns.
pub(crate) fn read(columns: Columns<'_>) -> Result<Vec<Scores>> {
    let fingerprints = columns.required::<BinaryArray>(FINGERPRINT)?;
    let mut scores: Vec<Scores> = fingerprints
        .iter()
        .map(|bytes| Scores {
            fingerprint: bytes.unwrap_or_default().to_vec(),
            ..Scores::default()
        })
        .collect();
    for (name, _, place) in COLUMNS {
        for (scores, &value) in
            scores.iter_mut().zip(columns.required::<Float32Array>(name)?.values())
        {
            *place(scores) = value;
        }
    }
    Ok(scores)
}
