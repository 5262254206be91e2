//! Random windows of 16 frames, from shards and by seeking in the source files.
//!
//! Training reads such windows. The section uses the short files. Their windows are at most ten
//! seconds after a key frame, which favours seeking. Each contender has one thread and opens every
//! file once. The shards are read without the store's cache.

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
use crate::process::{Measurement, Memory};
use crate::report::{Goals, Timings, table};
use crate::short::files;

const FRAMES: usize = 16;
/// Number of windows in a quick run and in a full run.
const WINDOWS: (usize, usize) = (20, 400);
const SEED: u64 = 1;
const PEER: &str = "torchcodec-resize";

/// A window: the clip and the first frame.
struct ClipWindow {
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
            goals.wrong("torchcodec's windows have a wrong number of frames".into());
        }
        difference = Some(apart);
    }

    let (mut mine, mut theirs) = (Timings::default(), Timings::default());
    for round in 1..=bench.rounds {
        mine.0.push(read(&root, &windows)?.0);
        if let Some(peer) = &mut peer {
            theirs.0.push(peer.windows(&places, None)?);
        }
        eprintln!("windows, round {round}: {:.2} s from shards", mine.0[round - 1].seconds);
    }

    println!("### {} random windows of {FRAMES} frames, one thread\n", windows.len());
    println!(
        "The times include opening the dataset and the files. Pixels: difference from ours, in \
         levels of 255."
    );
    let row = |title: &str, runs: &Timings, pixels: String| {
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

/// Draws windows of any clip at any frame, the same in every run.
fn draw(root: &Utf8Path, count: usize) -> Result<Vec<ClipWindow>> {
    let store = ClipStore::open(root, None)?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let long: Vec<usize> =
        (0..store.len()).filter(|&clip| store.clips()[clip].frame_count() >= FRAMES).collect();
    anyhow::ensure!(!long.is_empty(), "no ingested clip has {FRAMES} frames");
    Ok((0..count)
        .map(|_| {
            let clip = long[random.random_range(0..long.len())];
            ClipWindow {
                clip,
                first: random.random_range(0..=store.clips()[clip].frame_count() - FRAMES),
            }
        })
        .collect())
}

/// Returns the windows as files and presentation times in seconds.
fn places(root: &Utf8Path, windows: &[ClipWindow]) -> Result<Vec<(String, f64)>> {
    let store = ClipStore::open(root, None)?;
    let place = |window: &ClipWindow| {
        let clip = store.meta(window.clip)?;
        let (unit, per) = clip.time_base;
        let seconds = clip.frame_pts[window.first] as f64 * f64::from(unit) / f64::from(per);
        Ok((clip.source_path, seconds))
    };
    windows.iter().map(place).collect()
}

/// Opens the dataset and reads the windows one after another.
fn read(root: &Utf8Path, windows: &[ClipWindow]) -> Result<(Measurement, Vec<u8>)> {
    let mut all = Vec::with_capacity(windows.len() * FRAMES * FRAME_BYTES);
    let start = Instant::now();
    let store = ClipStore::open(root, None)?.with_cache_bytes(0);
    for window in windows {
        all.extend(store.window(window.clip, window.first, FRAMES)?.data);
    }
    Ok((Measurement { seconds: start.elapsed().as_secs_f64(), ..Measurement::default() }, all))
}
