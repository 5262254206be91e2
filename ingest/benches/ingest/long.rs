//! One long file: processors outnumber files.
//!
//! A file ten times as long must not need more memory.

use anyhow::Result;
use camino::Utf8Path;

use crate::Bench;
use crate::compare;
use crate::contender::{FrameOutput, OURS, ffmpeg_file, ours};
use crate::inputs::{Inputs, LONGER};
use crate::process::{Measurement, Memory};
use crate::report::{Goals, Timings, table};

/// Seconds of the file in a quick run and in a full run.
const SECONDS: (u32, u32) = (20, 120);
const FFMPEG: &str = "FFmpeg, the same number of threads";
/// Largest peak memory above FFmpeg's, in MB.
const MORE_MB: f64 = 150.0;
/// Largest growth of peak memory on the longer file, in percent.
const GROWTH_PERCENT: f64 = 5.0;

pub fn measure(bench: &Bench, inputs: &Inputs, goals: &mut Goals) -> Result<()> {
    let video_seconds = if bench.quick { SECONDS.0 } else { SECONDS.1 };
    let long = inputs.long(video_seconds)?;
    verify(bench, &long, goals)?;
    let (mut mine, mut theirs) = (Timings::default(), Timings::default());
    for round in 1..=bench.rounds {
        mine.0.push(run_ours(bench, &long)?);
        theirs.0.push(run_ffmpeg(bench, &long)?);
        let seconds = |runs: &Timings| runs.0.last().map_or(0.0, |run| run.seconds);
        eprintln!(
            "long file, round {round}: {:.2} s {OURS}, {:.2} s FFmpeg",
            seconds(&mine),
            seconds(&theirs)
        );
    }
    let ratio = theirs.median() / mine.median();
    goals.at_least(format!("long file: {FFMPEG}"), 1.0, ratio);
    goals.at_most(
        "long file: peak memory above FFmpeg's",
        MORE_MB,
        mine.peak_mb() - theirs.peak_mb(),
        "MB",
    );

    let row = |title: &str, seconds: u32, runs: &Timings, ratio: Option<f64>| {
        let mut row = vec![title.to_owned(), seconds.to_string()];
        row.extend(runs.cells());
        row.push(ratio.map_or("–".into(), |ratio| format!("{ratio:.2}×")));
        row.push(format!("{:.0}", runs.peak_mb()));
        row
    };
    let mut rows = vec![
        row(OURS, video_seconds, &mine, Some(1.0)),
        row(FFMPEG, video_seconds, &theirs, Some(ratio)),
    ];
    if bench.quick {
        goals.left_out(format!("a file {LONGER} times as long: growth of memory"));
    } else {
        // One run is enough, because memory does not vary by chance.
        let longer = inputs.longer(video_seconds)?;
        let mine_longer = Timings(vec![run_ours(bench, &longer)?]);
        let theirs_longer = Timings(vec![run_ffmpeg(bench, &longer)?]);
        let ratio = theirs_longer.median() / mine_longer.median();
        rows.push(row(OURS, video_seconds * LONGER, &mine_longer, Some(1.0)));
        rows.push(row(FFMPEG, video_seconds * LONGER, &theirs_longer, Some(ratio)));
        let growth = (mine_longer.peak_mb() / mine.peak_mb() - 1.0) * 100.0;
        goals.at_most(
            format!("a file {LONGER} times as long: growth of memory"),
            GROWTH_PERCENT,
            growth,
            "%",
        );
    }
    println!("### One file of 1280×720, 30 FPS, {} threads\n", bench.jobs);
    println!("Memory: the peak of all processes together. FFmpeg writes to /dev/null.");
    table(
        &["contender", "video s", "median s", "min", "max", "CPU s", "ours is faster", "peak MB"],
        &rows,
    );
    Ok(())
}

fn verify(bench: &Bench, long: &Utf8Path, goals: &mut Goals) -> Result<()> {
    let (expected, out) = (bench.fresh("expected")?, bench.fresh("out")?);
    ffmpeg_file(long, &expected, bench.jobs, FrameOutput::Files, Memory::Ignored)?;
    ours(long, &out, bench.jobs, Memory::Ignored)?;
    let difference = compare::shards(&[long.to_owned()], &expected, &out)?;
    eprintln!("long file: {OURS}: {} frames, pixels {}", difference.frames, difference.describe());
    if !difference.is_none() {
        goals.wrong(format!("{OURS}, long file: {}", difference.describe()));
    }
    bench.fresh("expected")?;
    Ok(())
}

fn run_ours(bench: &Bench, video: &Utf8Path) -> Result<Measurement> {
    let out = bench.fresh("out")?;
    ours(video, &out, bench.jobs, Memory::Measured)
}

fn run_ffmpeg(bench: &Bench, video: &Utf8Path) -> Result<Measurement> {
    let out = bench.fresh("out")?;
    ffmpeg_file(video, &out, bench.jobs, FrameOutput::Nowhere, Memory::Measured)
}
