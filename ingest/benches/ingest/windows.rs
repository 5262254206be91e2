//! Random windows of 16 frames, as training reads them: from shards, against seeking in the source files.
//!
//! The short files are used, because their windows lie at most ten seconds from a key frame, which is kind to seeking. One
//! thread each; every file is opened once; shards are read without the store's cache.

use std::time::Instant;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::ClipStore;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::Bench;
use crate::compare::{Difference, FRAME_BYTES};
use crate::contender::ours;
use crate::inputs::Inputs;
use crate::peers::Peers;
use crate::process::{Measured, Memory};
use crate::report::{Goals, Runs, table};
use crate::short::files;

const FRAMES: usize = 16;
/// Windows of a quick and of a whole run.
const WINDOWS: (usize, usize) = (20, 400);
const SEED: u64 = 1;
const PEER: &str = "torchcodec-resize";

/// A window: of which clip, from which frame on.
struct Window {
    clip: usize,
    first: usize,
}

pub fn measure(bench: &Bench, inputs: &Inputs, peers: &mut Peers, goals: &mut Goals) -> Result<()> {
    const GOAL: &str = "random windows: torchcodec seeking in the source files";
    let root = bench.fresh("windows")?;
    ours(&inputs.short(files(bench))?, &root, bench.jobs, Memory::Ignored)?;
    let windows = draw(&root, if bench.quick { WINDOWS.0 } else { WINDOWS.1 })?;
    let places = places(&root, &windows)?;
    let found = read(&root, &windows)?.1;
    let mut peer = peers.get(PEER);
    let mut difference = None;
    if let Some(peer) = &mut peer {
        let raw = root.join("windows.rgb");
        peer.windows(&places, Some(&raw))?;
        let mut apart = Difference::default();
        apart.add(&found, &std::fs::read(&raw).with_context(|| format!("cannot read {raw}"))?);
        if apart.miscounted > 0 {
            goals.wrong("torchcodec's windows have another number of frames".into());
        }
        difference = Some(apart);
    }

    let (mut mine, mut theirs) = (Runs::default(), Runs::default());
    for round in 1..=bench.rounds {
        mine.0.push(read(&root, &windows)?.0);
        if let Some(peer) = &mut peer {
            theirs.0.push(peer.windows(&places, None)?);
        }
        eprintln!("windows, round {round}: {:.2} s from shards", mine.0[round - 1].seconds);
    }

    println!("### {} random windows of {FRAMES} frames, one thread\n", windows.len());
    println!("Opening the dataset and the files is in the times. Pixels: against ours, of 255.");
    let row = |title: &str, runs: &Runs, pixels: String| {
        let each = |seconds: f64| format!("{:.2}", seconds * 1000.0 / windows.len() as f64);
        vec![
            title.to_owned(),
            each(runs.median()),
            each(runs.least()),
            each(runs.most()),
            format!("{:.1}×", runs.median() / mine.median()),
            pixels,
        ]
    };
    let mut rows = vec![row("shards", &mine, "–".into())];
    if let Some(difference) = difference {
        rows.push(row("torchcodec, seeking in the files", &theirs, difference.describe()));
        goals.at_least(GOAL, 10.0, theirs.median() / mine.median());
    } else {
        goals.left_out(GOAL);
    }
    table(&["contender", "median ms a window", "min", "max", "ours is faster", "pixels"], &rows);
    Ok(())
}

/// Windows of any clip at any frame, the same on every run.
fn draw(root: &Utf8Path, count: usize) -> Result<Vec<Window>> {
    let store = ClipStore::open(root, None)?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let long: Vec<usize> =
        (0..store.len()).filter(|&clip| store.clips()[clip].frame_count() >= FRAMES).collect();
    anyhow::ensure!(!long.is_empty(), "no clip of {FRAMES} frames was ingested");
    Ok((0..count)
        .map(|_| {
            let clip = long[random.random_range(0..long.len())];
            Window {
                clip,
                first: random.random_range(0..=store.clips()[clip].frame_count() - FRAMES),
            }
        })
        .collect())
}

/// The same windows as files and presentation times in seconds.
fn places(root: &Utf8Path, windows: &[Window]) -> Result<Vec<(String, f64)>> {
    let store = ClipStore::open(root, None)?;
    let place = |window: &Window| {
        let clip = &store.clips()[window.clip];
        let (unit, per) = clip.time_base;
        (
            clip.source_path.clone(),
            clip.frame_pts[window.first] as f64 * f64::from(unit) / f64::from(per),
        )
    };
    Ok(windows.iter().map(place).collect())
}

/// Opens the dataset and reads the windows one after another.
fn read(root: &Utf8Path, windows: &[Window]) -> Result<(Measured, Vec<u8>)> {
    let mut all = Vec::with_capacity(windows.len() * FRAMES * FRAME_BYTES);
    let start = Instant::now();
    let store = ClipStore::open(root, None)?.with_cache_bytes(0);
    for window in windows {
        all.extend(store.window(window.clip, window.first, FRAMES)?.data);
    }
    Ok((Measured { seconds: start.elapsed().as_secs_f64(), ..Measured::default() }, all))
}
