//! The places of the token windows on which a model is trained, and their tokens.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8Path;
use genie_model::{TokenShape, cut_groups};
use genie_shards::{Manifest, TokenWindow, read_token_rows, tables, token_shape, windows_of};
use genie_stage::lock::InUse;

use super::row_index::RowIndex;
use crate::models::ClipSet;

/// The token windows of some clips.
///
/// It needs a few bytes for each clip, and none for each window. The clips are in groups, and the
/// clips of a group are read together. The groups depend on the clips, not on the shards.
pub struct TokenIndex {
    _in_use: InUse,
    clips: ClipSet,
    shape: TokenShape,
    rows: RowIndex,
    /// The group of each clip, by the clip's number.
    groups: Vec<u32>,
    /// The number of windows of each group.
    windows: Vec<u64>,
}

/// The windows of some groups, in the order of clips, then of time.
///
/// A clip has all its windows: they begin at frames 0, T, 2T, ….
pub struct TokenBuffer {
    /// The number of each clip, in ascending order, and its windows.
    pub clips: Vec<(usize, Range<usize>)>,
    /// Tokens `[window, frame, position]`.
    pub tokens: Vec<u16>,
}

impl TokenBuffer {
    /// The windows of the clip with this number, if it is in the buffer.
    #[must_use]
    pub fn windows_of(&self, clip: usize) -> Option<Range<usize>> {
        let at = self.clips.binary_search_by_key(&clip, |(clip, _)| *clip).ok()?;
        Some(self.clips[at].1.clone())
    }

    /// The number of windows.
    #[must_use]
    pub fn windows(&self) -> usize {
        self.clips.last().map_or(0, |(_, windows)| windows.end)
    }
}

impl TokenIndex {
    /// Finds the windows of `clips` in the shards of `dir`.
    ///
    /// `memory` is the number of bytes of windows that may be in memory.
    ///
    /// # Errors
    /// When a shard cannot be read, a clip is in two places or lacks some of its windows, or there
    /// are no windows.
    pub fn open(dir: &Utf8Path, clips: ClipSet, memory: u64) -> Result<Self> {
        // Before the manifest is read: `gc` deletes no file that this manifest names.
        let in_use = InUse::mark(dir)?;
        let manifest = Manifest::load(dir).context("cannot read the manifest of the tokens")?;
        let rows = RowIndex::find(dir, tables::TOKENS, manifest.table(tables::TOKENS), &clips)?;
        let Some(first) = rows.first_file() else {
            bail!(
                "{dir} has no tokens of the clips to train on: run `genie-tokenize encode`; if it \
                 has run, the clips are shorter than a window"
            );
        };
        let [frames, height, width] = token_shape(dir, first)?;
        let shape = TokenShape { frames, positions: height * width, columns: width };
        check_complete(&rows, &clips, frames)?;
        let windows_of = |clip: u32| windows_of(clips.frames(clip as usize), frames).count() as u64;
        let bytes = clips.by_source().iter().map(|clip| windows_of(*clip) * shape.bytes());
        let cut = cut_groups(bytes, memory);
        let mut groups = vec![0; clips.len()];
        let mut windows = vec![0; cut.last().map_or(0, |last| *last as usize + 1)];
        for (clip, group) in clips.by_source().iter().zip(cut) {
            groups[*clip as usize] = group;
            windows[group as usize] += windows_of(*clip);
        }
        Ok(Self { _in_use: in_use, clips, shape, rows, groups, windows })
    }

    /// The shape of the windows.
    #[must_use]
    pub fn shape(&self) -> TokenShape {
        self.shape
    }

    /// The clips for which this is the index.
    #[must_use]
    pub fn clips(&self) -> &ClipSet {
        &self.clips
    }

    /// The number of windows of each group.
    #[must_use]
    pub fn windows(&self) -> &[u64] {
        &self.windows
    }

    /// The group of a clip.
    #[must_use]
    pub fn group_of(&self, clip: usize) -> u32 {
        self.groups[clip]
    }

    /// The number of windows of each clip.
    pub fn windows_of_clips(&self) -> impl Iterator<Item = usize> {
        (0..self.clips.len()).map(|clip| self.rows.rows(clip))
    }

    /// Reads the windows of some groups, and checks them.
    ///
    /// # Errors
    /// When a shard cannot be read or has changed, or `halted` is set.
    pub fn read(&self, groups: &[u32], halted: &AtomicBool) -> Result<TokenBuffer> {
        let mut is_read = vec![false; self.windows.len()];
        for group in groups {
            is_read[*group as usize] = true;
        }
        let (mut clips, mut end) = (Vec::new(), 0);
        for (clip, windows) in self.windows_of_clips().enumerate() {
            if windows > 0 && is_read[self.groups[clip] as usize] {
                clips.push((clip, end..end + windows));
                end += windows;
            }
        }
        let length = self.shape.tokens();
        let mut buffer = TokenBuffer { clips, tokens: vec![0; end * length] };
        let numbers: Vec<usize> = buffer.clips.iter().map(|(clip, _)| *clip).collect();
        for (file, rows) in self.rows.file_rows(numbers) {
            ensure!(!halted.load(Ordering::Relaxed), "reading the tokens was stopped");
            let file = self.rows.file(file);
            let read = read_token_rows(self.rows.dir(), file, &rows);
            let read = read.context("cannot read the tokens")?;
            for run in read.chunk_by(|a, b| a.clip_id == b.clip_id) {
                let windows = self.clips.position(run[0].clip_id.as_str());
                let windows = windows.and_then(|clip| buffer.windows_of(clip));
                let windows = windows.filter(|windows| windows.len() == run.len());
                let windows = windows.with_context(|| {
                    format!(
                        "{} has changed since training began: run `genie-tokenize verify`",
                        self.rows.dir().join(&file.file)
                    )
                })?;
                self.check(run)?;
                for (window, to) in run.iter().zip(windows) {
                    buffer.tokens[to * length..][..length].copy_from_slice(&window.tokens);
                }
            }
        }
        Ok(buffer)
    }

    /// Checks that the windows of a clip have the common shape and are in the order of time.
    fn check(&self, windows: &[TokenWindow]) -> Result<()> {
        let TokenShape { frames, positions, columns } = self.shape;
        let shape = [frames, positions / columns.max(1), columns];
        for (number, window) in windows.iter().enumerate() {
            let (clip, dir) = (&window.clip_id, self.rows.dir());
            let other = [window.t, window.h, window.w].map(usize::from);
            ensure!(
                other == shape,
                "the windows in {dir} have several shapes (frames, rows, columns): {shape:?}, and \
                 {other:?} of clip {clip}: run `genie-tokenize verify`",
            );
            ensure!(
                window.first_frame as usize == number * frames,
                "the windows of clip {clip} in {dir} are not in the order of time: run \
                 `genie-tokenize verify`",
            );
        }
        Ok(())
    }
}

/// Checks that every clip has all its windows of `frames` frames.
fn check_complete(rows: &RowIndex, clips: &ClipSet, frames: usize) -> Result<()> {
    let expected = |clip| Some(windows_of(clips.frames(clip), frames).count());
    let Some((clip, expected)) = rows.incomplete((0..clips.len()).map(expected))? else {
        return Ok(());
    };
    bail!(
        "{} has {} of the {} windows of clip {}: delete {} and run `genie-tokenize encode`, which \
         computes the windows that are missing",
        rows.dir(),
        rows.rows(clip),
        expected,
        clips.key(clip),
        rows.dir().join("step.json")
    )
}
