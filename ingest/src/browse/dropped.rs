//! Pictures of clips that are not kept: a dataset has none, so their videos are decoded again.
//!
//! A decoder process does it, as in a run of ingest: confined, and with limits of memory and time.
//! The video is decoded from its start to the end of the clip. All clips on the way that are not
//! kept get their pictures, too.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow, bail, ensure};
use camino::Utf8Path;
use genie_shards::{ClipKey, Manifest, SourceRow, stream_sources, tables};
use genie_stage::stop::Stop;

use super::facts::{ClipFacts, WallFacts};
use super::sheets::SheetCache;
use crate::config::{DecoderLimits, FrameFormat, IngestConfig};
use crate::decode::{Failure, Sampled};
use crate::discover::FileStamp;
use crate::worker::Worker;

/// Ends the decoding when all clips have their frames.
#[derive(Debug, thiserror::Error)]
#[error("all frames are there")]
struct Enough;

/// Decodes videos again, one at a time.
pub struct DroppedFrames {
    worker: Mutex<Worker>,
    format: FrameFormat,
    limits: DecoderLimits,
    stop: Stop,
}

/// A clip whose frames come.
struct OpenClip {
    facts: ClipFacts,
    frames: Vec<Vec<u8>>,
}

impl DroppedFrames {
    /// Decodes as this config says.
    pub fn new(config: &IngestConfig, stop: &Stop) -> Self {
        Self {
            worker: Mutex::default(),
            format: config.frame_format(),
            limits: config.decoder.clone(),
            stop: stop.clone(),
        }
    }

    /// Makes the sheets of a clip that is not kept, and of those before it in its video.
    ///
    /// Returns the clips that have sheets now. Blocks.
    ///
    /// # Errors
    /// If the video is gone, has changed, or cannot be decoded.
    pub fn decode(
        &self,
        root: &Utf8Path,
        facts: &WallFacts,
        clip: u32,
        sheets: &SheetCache,
    ) -> Result<Vec<ClipKey>> {
        let wanted = facts.clips[clip as usize];
        let path = &facts.sources[wanted.source as usize];
        check_source(root, path)?;
        let is_before = |other: &&ClipFacts| {
            (other.source, other.stream, other.kept) == (wanted.source, wanted.stream, false)
                && other.pts <= wanted.pts
        };
        let mut open: Vec<OpenClip> = facts
            .clips
            .iter()
            .filter(is_before)
            .map(|facts| OpenClip { facts: *facts, frames: Vec::new() })
            .collect();
        let size = (self.format.height as usize, self.format.width as usize);
        let mut done = Vec::new();
        let mut close = |clip: OpenClip| -> Result<()> {
            if !clip.frames.is_empty() {
                sheets.add(clip.facts.key, &clip.frames, size)?;
                done.push(clip.facts.key);
            }
            Ok(())
        };
        let decoded = {
            let mut take = |frame: &Sampled<'_>| -> Result<()> {
                for clip in &mut open {
                    let (first, last) = clip.facts.pts;
                    if (first..=last).contains(&frame.pts) {
                        clip.frames.push(frame.rgb.to_vec());
                    }
                }
                let is_over = |clip: &mut OpenClip| clip.facts.pts.1 <= frame.pts;
                open.extract_if(.., is_over).try_for_each(&mut close)?;
                if open.is_empty() { Err(Enough.into()) } else { Ok(()) }
            };
            let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            worker.decode(
                Path::new(path),
                self.format,
                &self.limits,
                &self.stop,
                &mut |track, frame| {
                    if track.stream == wanted.stream { take(frame) } else { Ok(()) }
                },
            )
        };
        match decoded {
            Err(Failure::Fatal(error)) if !error.is::<Enough>() => return Err(error),
            Err(Failure::Reject(reject)) if open.iter().all(|clip| clip.frames.is_empty()) => {
                return Err(anyhow!("{reject}"));
            }
            _ => {}
        }
        open.into_iter().try_for_each(&mut close)?;
        ensure!(done.contains(&wanted.key), "the video has no frames at the time of the clip");
        Ok(done)
    }
}

/// Checks that the video of a source is the one that was ingested.
fn check_source(root: &Utf8Path, path: &str) -> Result<()> {
    let mut known: Option<SourceRow> = None;
    for entry in Manifest::load(root)?.table(tables::SOURCES) {
        for rows in stream_sources(root, entry)? {
            known = rows?.into_iter().find(|row| row.source_path == path).or(known);
        }
    }
    let Some(SourceRow { bytes, modified_ns, .. }) = known else {
        bail!("the dataset no longer has {path}");
    };
    let found = FileStamp::of(Path::new(path)).map_err(|error| anyhow!("{path}: {error}"))?;
    ensure!(
        found == FileStamp { bytes, modified_ns },
        "{path} has changed since it was ingested; run `genie-ingest run`"
    );
    Ok(())
}
