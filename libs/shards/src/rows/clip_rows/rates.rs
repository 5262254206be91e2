//! The frame rates of a dataset's clips, from few columns of their rows.

use arrow::array::{Array, BooleanArray, Float32Array, Float64Array, UInt32Array};
use camino::Utf8Path;

use crate::{
    error::Result,
    manifest::{Manifest, tables},
    rows::stream::visit_columns,
    schema::timing::{ClipRates, ClipTiming, TimingTally},
};

/// Computes the timing of the kept clips that `manifest` names; `None` without kept clips.
///
/// # Errors
/// If one of the files cannot be read.
pub fn timing_of_kept(root: &Utf8Path, manifest: &Manifest) -> Result<Option<ClipTiming>> {
    let wanted = ["kept", "frames", "fps", "source_fps", "mixed_actions"];
    let mut tally = TimingTally::default();
    for entry in manifest.table(tables::CLIP_ROWS) {
        visit_columns(root, tables::CLIP_ROWS, entry, &wanted, |columns| {
            let kept = columns.required::<BooleanArray>("kept")?;
            let frames = columns.required::<UInt32Array>("frames")?;
            let fps = columns.required::<Float64Array>("fps")?;
            let source_fps = columns.required::<Float64Array>("source_fps")?;
            let mixed = columns.optional::<Float32Array>("mixed_actions")?;
            for row in (0..columns.rows()).filter(|&row| kept.value(row)) {
                tally.add(ClipRates {
                    frames: frames.value(row) as usize,
                    fps: fps.value(row),
                    source_fps: source_fps.value(row),
                    mixed_actions: mixed.is_valid(row).then(|| mixed.value(row)),
                });
            }
            Ok(())
        })?;
    }
    Ok(tally.timing())
}
