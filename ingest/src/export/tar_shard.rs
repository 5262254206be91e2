//! An export of tar files, as WebDataset reads them: `clips-000000.tar` and so on.
//!
//! A clip has the members `ID.mp4`, `ID.json` and `ID.actions.csv`, which follow each other.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;
use tar::{Builder, Header};

use super::chosen::ChosenClip;
use super::{clip_video, description};
use crate::export::encode::Coding;

/// The members of a clip: the ends of their names, and their contents.
type Members = Vec<(&'static str, Vec<u8>)>;

/// Writes the tar file `number` of these clips, unless it exists; returns how many were written.
pub fn write(
    dir: &Utf8Path,
    number: usize,
    clips: &[ChosenClip<'_>],
    coding: Coding,
    (stop, progress): (&Stop, &Progress),
) -> Result<usize> {
    let path = dir.join(format!("clips-{number:06}.tar"));
    if path.exists() {
        progress.inc(clips.len() as u64);
        return Ok(0);
    }
    let draft = dir.join(format!(".clips-{number:06}.tar.tmp"));
    let failed = || format!("cannot write {path}");
    let mut tar = Builder::new(BufWriter::new(File::create(&draft).with_context(failed)?));
    for clips in clips.chunks(rayon::current_num_threads()) {
        let members: Vec<Members> = clips
            .par_iter()
            .map(|clip| {
                stop.check()?;
                members(dir, clip, coding)
            })
            .collect::<Result<_>>()?;
        for (clip, members) in clips.iter().zip(members) {
            for (suffix, content) in members {
                let name = format!("{}.{suffix}", clip.meta.clip_id);
                append(&mut tar, &name, &content).with_context(failed)?;
            }
            progress.inc(1);
        }
    }
    tar.into_inner().and_then(|mut file| file.flush()).with_context(failed)?;
    genie_durable::rename_file(&draft, &path)?;
    Ok(clips.len())
}

fn members(dir: &Utf8Path, clip: &ChosenClip<'_>, coding: Coding) -> Result<Members> {
    let meta = &clip.meta;
    // FFmpeg writes an MP4 file to a path, because it goes back to the start of the file.
    let draft: Utf8PathBuf = dir.join(format!(".{}.mp4.tmp", meta.clip_id));
    clip_video::encode(&draft, meta, &clip.frames()?, coding)?;
    let video = fs::read(&draft).with_context(|| format!("cannot read {draft}"))?;
    fs::remove_file(&draft).with_context(|| format!("cannot remove {draft}"))?;
    let mut members = vec![("mp4", video)];
    members.push(("json", description::json_of(meta, coding)?.into_bytes()));
    let actions = description::actions_of(meta).map(String::into_bytes);
    members.extend(actions.map(|actions| ("actions.csv", actions)));
    Ok(members)
}

/// Appends a file. Its time is 0, so that the same clips give the same bytes.
fn append<W: io::Write>(tar: &mut Builder<W>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, content)
}
