//! The inputs of a measurement: the windows, and what they are compared with.

use std::ops::Range;

use anyhow::{Result, ensure};

use crate::held_out::HeldOutWindow;
use crate::measure::frame_distance::FrameDistance;
use crate::world::VideoBatch;

/// The windows to measure, and what they are compared with.
pub struct MeasurementInputs<'a> {
    pub windows: &'a [HeldOutWindow],
    /// Reads a window as `[1, time, height, width, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<VideoBatch>,
    /// Mean frame of the training clips, `[height, width, 3]`, if there are training clips.
    pub mean_frame: Option<&'a [u8]>,
    /// LPIPS, if its weights are given.
    pub frame_distance: Option<&'a dyn FrameDistance>,
}

/// Reads several windows as one batch `[batch, time, height, width, 3]`.
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
            "clip {} has windows of (frames, height, width) = {got:?}, but other clips have \
             {expected:?}: ingest all clips at one size",
            windows[index].clip_id,
        );
        batch.batch += 1;
        batch.data.extend(next.data);
    }
    Ok(batch)
}
