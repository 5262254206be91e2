//! Tokens and labels of a synthetic dataset, as if its models had computed them.

use std::fs;
use std::time::Instant;

use camino::Utf8Path;
use genie_shards::{
    ActionWindow, Entry, Manifest, TokenWindow, tables, windows_of, write_actions, write_tokens,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::dataset::SyntheticDataset;
use crate::synthetic::SIDE;

/// Frames of a window, and pixels along a token's side.
const WINDOW: u16 = 16;
const PATCH: usize = 4;
/// Codes of the tokenizer, and latent actions.
const CODES: u16 = 16;
const ACTIONS: u8 = 8;
/// Windows of a shard, as `encode` and `label` write them: whole clips, of ten windows each.
const TOKEN_SHARD: usize = 4100;
const ACTION_SHARD: usize = 65_540;
/// Sources whose windows are written with one commit: their labels fill a shard.
const GROUP: usize = 768;

/// Trains the models for one step, and writes tokens and labels of all clips, unless they exist.
pub fn make(dataset: &SyntheticDataset) {
    let begun = Instant::now();
    let done = |program: &str, step: &str| status(dataset, program, step)["state"] == "done";
    if !done("genie-tokenize", "fit") {
        dataset.run("genie-tokenize", &["fit"]);
    }
    if !done("genie-train", "lam") {
        dataset.run("genie-train", &["lam"]);
    }
    if !done("genie-tokenize", "encode") {
        write(dataset, &status(dataset, "genie-tokenize", "encode"), tables::TOKENS, tokens);
    }
    if !done("genie-train", "label") {
        write(dataset, &status(dataset, "genie-train", "label"), tables::ACTIONS, actions);
    }
    eprintln!(
        "{} clips: windows written in {:.0} s",
        dataset.clips(),
        begun.elapsed().as_secs_f64()
    );
}

/// The status of a step: its key, directory and state.
fn status(dataset: &SyntheticDataset, program: &str, step: &str) -> Value {
    let steps = dataset.json(program, &["status", "--json"]);
    steps.into_iter().find(|row| row["step"] == step).expect("the step's status")
}

/// A window's place: the clip, its split, and the first frame.
struct Place {
    clip: genie_shards::ClipMeta,
    first: u32,
}

/// Writes the windows of all clips, and marks the step as done.
fn write(
    dataset: &SyntheticDataset,
    status: &Value,
    table: &str,
    shards: fn(&Utf8Path, usize, &[Place]) -> Vec<Entry>,
) {
    let dir = Utf8Path::new(status["dir"].as_str().expect("a directory"));
    let groups: Vec<_> = (0..dataset.sources()).step_by(GROUP).collect();
    groups.into_par_iter().for_each(|group| {
        let mut places = Vec::new();
        for row in dataset.kept(group..group + GROUP) {
            let starts = windows_of(row.meta.frame_count(), usize::from(WINDOW));
            let first = |first| u32::try_from(first).unwrap_or_default();
            // The lists of a clip's frames are not needed, and there are many windows.
            let clip = genie_shards::ClipMeta { frame_pts: Vec::new(), ..row.meta.clone() };
            places.extend(starts.map(|at| Place { clip: clip.clone(), first: first(at) }));
        }
        let entries = shards(dir, group, &places);
        Manifest::commit(dir, |manifest| {
            for entry in &entries {
                manifest.add(table, entry.clone());
            }
        })
        .expect("a commit");
    });
    let record = json!({
        "step": status["step"], "key": status["key"], "inputs": {}, "config": {},
        "tool_version": "bench-scale", "git_revision": "unknown",
        "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:00Z", "seconds": 0.0,
        "summary": {},
    });
    fs::write(dir.join("step.json"), record.to_string()).expect("a file that can be written");
}

fn random(place: &Place) -> ChaCha8Rng {
    let name = format!("scale window {} {}", place.clip.clip_id, place.first);
    ChaCha8Rng::from_seed(*blake3::hash(name.as_bytes()).as_bytes())
}

fn tokens(dir: &Utf8Path, group: usize, places: &[Place]) -> Vec<Entry> {
    let model = dir.file_name().expect("a directory named by its model");
    let side = u16::try_from(SIDE / PATCH).unwrap_or_default();
    let window = |place: &Place| {
        let mut random = random(place);
        // Most of a picture stays from frame to frame.
        let mut picture: Vec<u16> =
            (0..side * side).map(|_| random.random_range(0..CODES)).collect();
        let mut tokens = Vec::new();
        for _ in 0..WINDOW {
            let changed = random.random_range(0..picture.len());
            picture[changed] = random.random_range(0..CODES);
            tokens.extend(&picture);
        }
        TokenWindow {
            clip_id: place.clip.clip_id.clone(),
            split: place.clip.split,
            first_frame: place.first,
            t: WINDOW,
            h: side,
            w: side,
            tokens,
        }
    };
    let shard = |(number, places): (usize, &[Place])| {
        let windows: Vec<_> = places.iter().map(window).collect();
        write_tokens(dir, model, &format!("tokens-{group:07}-{number}"), &windows)
            .expect("a shard of tokens")
    };
    places.chunks(TOKEN_SHARD).enumerate().map(shard).collect()
}

fn actions(dir: &Utf8Path, group: usize, places: &[Place]) -> Vec<Entry> {
    let model = dir.file_name().expect("a directory named by its model");
    let window = |place: &Place| {
        let mut random = random(place);
        ActionWindow {
            clip_id: place.clip.clip_id.clone(),
            split: place.clip.split,
            first_frame: place.first,
            codes: (1..WINDOW).map(|_| random.random_range(0..ACTIONS)).collect(),
        }
    };
    let shard = |(number, places): (usize, &[Place])| {
        let windows: Vec<_> = places.iter().map(window).collect();
        write_actions(dir, model, &format!("actions-{group:07}-{number}"), &windows)
            .expect("a shard of labels")
    };
    places.chunks(ACTION_SHARD).enumerate().map(shard).collect()
}
