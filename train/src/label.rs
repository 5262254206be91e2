//! Latent actions of every window of every clip that lacks them, beside the true ones where a sidecar had them.

#![allow(
    clippy::cast_possible_truncation,
    reason = "frames of a window and tokens of a frame fit their columns: the model was built with them"
)]

use anyhow::{Context, Result, bail};
use genie_catalog::Catalog;
use genie_model::{Device, Lam};
use genie_shards::{ActionWindow, ClipStore, Manifest, tables, windows_of, write_actions};
use genie_stage::Exit;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use genie_training::{Chain, Sections};
use serde_json::json;

/// Windows labelled at once.
const BATCH: usize = 16;
/// Windows in a shard, about.
const SHARD: usize = 65_536;

/// Labels what is outstanding.
///
/// # Errors
/// When the latent action model is missing or does not fit the clips, or a file cannot be read or written.
pub fn label(sections: &Sections, chain: &Chain, device: Device) -> Result<Exit> {
    if chain.actions.is_done() {
        tracing::info!("labels: up to date");
        return Ok(Exit::Done);
    }
    if !chain.lam.is_done() {
        bail!("the latent action model of this config is not trained yet: run `genie-train lam`");
    }
    let stop = Stop::install();
    let directory = chain.actions.path();
    chain.actions.create()?;
    let _lock = Lock::acquire(directory.join(".lock"))?;
    chain.actions.write_config(&sections.resolved())?;
    let lam = Lam::load(chain.lam.path(), &device).context("cannot load the latent action model")?;
    let store = ClipStore::open(&sections.data.root, None).context("cannot read the clips")?;
    let (key, frames) = (chain.lam.key().as_str(), sections.tokenizer.0.frames);
    let lacking = Catalog::open(&sections.data.root)?.clips_without_actions(key, None, u32::try_from(frames)?)?;
    let clips: Vec<usize> = lacking.iter().filter_map(|id| store.position(id)).collect();

    let progress = Progress::new("labels", clips.len() as u64);
    let mut shard = Vec::new();
    for clip in &clips {
        if stop.requested() {
            publish(chain, key, &mut shard)?;
            tracing::info!("labels: stopped; the same command goes on from here");
            return Ok(stop.exit());
        }
        shard.extend(label_clip(&lam, &store, *clip, frames)?);
        if shard.len() >= SHARD {
            publish(chain, key, &mut shard)?;
        }
        progress.inc(1);
    }
    publish(chain, key, &mut shard)?;
    progress.finish();
    let windows = Manifest::load(directory)?.rows(tables::ACTIONS);
    chain.actions.finish(json!({ "windows": windows, "clips_added": clips.len() }))?;
    Ok(Exit::Done)
}

fn label_clip(lam: &Lam, store: &ClipStore, clip: usize, t: usize) -> Result<Vec<ActionWindow>> {
    let meta = &store.clips()[clip];
    let firsts: Vec<usize> = windows_of(meta.frame_count(), t).collect();
    let mut windows = Vec::with_capacity(firsts.len());
    for batch in firsts.chunks(BATCH) {
        let mut bytes = Vec::new();
        for first in batch {
            bytes.extend(store.window(clip, *first, t)?.data);
        }
        let codes = lam.actions(&bytes, t)?;
        windows.extend(batch.iter().zip(codes.chunks_exact(t - 1)).map(|(first, codes)| {
            // Entry t of a window leads from its frame t to t+1; the clip's last entry leads nowhere and is never taken.
            let within = |list: &Option<Vec<u8>>| list.as_ref().map(|list| list[*first..first + t - 1].to_vec());
            ActionWindow {
                clip_id: meta.clip_id.clone(),
                split: meta.split,
                first_frame: *first as u32,
                codes: codes.to_vec(),
                truth: within(&meta.actions),
                effects: within(&meta.effects),
            }
        }));
    }
    Ok(windows)
}

fn publish(chain: &Chain, key: &str, windows: &mut Vec<ActionWindow>) -> Result<()> {
    if windows.is_empty() {
        return Ok(());
    }
    let entry = write_actions(chain.actions.path(), key, "actions", windows)?;
    Manifest::commit(chain.actions.path(), |manifest| manifest.add(tables::ACTIONS, entry))?;
    windows.clear();
    Ok(())
}
