//! `stats`: the figures of a dataset on one screen.
//!
//! It shows how much video came in, how much was kept, why the rest was not, and the speed of runs.

mod histogram;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipRow, ClipTiming, Manifest, SourceRow, read_clip_rows, read_sources, tables,
};
use genie_stage::Exit;
use genie_stage::duration::human;

use crate::catalog::run_history;
use histogram::histogram;

/// Prints the figures of a dataset, and a histogram of each of `scores`.
pub fn run(root: &Utf8Path, scores: &[String]) -> Result<Exit> {
    if !root.exists() {
        tracing::warn!("stats: {root} does not exist: see data.root");
    }
    let (sources, clips) = (read_sources(root)?, read_clip_rows(root)?);
    let mut page = String::new();
    overview(&mut page, root, &sources, &clips)?;
    reasons(
        &mut page,
        "sources that are not used",
        sources.iter().filter_map(|row| row.reason.as_deref()),
    );
    reasons(
        &mut page,
        "clips that are not kept",
        clips.iter().filter_map(|row| row.reason.as_deref()),
    );
    for score in scores {
        page += &histogram(root, score)?;
    }
    print!("{page}");
    let kept = clips.iter().filter(|row| row.kept).map(|row| &row.meta);
    for warning in ClipTiming::of(kept).iter().flat_map(ClipTiming::warnings) {
        tracing::warn!("{warning}");
    }
    Ok(Exit::Done)
}

fn overview(
    page: &mut String,
    root: &Utf8Path,
    sources: &[SourceRow],
    clips: &[ClipRow],
) -> Result<()> {
    let seconds = |seconds: f64| human(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let decoded: f64 = sources.iter().filter_map(|row| row.duration_s).sum();
    let kept: f64 = clips.iter().filter(|row| row.kept).map(|row| row.meta.seconds()).sum();
    let share = if decoded > 0.0 { 100.0 * kept / decoded } else { 0.0 };
    let used = sources.iter().filter(|row| row.clips_kept > 0).count();
    let frames: usize = clips.iter().filter(|row| row.kept).map(|row| row.meta.frame_count()).sum();
    let read: u64 = sources.iter().map(|row| row.bytes).sum();
    let stored: u64 =
        Manifest::load(root)?.table(tables::CLIPS).iter().map(|entry| entry.bytes).sum();
    writeln!(page, "{root}")?;
    writeln!(page, "  sources    {} found, {used} used", sources.len())?;
    writeln!(
        page,
        "  video      {} decoded, {} kept ({share:.0} %)",
        seconds(decoded),
        seconds(kept)
    )?;
    let kept_clips = clips.iter().filter(|row| row.kept).count();
    writeln!(page, "  clips      {} cut, {kept_clips} kept, of {frames} frames", clips.len())?;
    writeln!(page, "  bytes      {} read, {} stored", bytes(read as f64), bytes(stored as f64))?;
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

fn reasons<'a>(page: &mut String, title: &str, reasons: impl Iterator<Item = &'a str>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    if counts.is_empty() {
        return;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(reason, count)| (std::cmp::Reverse(count), reason));
    let _ = writeln!(page, "\n{title}");
    for (reason, count) in counts {
        let _ = writeln!(page, "  {count:>8}  {reason}");
    }
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
