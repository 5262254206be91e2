//! Scores that ingest measures on a clip, and a fingerprint for near-duplicates.
//!
//! The expression `ingest.keep` uses the scores. They are `f32` columns of the clip rows, named
//! like the fields. Clip shards have the same columns, so a shard is complete on its own. This file
//! defines what a score means; the crate `ingest` computes it.

use std::sync::Arc;

use arrow::array::{Array, BinaryArray, Float32Array};

use super::columns::{Columns, NamedColumns};
use crate::error::Result;

/// Scores of one clip, all from 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Mean absolute difference between adjacent frames, over all RGB bytes.
    pub motion: f32,
    /// `motion` of the block that moves most, of 8×8 blocks: finds a small moving figure.
    pub motion_block: f32,
    /// Share of frames that repeat the previous frame: no 8×8 block differs by 2 of 255 on average.
    pub static_share: f32,
    /// Share of the frames that do not repeat the frame before because the source is slow.
    ///
    /// It is below 1 if the source has fewer frames per second than the sampling rate. Frames that
    /// a recorder left out because nothing moved do not lower it.
    pub distinct_share: f32,
    /// Share of pixels, over all frames, with a luma below 24 of 255.
    pub black_share: f32,
    /// Share of pixels, over all frames, with a luma above 232 of 255.
    pub white_share: f32,
    /// Standard deviation of luma within a frame, over its maximum of 127.5; mean over frames.
    ///
    /// 0 means one plain colour.
    pub contrast: f32,
    /// Difference between the largest and the smallest of red, green and blue; mean over pixels.
    ///
    /// 0 means grey. 1 means pure colours only.
    pub saturation: f32,
    /// Energy of the Laplacian, over 64 times the variance of luma.
    ///
    /// 0 means blurred, 0.31 means white noise, 1 means a chessboard of single pixels.
    pub sharpness: f32,
    /// Share of the change between adjacent frames that one translation explains.
    ///
    /// Only frame pairs count in which the translation explains at least 0.3 of the change and
    /// moves at least a tenth of the picture. Each part of the picture may also stay in place. The
    /// score is 0 in a game whose screen never scrolls.
    pub scroll: f32,
    /// Share of the picture that stays in place while the rest scrolls.
    ///
    /// Such a part can be a HUD, a banner, the frame of a face camera, or a fixed background. Plain
    /// areas do not count. The score is 0 where nothing scrolls.
    pub overlay_share: f32,
    /// Change between adjacent frames that neither standing still nor one translation explains.
    ///
    /// It is relative to the difference between two unrelated pictures of this contrast. Television
    /// static has a value near 1.
    pub noise: f32,
    /// Share of the change over eight frames that a zoom about the centre explains.
    ///
    /// The best translation is applied first.
    pub zoom: f32,
    /// Share of the source's picture that is black borders; `ingest.aspect` decides on cropping.
    pub letterbox: f32,
    /// Perceptual hash of the clip; empty if the picture is too plain to tell clips apart.
    pub fingerprint: Vec<u8>,
}

impl Scores {
    /// Name and value of each numeric score, in schema order.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f32)> + use<'_> {
        COLUMNS.iter().map(|(name, get, _)| (*name, get(self)))
    }
}

/// Column of one score: its name, its getter, its setter.
type Column = (&'static str, fn(&Scores) -> f32, fn(&mut Scores) -> &mut f32);

macro_rules! columns {
    ($($name:ident),* $(,)?) => {
        [$((stringify!($name), |scores| scores.$name, |scores| &mut scores.$name)),*]
    };
}

/// All numeric scores, in schema order.
const COLUMNS: &[Column] = &columns![
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
/// Column name of the fingerprint, which SQL does not show.
pub(crate) const FINGERPRINT: &str = "fingerprint";

/// Returns the columns of scores, in schema order.
pub(crate) fn write(scores: &[&Scores]) -> NamedColumns {
    let column = |(name, get, _): &Column| {
        let values = Float32Array::from_iter_values(scores.iter().map(|scores| get(scores)));
        (*name, Arc::new(values) as Arc<dyn Array>, false)
    };
    let mut columns: NamedColumns = COLUMNS.iter().map(column).collect();
    let fingerprints =
        BinaryArray::from_iter_values(scores.iter().map(|scores| &scores.fingerprint));
    columns.push((FINGERPRINT, Arc::new(fingerprints), false));
    columns
}

/// Reads scores from such columns.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a score is not in `COLUMNS`, so its values are lost in the file.
    #[test]
    fn every_score_has_a_column() {
        let mut scores = Scores::default();
        for (_, _, place) in COLUMNS {
            *place(&mut scores) = 0.5;
        }
        let shown = format!("{scores:?}");
        assert!(!shown.contains(": 0.0"), "not in COLUMNS: {shown}");
    }
}
