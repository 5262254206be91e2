//! Which token shards have windows of the clips that a model is trained on, and their tokens.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::TokenShape;
use genie_shards::{
    ClipRun, Entry, Manifest, TokenWindow, clip_runs, read_token_shard, tables, token_shape, verify,
};
use genie_stage::lock::InUse;
use rayon::prelude::*;

use crate::models::ClipSet;

/// The token shards of a tokenizer that have windows of some clips.
///
/// It has a few bytes for each shard and each clip, and none for each window.
pub struct TokenIndex {
    dir: Utf8PathBuf,
    _in_use: InUse,
    clips: ClipSet,
    shape: TokenShape,
    shards: Vec<IndexedShard>,
    /// The shard of each clip and the number of its windows, by the clip's position in `clips`.
    places: Vec<Option<(u32, u32)>>,
}

struct IndexedShard {
    entry: Entry,
    /// Number of windows of the clips.
    windows: u64,
}

/// The windows of some shards, in the order of clips, then of time.
pub struct TokenBuffer {
    /// Each clip, and its windows.
    pub clips: Vec<(String, Range<usize>)>,
    /// The first frame of each window.
    pub firsts: Vec<u32>,
    /// Tokens `[window, frame, position]`.
    pub tokens: Vec<u16>,
}

impl TokenIndex {
    /// Finds the windows of `clips` in the shards of `dir`.
    ///
    /// # Errors
    /// When a shard cannot be read, a clip is in two shards, or there are no windows.
    pub fn open(dir: &Utf8Path, clips: ClipSet) -> Result<Self> {
        // Before the manifest is read: `gc` deletes no file that this manifest names.
        let in_use = InUse::mark(dir)?;
        let manifest = Manifest::load(dir).context("cannot read the manifest of the tokens")?;
        let found: Vec<(Vec<(usize, u32)>, IndexedShard)> = manifest
            .table(tables::TOKENS)
            .par_iter()
            .map(|entry| {
                let runs =
                    clip_runs(dir, tables::TOKENS, entry).context("cannot read the tokens")?;
                let wanted = |run: ClipRun| {
                    let clip = clips.position(run.clip_id.as_str())?;
                    Some(u32::try_from(run.rows.len()).map(|windows| (clip, windows)))
                };
                let wanted: Vec<(usize, u32)> =
                    runs.into_iter().filter_map(wanted).collect::<Result<_, _>>()?;
                let windows = wanted.iter().map(|(_, windows)| u64::from(*windows)).sum();
                Ok((wanted, IndexedShard { entry: entry.clone(), windows }))
            })
            .collect::<Result<_>>()?;
        // The order of the shards follows from the clips. So a file that a later run continued,
        // and replaced by one with another name, keeps its place.
        let mut found: Vec<_> = found.into_iter().filter(|(clips, _)| !clips.is_empty()).collect();
        found.sort_by_key(|(clips, _)| clips.iter().min().copied());
        let Some((_, first)) = found.first() else {
            bail!(
                "{dir} has no tokens of the clips to train on: run `genie-tokenize encode`; if it \
                 has run, the clips are shorter than a window"
            );
        };
        let [frames, rows, columns] = token_shape(dir, &first.entry)?;
        let mut places = vec![None; clips.len()];
        let mut shards = Vec::with_capacity(found.len());
        for (number, (found, shard)) in (0_u32..).zip(found) {
            for (clip, windows) in found {
                if places[clip].replace((number, windows)).is_some() {
                    // The cause may be an id that was read from a damaged file.
                    verify(dir, &shard.entry).context("cannot read the tokens")?;
                    bail!(
                        "{} has tokens of a clip that has tokens already: run `genie-tokenize \
                         verify`, which says what is published twice",
                        dir.join(&shard.entry.file)
                    );
                }
            }
            shards.push(shard);
        }
        let shape = TokenShape { frames, positions: rows * columns, columns };
        Ok(Self { dir: dir.to_owned(), _in_use: in_use, clips, shape, shards, places })
    }

    /// The shape of the windows.
    #[must_use]
    pub fn shape(&self) -> TokenShape {
        self.shape
    }

    /// The number of windows of each shard.
    #[must_use]
    pub fn windows(&self) -> Vec<u64> {
        self.shards.iter().map(|shard| shard.windows).collect()
    }

    /// The shard that has the windows of a clip, and the clip's number.
    #[must_use]
    pub fn find(&self, clip_id: &str) -> Option<(u32, usize)> {
        let clip = self.clips.position(clip_id)?;
        Some((self.shard_of(clip)?, clip))
    }

    /// The shard that has the windows of the clip with this number.
    #[must_use]
    pub fn shard_of(&self, clip: usize) -> Option<u32> {
        self.places[clip].map(|(shard, _)| shard)
    }

    /// The number of windows of each clip.
    pub fn windows_of_clips(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|place| place.map_or(0, |(_, windows)| windows))
    }

    /// The numbers of the clips that have windows.
    pub fn numbers(&self) -> impl Iterator<Item = usize> {
        (0..self.clips.len()).filter(|clip| self.places[*clip].is_some())
    }

    /// The id of a clip that has windows.
    ///
    /// # Errors
    /// When the clip's shard cannot be read.
    pub fn clip_id(&self, number: usize) -> Result<String> {
        let shard = self.shard_of(number).context("the clip has no windows")?;
        let runs = self.runs(shard)?;
        let run =
            runs.into_iter().find(|run| self.clips.position(run.clip_id.as_str()) == Some(number));
        Ok(run.map(|run| run.clip_id).unwrap_or_default())
    }

    /// Reads the windows of some shards, and checks them.
    ///
    /// # Errors
    /// When a shard cannot be read or has changed, or `halted` is set.
    pub fn read(&self, shards: &[u32], halted: &AtomicBool) -> Result<TokenBuffer> {
        let mut runs: Vec<(u32, ClipRun, usize)> = Vec::new();
        for &shard in shards {
            runs.extend(self.runs(shard)?.into_iter().map(|run| (shard, run, 0)));
        }
        runs.sort_by(|(_, a, _), (_, b, _)| a.clip_id.cmp(&b.clip_id));
        let mut windows = 0;
        for (_, run, first) in &mut runs {
            *first = windows;
            windows += run.rows.len();
        }
        let length = self.shape.tokens();
        let mut buffer = TokenBuffer {
            clips: Vec::with_capacity(runs.len()),
            firsts: vec![0; windows],
            tokens: vec![0; windows * length],
        };
        for &shard in shards {
            ensure!(!halted.load(Ordering::Relaxed), "reading the tokens was stopped");
            let read = read_token_shard(&self.dir, &self.shards[shard as usize].entry)
                .context("cannot read the tokens")?;
            for (_, run, first) in runs.iter().filter(|(of, ..)| *of == shard) {
                let windows = read.get(run.rows.clone()).context("the token shard has changed")?;
                self.check(&run.clip_id, windows)?;
                for (window, to) in windows.iter().zip(*first..) {
                    buffer.firsts[to] = window.first_frame;
                    buffer.tokens[to * length..][..length].copy_from_slice(&window.tokens);
                }
            }
        }
        buffer.clips.extend(
            runs.into_iter().map(|(_, run, first)| (run.clip_id, first..first + run.rows.len())),
        );
        Ok(buffer)
    }

    /// The wanted rows of a shard.
    fn runs(&self, shard: u32) -> Result<Vec<ClipRun>> {
        let IndexedShard { entry, windows } = &self.shards[shard as usize];
        let mut runs =
            clip_runs(&self.dir, tables::TOKENS, entry).context("cannot read the tokens")?;
        runs.retain(|run| self.clips.contains(run.clip_id.as_str()));
        let found: usize = runs.iter().map(|run| run.rows.len()).sum();
        ensure!(
            found as u64 == *windows,
            "{} has {found} windows of the clips to train on, but had {windows} when training \
             began: run `genie-tokenize verify`",
            self.dir.join(&entry.file)
        );
        Ok(runs)
    }

    /// Checks that the windows of a clip have the common shape and follow each other.
    fn check(&self, clip_id: &str, windows: &[TokenWindow]) -> Result<()> {
        let TokenShape { frames, positions, columns } = self.shape;
        let shape = [frames, positions / columns.max(1), columns];
        for window in windows {
            let other = [window.t, window.h, window.w].map(usize::from);
            ensure!(
                other == shape,
                "the windows in {} have several shapes (frames, rows, columns): {shape:?}, and \
                 {other:?} of clip {clip_id}: run `genie-tokenize verify`",
                self.dir
            );
        }
        let in_order = windows.is_sorted_by(|a, b| a.first_frame < b.first_frame);
        ensure!(
            in_order && windows.iter().all(|window| window.clip_id == clip_id),
            "the windows of clip {clip_id} in {} are not in the order of time: run \
             `genie-tokenize verify`",
            self.dir
        );
        Ok(())
    }
}
