//! Token shards of every clip that lacks them. Each batch of clips is a published shard, so a stopped run has lost nothing.

#![allow(
    clippy::cast_possible_truncation,
    reason = "frames of a window and tokens of a frame fit their columns: the model was built with them"
)]

use anyhow::{Context, Result, bail};
use genie_catalog::Catalog;
use genie_model::{Device, Tokenizer};
use genie_shards::{ClipStore, Manifest, TokenWindow, tables, windows_of, write_tokens};
use genie_stage::Exit;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use genie_training::{Chain, Sections};
use serde_json::json;

/// Windows coded at once.
const BATCH: usize = 16;
/// Windows in a shard, about.
const SHARD: usize = 4096;

/// Encodes what is outstanding.
///
/// # Errors
/// When the tokenizer is missing or does not fit the clips, or a file cannot be read or written.
pub fn encode(sections: &Sections, chain: &Chain, device: Device) -> Result<Exit> {
    if chain.tokens.is_done() {
        tracing::info!("tokens: up to date");
        return Ok(Exit::Done);
    }
    if !chain.tokenizer.is_done() {
        bail!("the tokenizer of this config is not trained yet: run `genie-tokenize fit`");
    }
    let stop = Stop::install();
    let directory = chain.tokens.path();
    chain.tokens.create()?;
    let _lock = Lock::acquire(directory.join(".lock"))?;
    chain.tokens.write_config(&sections.resolved())?;
    let tokenizer = Tokenizer::load(chain.tokenizer.path(), &device).context("cannot load the tokenizer")?;
    let store = ClipStore::open(&sections.data.root, None).context("cannot read the clips")?;
    let (height, width) = tokenizer.size();
    if let Some(clip) = store.clips().iter().find(|clip| (clip.height as usize, clip.width as usize) != (height, width))
    {
        bail!(
            "tokenizer {} takes {width}×{height} pixels, clip {} of {} has {}×{}: ingest each size into a [data] root of its own",
            chain.tokenizer.key(),
            clip.clip_id,
            clip.source_path,
            clip.width,
            clip.height
        );
    }
    let key = chain.tokenizer.key().as_str();
    let frames = tokenizer.frames();
    let lacking = Catalog::open(&sections.data.root)?.clips_without_tokens(key, None, u32::try_from(frames)?)?;
    let clips: Vec<usize> = lacking.iter().filter_map(|id| store.position(id)).collect();
    let total: usize = clips.iter().map(|clip| windows_of(store.clips()[*clip].frame_count(), frames).count()).sum();

    let progress = Progress::new("tokens", total as u64);
    let mut shard = Vec::new();
    for clip in &clips {
        if stop.requested() {
            publish(chain, key, &mut shard)?;
            tracing::info!("tokens: stopped; the same command goes on from here");
            return Ok(stop.exit());
        }
        shard.extend(code(&tokenizer, &store, *clip, &progress)?);
        if shard.len() >= SHARD {
            publish(chain, key, &mut shard)?;
        }
    }
    publish(chain, key, &mut shard)?;
    progress.finish();
    let windows = Manifest::load(directory)?.rows(tables::TOKENS);
    chain.tokens.finish(json!({ "windows": windows, "windows_added": total, "clips_added": clips.len() }))?;
    Ok(Exit::Done)
}

fn code(tokenizer: &Tokenizer, store: &ClipStore, clip: usize, progress: &Progress) -> Result<Vec<TokenWindow>> {
    let (meta, t) = (&store.clips()[clip], tokenizer.frames());
    let (h, w) = tokenizer.grid();
    let firsts: Vec<usize> = windows_of(meta.frame_count(), t).collect();
    let mut windows = Vec::with_capacity(firsts.len());
    for batch in firsts.chunks(BATCH) {
        let mut bytes = Vec::new();
        for first in batch {
            bytes.extend(store.window(clip, *first, t)?.data);
        }
        let tokens = tokenizer.encode(&bytes)?;
        windows.extend(batch.iter().zip(tokens.chunks_exact(t * h * w)).map(|(first, tokens)| TokenWindow {
            clip_id: meta.clip_id.clone(),
            split: meta.split,
            first_frame: *first as u32,
            t: t as u16,
            h: h as u16,
            w: w as u16,
            tokens: tokens.to_vec(),
        }));
        progress.inc(batch.len() as u64);
    }
    Ok(windows)
}

fn publish(chain: &Chain, key: &str, windows: &mut Vec<TokenWindow>) -> Result<()> {
    if windows.is_empty() {
        return Ok(());
    }
    let entry = write_tokens(chain.tokens.path(), key, "tokens", windows)?;
    Manifest::commit(chain.tokens.path(), |manifest| manifest.add(tables::TOKENS, entry))?;
    windows.clear();
    Ok(())
}
