//! Ingesting one source: decoding it, cutting it, and saying in its row how that went.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result};
use genie_shards::{SourceRow, Split, Status};
use genie_stage::stop::Stop;

use super::source::Source;
use crate::actions::{self, Sidecar};
use crate::clips::{Cutter, Origin};
use crate::config::IngestConfig;
use crate::decode::{self, Failure, Summary};
use crate::reject::{Reason, Reject};
use crate::shard::ShardWriter;

/// Decodes a source into the writer and returns its row. Only what stops the whole run is an error.
pub fn ingest_one(
    source: &Source,
    split: Split,
    config: &IngestConfig,
    stop: &Stop,
    writer: &mut ShardWriter,
) -> Result<SourceRow> {
    let sidecar = match &source.sidecar {
        Some(Ok(sidecar)) => Some(sidecar),
        Some(Err(problem)) => {
            tracing::warn!("{problem}; the video is ingested without actions");
            None
        }
        None => None,
    };
    let mut row = source.row();
    let path = row.source_path.clone();
    let origin = Origin { source_id: &source.id, source_path: &path, split, sidecar };
    let mut cutter = Cutter::new(origin, config);
    let mut kept = 0;
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        decode::decode(&source.path, config, stop, &mut |track, frame| {
            if let Some(cut) = cutter.push(track, &frame) {
                kept += u32::from(cut.rejected.is_none());
                writer.clip(cut.clip, cut.rejected)?;
            }
            Ok(())
        })
    }));
    let decoded = decoded.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Failure::Reject(Reject::new(Reason::DecoderPanicked, message.unwrap_or("no message"))))
    });
    let reject = match decoded {
        Ok(summary) => {
            if let Some(cut) = cutter.finish(summary.native_frames) {
                kept += u32::from(cut.rejected.is_none());
                writer.clip(cut.clip, cut.rejected)?;
            }
            compare_lengths(source, sidecar, &summary);
            describe(&mut row, &summary);
            let detail =
                format!("{:.2} s: fewer than {} frames at {} FPS", summary.seconds, config.min_frames, config.fps);
            (kept == 0).then(|| Reject::new(Reason::TooShort, detail))
        }
        Err(Failure::Reject(reject)) => Some(reject),
        Err(Failure::Fatal(error)) => return Err(error).with_context(|| format!("while ingesting {path}")),
    };
    row.clips_kept = kept;
    match reject {
        // Clips before the damage are good.
        Some(reject) if kept > 0 => row.detail = Some(format!("broke off after {kept} clips: {reject}")),
        Some(reject) => return Ok(SourceRow { clips_kept: 0, ..with_reject(row, &reject) }),
        None => {}
    }
    Ok(row)
}

fn with_reject(row: SourceRow, reject: &Reject) -> SourceRow {
    SourceRow {
        status: Status::Rejected,
        reason: Some(reject.reason.code().to_owned()),
        detail: Some(reject.detail.clone()),
        ..row
    }
}

fn describe(row: &mut SourceRow, summary: &Summary) {
    row.duration_s = Some(summary.seconds);
    row.codec = Some(summary.track.codec.clone());
    row.width = Some(summary.track.width);
    row.height = Some(summary.track.height);
    row.fps = Some(summary.track.fps);
    row.detail.clone_from(&summary.damage);
}

/// A sidecar of another length than the video is probably another video's.
fn compare_lengths(source: &Source, sidecar: Option<&Sidecar>, summary: &Summary) {
    let Some(sidecar) = sidecar else { return };
    let (rows, frames) = (sidecar.frames(), summary.native_frames);
    if rows.abs_diff(frames) > 2 + frames / 50 {
        tracing::warn!(
            "{} has {rows} rows but the video has {frames} frames: are they of the same recording?",
            actions::beside(&source.path).display()
        );
    }
}
