//! Array mode: computes and publishes the shards of a share.
//!
//! The clips are divided into shards as a run without a share does it, so the shards have the same
//! content for any number of shares. A share never continues the last shard of an earlier run. The
//! next run without a share does that.

use std::collections::HashSet;
use std::mem::take;
use std::ops::Range;

use anyhow::{Context as _, Result, ensure};
use genie_shards::{ClipKey, clip_runs};
use genie_stage::progress::Progress;
use genie_stage::share::Share;
use genie_stage::step::StepDir;

use super::array::ArrayShards;
use super::batch::batch_ranges;
use super::compute::{WindowComputer, WindowModel};
use super::history::WindowRun;
use super::stored::StoredWindow;

/// Computes and publishes the shards of a share; `false` when the run was asked to stop.
///
/// A shard with a clip that cannot be read is not published.
///
/// # Errors
/// When a file cannot be read or written, the model fails, or another run that is not a share
/// changes the published shards.
pub(super) fn publish_share<M: WindowModel>(
    computer: &WindowComputer<'_, M>,
    (step, model): (&StepDir, &StepDir),
    share: Share,
    run: &mut WindowRun,
) -> Result<bool> {
    let array = ArrayShards::find::<M::Window>(step.path(), &clips_hash(computer))?;
    let stored = clips_of::<M>(computer, step, &array)?;
    let has_windows = |clip: &usize| computer.windows_of(*clip) > 0;
    let key = |clip: usize| computer.store.clips()[clip].key;
    let clips: Vec<usize> = (0..computer.store.len())
        .filter(has_windows)
        .filter(|clip| !stored.contains(&key(*clip)))
        .collect();
    let counts: Vec<usize> = clips.iter().map(|clip| computer.windows_of(*clip)).collect();

    let (mut batches, mut ends, mut windows) = (Vec::new(), Vec::new(), 0);
    for (number, shard) in shard_ranges(&counts, M::Window::SHARD).into_iter().enumerate() {
        if !share.has(number) || array.done.contains(&number) {
            continue;
        }
        let (clips, counts) = (&clips[shard.clone()], &counts[shard]);
        windows += counts.iter().sum::<usize>();
        for batch in batch_ranges(counts, computer.at_once(), M::Window::SHARD, 0) {
            ends.push((batch.end == clips.len()).then_some(number));
            batches.push(&clips[batch]);
        }
    }
    run.skipped = stored.len();
    let progress = Progress::new(M::Window::NAME, windows as u64);
    let (mut shard, mut failed) = (Vec::new(), 0);
    computer.run(&batches, &progress, run, |batch| {
        shard.extend(batch.windows);
        failed += batch.failed;
        if let Some(number) = ends[batch.number] {
            let (windows, failed) = (take(&mut shard), take(&mut failed));
            if failed == 0 {
                array.publish(model.key().as_str(), number, &windows)?;
            }
        }
        Ok(())
    })
}

/// A hash of the clips, in the order of the store.
fn clips_hash<M>(computer: &WindowComputer<'_, M>) -> String {
    let mut hasher = blake3::Hasher::new();
    for clip in computer.store.clips() {
        hasher.update(format!("{} {}\n", clip.key, clip.frames).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The clips whose windows were published before the array began.
fn clips_of<M: WindowModel>(
    computer: &WindowComputer<'_, M>,
    step: &StepDir,
    array: &ArrayShards,
) -> Result<HashSet<ClipKey>> {
    let mut clips = HashSet::new();
    for entry in &array.base {
        for run in clip_runs(step.path(), M::Window::TABLE, entry)? {
            clips.insert(run.clip_id.as_str().into());
        }
    }
    if clips.is_empty() {
        return Ok(clips);
    }
    let pending = computer.loaded.pending().context("cannot find the pending clips")?;
    let is_incomplete = pending.iter().any(|id| clips.contains(&id.as_str().into()));
    ensure!(
        !is_incomplete,
        "some clips have only a part of their {}: run the same command without --index and --of",
        M::Window::NAME
    );
    Ok(clips)
}

/// Divides clips into shards, by the number of windows of each: a clip that fills a shard ends it.
fn shard_ranges(windows: &[usize], shard: usize) -> Vec<Range<usize>> {
    let (mut shards, mut first, mut count) = (Vec::new(), 0, 0);
    for (clip, added) in windows.iter().enumerate() {
        count += added;
        if count >= shard || clip + 1 == windows.len() {
            shards.push(first..clip + 1);
            (first, count) = (clip + 1, 0);
        }
    }
    shards
}

#[cfg(test)]
mod tests;
