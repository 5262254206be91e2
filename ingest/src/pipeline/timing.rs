//! Warnings at the end of a run about the frame rates of the dataset's clips.

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{ClipMeta, ClipTiming, Manifest, stream_clip_rows, tables, timing_of_kept};

use crate::config::SamplingRate;

/// A step of an unevenly timed clip lasts more than this many times the clip's mean step.
const LONG_STEP: f64 = 2.0;

/// Logs what a user must know about the frame rates of the kept clips.
pub fn log_timing(root: &Utf8Path, rate: SamplingRate) -> Result<()> {
    let manifest = Manifest::load(root)?;
    let timing = timing_of_kept(root, &manifest)?;
    for warning in timing.iter().flat_map(ClipTiming::warnings) {
        tracing::warn!("{warning}");
    }
    if rate != SamplingRate::Own {
        return Ok(());
    }
    let (mut uneven, mut kept) = (0_usize, 0_usize);
    for entry in manifest.table(tables::CLIP_ROWS) {
        for rows in stream_clip_rows(root, entry)? {
            let rows = rows?;
            let of_kept = rows.iter().filter(|row| row.kept);
            uneven += of_kept.clone().filter(|row| is_uneven(&row.meta)).count();
            kept += of_kept.count();
        }
    }
    if uneven > 0 {
        tracing::warn!(
            "{uneven} of {kept} clips have a variable frame rate: a step lasts more than \
             {LONG_STEP} times the mean. Set [ingest] fps to a rate, so that all steps last \
             equally long, and ingest again."
        );
    }
    Ok(())
}

/// Whether a step of a clip of the source's own rate is much longer than the others.
fn is_uneven(clip: &ClipMeta) -> bool {
    let steps = clip.frame_count().saturating_sub(1) as f64;
    let length = clip.end_pts.saturating_sub(clip.start_pts) as f64;
    let longest = clip.frame_pts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max();
    longest.unwrap_or(0) as f64 * steps > LONG_STEP * length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: rounded time stamps or a single dropped frame count as a variable rate; a pause of
    /// a recorder that stores only changes does not.
    #[test]
    fn a_pause_is_uneven_and_rounding_is_not() {
        let uneven = |times: &[i64]| {
            let (start_pts, end_pts) = (times[0], times[times.len() - 1]);
            let frame_pts = times.to_vec();
            is_uneven(&ClipMeta { start_pts, end_pts, frame_pts, ..ClipMeta::default() })
        };
        assert!(!uneven(&[0, 17, 33, 50, 67, 83, 100]));
        assert!(!uneven(&[0, 33, 67, 133, 167, 200]), "one frame is missing");
        assert!(uneven(&[0, 33, 67, 100, 400, 433, 467]));
        assert!(!uneven(&[0]) && !uneven(&[5, 5, 5]));
    }
}
