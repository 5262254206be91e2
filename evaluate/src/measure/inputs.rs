//! The windows to measure on.

use std::ops::Range;

use anyhow::{Result, ensure};

use crate::held_out::HeldOutWindow;
use crate::measure::frame_distance::FrameDistance;
use crate::world::VideoBatch;

/// The footage to measure on, and what it is compared by.
pub struct MeasurementInputs<'a> {
    pub windows: &'a [HeldOutWindow],
    /// Reads a window as `[1, t, h, w, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<VideoBatch>,
    /// The mean of training footage, `[h, w, 3]`, where there is any.
    pub mean_frame: Option<&'a [u8]>,
    /// How different frames look, where somebody can tell.
    pub frame_distance: Option<&'a dyn FrameDistance>,
}

/// Some windows together, `[b, t, h, w, 3]`.
pub fn load_batch(
    windows: &[HeldOutWindow],
    range: Range<usize>,
    load: &dyn Fn(usize) -> Result<VideoBatch>,
) -> Result<VideoBatch> {
    let mut batch = load(range.start)?;
    for index in range.skip(1) {
        let next = load(index)?;
        let (got, expected) =
            ((next.frames, next.height, next.width), (batch.frames, batch.height, batch.width));
        ensure!(
            got == expected,
            "clip {} has windows of (frames, height, width) = {got:?}, others of {expected:?}: ingest them at one size",
            windows[index].clip_id,
        );
        batch.batch += 1;
        batch.data.extend(next.data);
    }
    Ok(batch)
}
