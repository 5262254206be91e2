//! Token windows joined with their labels: the training data of the dynamics model.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{SourceError, TokenShape, TokenShards, TokenWindows};
use genie_shards::{Entry, Manifest, clip_runs, read_action_rows, tables, verify};
use genie_stage::lock::InUse;
use genie_training::{Chain, TokenBuffer, TokenIndex};
use rayon::prelude::*;

use crate::action_set::ActionSet;

/// The windows of the clips that a dynamics model is trained on, with their actions.
///
/// Shards that another run publishes meanwhile do not matter: the windows of the chain's clips were
/// complete when the chain was computed. `gc` deletes no shard while this exists.
pub struct LabelledTokens {
    tokens: TokenIndex,
    actions: ActionSet,
    /// The directory of the labels, and its shards.
    dir: Utf8PathBuf,
    _in_use: InUse,
    labels: Vec<Entry>,
    /// For each token shard, the spans that have the labels of its clips.
    rows: Vec<Vec<LabelRows>>,
    memory: u64,
}

/// Consecutive rows of a shard of labels.
struct LabelRows {
    /// Number of the shard.
    shard: usize,
    rows: Range<usize>,
}

impl LabelledTokens {
    /// Finds the windows and labels of the clips of `chain`.
    ///
    /// Of the shards, it reads only which clips they have.
    /// If true actions are asked for, clips without them are skipped.
    ///
    /// # Errors
    /// When a shard cannot be read, or a clip has tokens but no label.
    pub fn open(chain: &Chain, actions: ActionSet) -> Result<Self> {
        let clips = chain.clips()?;
        let chosen = match actions {
            ActionSet::Latent(_) => clips,
            ActionSet::True(_) => {
                let labelled = chain.labelled_clips()?;
                let skipped = clips.len() - labelled.len();
                if skipped > 0 {
                    tracing::warn!("{skipped} clips have no true actions and are skipped");
                }
                labelled
            }
        };
        let tokens = TokenIndex::open(chain.tokens.path(), chosen)?;
        let dir = chain.actions.path().to_owned();
        let in_use = InUse::mark(&dir)?;
        let labels = Manifest::load(&dir).context("cannot read the manifest of the labels")?;
        let labels = labels.table(tables::ACTIONS).to_vec();
        let rows = label_rows(&tokens, &dir, &labels)?;
        let memory = chain.shuffle_bytes();
        Ok(Self { tokens, actions, dir, _in_use: in_use, labels, rows, memory })
    }

    /// Reads the actions of the windows of `buffer`, which has the windows of some shards.
    fn actions(&self, shards: &[u32], buffer: &TokenBuffer) -> Result<Vec<u8>> {
        let steps = self.tokens.shape().actions();
        let mut actions = vec![0; buffer.firsts.len() * steps];
        let mut missing = vec![true; buffer.firsts.len()];
        for LabelRows { shard, rows } in shards.iter().flat_map(|shard| &self.rows[*shard as usize])
        {
            let entry = &self.labels[*shard];
            let labels = read_action_rows(&self.dir, entry, rows.clone())
                .context("cannot read the labels")?;
            for label in labels {
                let Some(window) = place(buffer, &label.clip_id, label.first_frame) else {
                    continue;
                };
                let (path, clip) = (self.dir.join(&entry.file), label.clip_id.clone());
                let Some(led) = self.actions.of(label) else {
                    bail!(
                        "{path}: the label of clip {clip} lacks the true actions that the catalog \
                         has. If its recording got a sidecar after it was labelled, delete {dir} \
                         and run `genie-train label` again; else run `genie-train verify`",
                        dir = self.dir
                    );
                };
                ensure!(
                    led.len() == steps,
                    "{path}: the label of clip {clip} has {} actions for windows of {} frames: \
                     run `genie-train verify`",
                    led.len(),
                    steps + 1
                );
                actions[window * steps..][..steps].copy_from_slice(&led);
                missing[window] = false;
            }
        }
        if let Some(window) = missing.iter().position(|missing| *missing) {
            let clip = buffer.clips.iter().find(|(_, windows)| windows.contains(&window));
            bail!(no_label(clip.map_or("", |(id, _)| id), Some(buffer.firsts[window])));
        }
        Ok(actions)
    }
}

impl TokenShards for LabelledTokens {
    fn shape(&self) -> TokenShape {
        self.tokens.shape()
    }

    fn windows(&self) -> Vec<u64> {
        self.tokens.windows()
    }

    fn memory(&self) -> u64 {
        self.memory
    }

    fn read(&self, shards: &[u32], halted: &AtomicBool) -> Result<TokenWindows, SourceError> {
        let buffer = self.tokens.read(shards, halted)?;
        let actions = self.actions(shards, &buffer)?;
        let TokenShape { frames, positions, columns } = self.shape();
        Ok(TokenWindows { frames, positions, columns, tokens: buffer.tokens, actions })
    }
}

/// Finds the labels of the clips of each token shard.
fn label_rows(
    tokens: &TokenIndex,
    dir: &Utf8Path,
    labels: &[Entry],
) -> Result<Vec<Vec<LabelRows>>> {
    let found: Vec<Vec<(u32, usize, Range<usize>)>> = labels
        .par_iter()
        .map(|entry| {
            let runs = clip_runs(dir, tables::ACTIONS, entry).context("cannot read the labels")?;
            let wanted = runs.into_iter().filter_map(|run| {
                let (shard, clip) = tokens.find(&run.clip_id)?;
                Some((shard, clip, run.rows))
            });
            Ok(wanted.collect())
        })
        .collect::<Result<_>>()?;
    let mut rows: Vec<Vec<LabelRows>> = tokens.windows().iter().map(|_| Vec::new()).collect();
    let mut labelled = vec![];
    for (shard, runs) in found.into_iter().enumerate() {
        for (token_shard, clip, run) in runs {
            labelled.push(clip);
            // One span, with the labels of other clips between these: a file is opened less often.
            match rows[token_shard as usize].last_mut() {
                Some(last) if last.shard == shard => {
                    last.rows = last.rows.start.min(run.start)..last.rows.end.max(run.end);
                }
                _ => rows[token_shard as usize].push(LabelRows { shard, rows: run }),
            }
        }
    }
    labelled.sort_unstable();
    if let Some(missing) = tokens.numbers().find(|clip| labelled.binary_search(clip).is_err()) {
        // The cause may be an id that was read from a damaged file.
        labels.iter().try_for_each(|entry| verify(dir, entry)).context("cannot read the labels")?;
        bail!(no_label(&tokens.clip_id(missing)?, None));
    }
    Ok(rows)
}

/// The window of `buffer` that begins at a frame of a clip.
fn place(buffer: &TokenBuffer, clip_id: &str, first_frame: u32) -> Option<usize> {
    let clip = buffer.clips.binary_search_by(|(id, _)| id.as_str().cmp(clip_id)).ok()?;
    let windows = &buffer.clips[clip].1;
    let within = buffer.firsts[windows.clone()].binary_search(&first_frame).ok()?;
    Some(windows.start + within)
}

fn no_label(clip_id: &str, first_frame: Option<u32>) -> String {
    let window =
        first_frame.map_or_else(String::new, |frame| format!("the window at frame {frame} of "));
    format!(
        "{window}clip {clip_id} has tokens but no latent actions: run `genie-train label` again"
    )
}

#[cfg(test)]
mod tests;
