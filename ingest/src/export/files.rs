//! An export of files: `ab/ab….mp4`, `ab/ab….json` and `ab/ab….actions.csv` of each clip.
//!
//! The JSON is written last. A clip whose video exists, and whose JSON and actions are those of its
//! row, is complete. A clip's id stands for its pixels and times only: with another sidecar or
//! split, the id stays, and the JSON and the actions change.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;

use super::chosen::ChosenClip;
use super::{clip_video, description};
use crate::export::encode::Coding;

/// Writes the files of clips that are not complete in `dir`, and returns how many clips these were.
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

/// Writes the files of a clip that do not exist or have another content. Returns whether it had to.
fn write_clip(dir: &Utf8Path, clip: &ChosenClip<'_>, coding: Coding) -> Result<bool> {
    let meta = &clip.meta;
    let id = &meta.clip_id;
    // A directory of a million files is slow in many programs.
    let dir = dir.join(id.get(..2).unwrap_or_default());
    let path = |suffix: &str| dir.join(format!("{id}.{suffix}"));
    let (video, json_path, actions_path) = (path("mp4"), path("json"), path("actions.csv"));
    let json = description::json_of(meta, coding)?;
    let actions = description::actions_of(meta);
    let has_video = video.exists();
    let has_actions = has_content(&actions_path, actions.as_deref())?;
    if has_video && has_actions && has_content(&json_path, Some(&json))? {
        return Ok(false);
    }
    genie_durable::create_dir(&dir)?;
    let draft = dir.join(format!(".{id}.mp4.tmp"));
    if !has_video {
        clip_video::encode(&draft, meta, &clip.frames()?, coding)?;
    }
    match actions {
        _ if has_actions => {}
        Some(actions) => genie_durable::write(&actions_path, actions)?,
        None => fs::remove_file(&actions_path)
            .with_context(|| format!("cannot remove {actions_path}"))?,
    }
    if !has_video {
        genie_durable::rename_file(&draft, &video)?;
    }
    genie_durable::write(json_path, json)?;
    Ok(true)
}

/// Whether a file has this content; with `None`, whether there is no such file.
fn has_content(path: &Utf8Path, content: Option<&str>) -> Result<bool> {
    match fs::read(path) {
        Ok(found) => Ok(content.is_some_and(|content| content.as_bytes() == found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(content.is_none()),
        Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
    }
}
