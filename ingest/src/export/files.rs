//! An export of files: `ab/ab….mp4`, `ab/ab….json` and `ab/ab….actions.csv` of each clip.
//!
//! The JSON is written last. A clip whose JSON and video exist is complete.

use anyhow::Result;
use camino::Utf8Path;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;

use super::chosen::ChosenClip;
use super::{clip_video, description};
use crate::encode::Coding;

/// Writes the clips that are not complete in `dir`, and returns how many these were.
pub fn write(
    dir: &Utf8Path,
    clips: &[ChosenClip<'_>],
    coding: Coding,
    (stop, progress): (&Stop, &Progress),
) -> Result<usize> {
    let written: Vec<bool> = clips
        .par_iter()
        .map(|clip| {
            stop.check()?;
            let written = write_clip(dir, clip, coding)?;
            progress.inc(1);
            anyhow::Ok(written)
        })
        .collect::<Result<_>>()?;
    Ok(written.into_iter().filter(|written| *written).count())
}

/// Writes the files of a clip, unless they exist.
fn write_clip(dir: &Utf8Path, clip: &ChosenClip<'_>, coding: Coding) -> Result<bool> {
    let meta = &clip.meta;
    let id = &meta.clip_id;
    // A directory of a million files is slow in many programs.
    let dir = dir.join(id.get(..2).unwrap_or_default());
    let path = |suffix: &str| dir.join(format!("{id}.{suffix}"));
    let (video, json) = (path("mp4"), path("json"));
    if json.exists() && video.exists() {
        return Ok(false);
    }
    genie_durable::create_dir(&dir)?;
    let draft = dir.join(format!(".{id}.mp4.tmp"));
    clip_video::encode(&draft, meta, &clip.frames()?, coding)?;
    if let Some(actions) = description::actions_of(meta) {
        genie_durable::write(path("actions.csv"), actions)?;
    }
    genie_durable::rename_file(&draft, &video)?;
    genie_durable::write(json, description::json_of(meta, coding)?)?;
    Ok(true)
}
