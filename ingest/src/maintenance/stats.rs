//! `stats`: the figures of a dataset on one screen.
//!
//! It shows how much video came in, how much was kept, why the rest was not, and the speed of runs.

mod histogram;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_catalog::Catalog;
use genie_shards::{ClipTiming, Manifest, tables, timing_of_kept};
use genie_stage::Exit;
use genie_stage::config::DataConfig;
use genie_stage::duration::human;
use serde::Deserialize;

use crate::catalog::run_history;
use histogram::histogram;

/// The sums over all sources.
#[derive(Deserialize)]
struct Sources {
    found: u64,
    used: u64,
    decoded: f64,
    bytes: u64,
}

/// The sums over all clips.
#[derive(Deserialize)]
struct Clips {
    cut: u64,
    kept: u64,
    frames: u64,
    seconds: f64,
}

/// The sums over all labels.
#[derive(Deserialize)]
struct Labels {
    clips: u64,
    people: u64,
}

/// How many rows have a reason.
#[derive(Deserialize)]
struct ReasonCount {
    reason: String,
    rows: u64,
}

/// Prints the figures of a dataset, and a histogram of each of `scores`.
pub fn run(data: &DataConfig, scores: &[String]) -> Result<Exit> {
    let root = &data.root;
    if !root.exists() {
        tracing::warn!("stats: {root} does not exist: see data.root");
    }
    let catalog = Catalog::open(root, data.memory_mb)?;
    let manifest = Manifest::load(root)?;
    let mut page = String::new();
    let stored = manifest.table(tables::CLIPS).iter().map(|entry| entry.bytes).sum();
    overview(&mut page, root, &catalog, stored)?;
    reasons(&mut page, "sources that are not used", &catalog, "sources")?;
    reasons(&mut page, "clips that are not kept", &catalog, "clips")?;
    for score in scores {
        page += &histogram(&catalog, score)?;
    }
    print!("{page}");
    for warning in timing_of_kept(root, &manifest)?.iter().flat_map(ClipTiming::warnings) {
        tracing::warn!("{warning}");
    }
    Ok(Exit::Done)
}

fn overview(page: &mut String, root: &Utf8Path, catalog: &Catalog, stored: u64) -> Result<()> {
    let seconds = |seconds: f64| human(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let sources = catalog.query::<Sources>(
        "select count(*) as found, count(*) filter (where clips_kept > 0) as used, \
         coalesce(sum(duration_s), 0.0) as decoded, coalesce(sum(bytes), 0) as bytes from sources",
    )?;
    let clips = catalog.query::<Clips>(
        "select count(*) as cut, count(*) filter (where kept) as kept, \
         coalesce(sum(frames) filter (where kept), 0) as frames, \
         coalesce(sum(frames / fps) filter (where kept and fps > 0), 0.0) as seconds from clips",
    )?;
    // A query without groups has one row.
    let one = "the sums over the catalog are missing";
    let (mut sources, mut clips) = (sources, clips);
    let Sources { found, used, decoded, bytes: read } = sources.next().context(one)??;
    let Clips { cut, kept, frames, seconds: kept_seconds } = clips.next().context(one)??;
    let share = if decoded > 0.0 { 100.0 * kept_seconds / decoded } else { 0.0 };
    writeln!(page, "{}", genie_store::shown(root))?;
    writeln!(page, "  sources    {found} found, {used} used")?;
    writeln!(
        page,
        "  video      {} decoded, {} kept ({share:.0} %)",
        seconds(decoded),
        seconds(kept_seconds)
    )?;
    writeln!(page, "  clips      {cut} cut, {kept} kept, of {frames} frames")?;
    writeln!(page, "  bytes      {} read, {} stored", bytes(read as f64), bytes(stored as f64))?;
    let labels = catalog.query::<Labels>(
        "select count(distinct clip_id) as clips, count(distinct who) as people from labels",
    )?;
    for labels in labels {
        let Labels { clips, people } = labels?;
        if clips == 0 {
            continue;
        }
        writeln!(page, "  labels     {clips} clips labelled by {people} people")?;
    }
    let runs = run_history::all(root);
    if let Some(last) = runs.last() {
        // An empty sum of floats is -0.
        let speed = |video: f64, took: f64| video.abs() / took.max(1e-3);
        let (video, took) = runs
            .iter()
            .fold((0.0, 0.0), |sum, run| (sum.0 + run.video_seconds, sum.1 + run.seconds));
        writeln!(
            page,
            "  speed      {:.0} s of video per second and {} per second in the last of {} runs \
             ({} files); {:.0} s of video per second over all runs",
            speed(last.video_seconds, last.seconds),
            bytes(last.bytes as f64 / last.seconds.max(1e-3)),
            runs.len(),
            last.sources,
            speed(video, took),
        )?;
    }
    Ok(())
}

/// Lists the reasons in a table, the most frequent one first.
fn reasons(page: &mut String, title: &str, catalog: &Catalog, table: &str) -> Result<()> {
    let sql = format!(
        "select reason, count(*) as rows from {table} where reason is not null \
         group by reason order by rows desc, reason"
    );
    for (number, count) in catalog.query::<ReasonCount>(&sql)?.enumerate() {
        let ReasonCount { reason, rows } = count?;
        if number == 0 {
            writeln!(page, "\n{title}")?;
        }
        writeln!(page, "  {rows:>8}  {reason}")?;
    }
    Ok(())
}

/// A number of bytes with a decimal unit, such as `1.5 kB`.
fn bytes(count: f64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut number = count;
    let mut unit = 0;
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    if unit == 0 || number >= 99.5 {
        format!("{number:.0} {}", UNITS[unit])
    } else {
        format!("{number:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a size is `1000 MB` instead of `1.0 GB`; a unit is too large.
    #[test]
    fn bytes_have_units() {
        for (count, words) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1500.0, "1.5 kB"),
            (999_999.0, "1.0 MB"),
            (123_456_789.0, "123 MB"),
        ] {
            assert_eq!(bytes(count), words);
        }
    }
}
