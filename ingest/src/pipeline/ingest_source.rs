//! Ingesting one source: decode it, cut clips, apply the rules to them, and fill its catalog row.

use anyhow::{Context as _, Result};
use genie_catalog::one_line;
use genie_shards::{SourceRow, Split};
use genie_stage::stop::Stop;

use crate::catalog::{GroupWriter, KeepRules, config_of, source_key};
use crate::clips::{ClipCutter, ClipOrigin, CutClip, Sidecar, parse_sidecar, sidecar_path};
use crate::config::{ClipFormat, DecoderLimits, MAX_OWN_FPS, SamplingRate};
use crate::decode::{Failure, Summary};
use crate::discover::SourceFile;
use crate::reject::{Reason, Reject};
use crate::worker::Worker;

/// Ingests single sources.
pub struct SourceIngester<'a> {
    pub format: ClipFormat,
    pub limits: &'a DecoderLimits,
    pub rules: &'a KeepRules,
    pub stop: &'a Stop,
}

impl SourceIngester<'_> {
    /// Decodes a source and adds its clips to the writer.
    ///
    /// Returns the source's row, and whether the file is damaged. A problem with the file is a
    /// reject in the row. An error means that the whole run must stop.
    pub fn ingest(
        &self,
        source: &SourceFile,
        split: Split,
        worker: &mut Worker,
        writer: &mut GroupWriter,
    ) -> Result<(SourceRow, bool)> {
        let sidecar = std::fs::read(sidecar_path(&source.path)).ok();
        let mut row = source.row();
        // It may have changed since the file was identified.
        row.ingest_key = source_key(config_of(&source.key), sidecar.as_deref());
        let (sidecar, unread) = parsed(source, sidecar.as_deref());
        row.has_actions = sidecar.is_some();
        let path = row.source_path.clone();
        let origin = ClipOrigin {
            source_id: &source.id,
            source_path: &path,
            split,
            sidecar: sidecar.as_ref(),
        };
        let mut cutter = ClipCutter::new(origin, self.format);
        let (mut kept, mut cut) = (0, 0);
        let mut store = |clip: CutClip| {
            let mut row = clip.row;
            if row.reason.is_none() {
                row.reason = self.rules.failure(&mut row)?;
            }
            row.kept = row.reason.is_none();
            kept += u32::from(row.kept);
            cut += 1;
            writer.clip(row, clip.frames)
        };
        let decoded = worker.decode(
            &source.path,
            self.format.frame,
            self.limits,
            self.stop,
            &mut |track, frame| cutter.push(track, frame).into_iter().try_for_each(&mut store),
        );
        let damaged = decoded.as_ref().map_or(true, |summary| summary.damage.is_some());
        let mut reject = match decoded {
            Ok(summary) => {
                cutter.finish(summary.native_frames).into_iter().try_for_each(&mut store)?;
                let lengths = |sidecar| compare_lengths(source, sidecar, &summary);
                let problem = unread.or_else(|| sidecar.as_ref().and_then(lengths));
                self.describe(&mut row, &summary, problem.as_ref())
            }
            Err(Failure::Reject(reject)) => Some(reject),
            Err(Failure::Fatal(error)) => {
                return Err(error).with_context(|| format!("cannot ingest {path}"));
            }
        };
        if source.has_changed() {
            reject = Some(Reject::new(Reason::Changed, "the file changed while ingest read it"));
        }
        row.clips_kept = kept;
        row.detail = [row.detail.take(), source.note.as_deref().map(str::to_owned)]
            .into_iter()
            .flatten()
            .reduce(|one, other| format!("{one}; {other}"));
        if let Some(reject) = reject.take_if(|reject| kept > 0 && !reject.reason.taints()) {
            // The clips before the damage are good.
            row.detail = Some(format!("decoding stopped after {kept} clips: {reject}"));
        }
        if let Some(reject) = reject {
            if reject.reason.taints() {
                writer.take_back(&source.id);
            }
            return Ok((SourceRow { clips_kept: 0, ..source.rejected(row, &reject) }, damaged));
        }
        if kept == 0 && cut > 0 {
            // The finalizer writes the details, in the same way for all sources.
            return Ok((source.rejected(row, &Reject::new(Reason::Filtered, "")), damaged));
        }
        Ok((row, damaged))
    }

    /// Copies the properties of the decoded video, and what is wrong with its sidecar, to the row.
    ///
    /// Rejects a source that is too short for any clip.
    fn describe(
        &self,
        row: &mut SourceRow,
        summary: &Summary,
        sidecar_problem: Option<&String>,
    ) -> Option<Reject> {
        row.duration_s = Some(summary.seconds);
        row.codec = Some(summary.track.codec.clone());
        row.width = Some(summary.track.width);
        row.height = Some(summary.track.height);
        row.fps = Some(summary.track.fps);
        let crop = summary.track.crop;
        row.crop = crop.map(|crop| format!("{}x{}+{}+{}", crop.width, crop.height, crop.x, crop.y));
        let ClipFormat { frame, min_frames, .. } = self.format;
        let fast = (frame.rate == SamplingRate::Own).then(|| too_fast(summary)).flatten();
        let notes = summary.damage.iter().chain(&summary.notes).chain(&fast);
        let notes = notes.chain(sidecar_problem);
        row.detail = notes.cloned().reduce(|one, other| format!("{one}; {other}"));
        (summary.sampled < u64::from(min_frames)).then(|| {
            let detail = match frame.rate {
                SamplingRate::Fixed(fps) => {
                    let needed = f64::from(min_frames) / fps;
                    let seconds = summary.seconds;
                    format!(
                        "the video has {seconds:.2} s, but {min_frames} frames need {needed:.2} s"
                    )
                }
                SamplingRate::Own => {
                    let frames = summary.sampled;
                    format!("the video has {frames} frames, but a clip needs {min_frames}")
                }
            };
            Reject::new(Reason::TooShort, detail)
        })
    }
}

/// Describes a rate at which clips of the source's own rate do not have their full length.
fn too_fast(summary: &Summary) -> Option<String> {
    let fps = summary.native_frames as f64 / summary.seconds;
    (fps > MAX_OWN_FPS * 1.01).then(|| {
        format!(
            "the video has {fps:.0} frames per second by its time stamps, and clips have their \
             full length only up to {MAX_OWN_FPS}: set ingest.fps to a rate"
        )
    })
}

/// The parsed sidecar of a source. If it cannot be parsed, logs a warning and returns the problem.
fn parsed(source: &SourceFile, sidecar: Option<&[u8]>) -> (Option<Sidecar>, Option<String>) {
    let Some(content) = sidecar else { return (None, None) };
    match parse_sidecar(&sidecar_path(&source.path), content) {
        Ok(sidecar) => (Some(sidecar), None),
        Err(problem) => {
            let shown = one_line(&problem.to_string());
            tracing::warn!("{shown}; ingest uses the video without actions");
            let problem = problem.without_path();
            (None, Some(format!("the sidecar cannot be read, so there are no actions: {problem}")))
        }
    }
}

/// Compares the lengths of the sidecar and the video. They may not belong together.
///
/// If they differ, logs a warning and returns it.
fn compare_lengths(source: &SourceFile, sidecar: &Sidecar, summary: &Summary) -> Option<String> {
    let (rows, frames) = (sidecar.frames(), summary.native_frames);
    if rows.abs_diff(frames) <= Sidecar::tolerance(frames) {
        return None;
    }
    let path = one_line(&sidecar_path(&source.path).to_string_lossy());
    let lengths = format!("has {rows} rows but the video has {frames} frames");
    let effect = if sidecar.covers(frames.saturating_sub(1)) {
        ""
    } else {
        ", so its later frames have no actions"
    };
    let advice = "check that both are of the same recording";
    tracing::warn!("{path} {lengths}{effect}: {advice}");
    Some(format!("the sidecar {lengths}{effect}"))
}
