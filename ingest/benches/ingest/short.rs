//! Many short files, the usual case. Files outnumber processors, so each file gets one thread.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::Bench;
use crate::compare::{self, Difference};
use crate::contender::{FrameOutput, OURS, ffmpeg_files, ours};
use crate::inputs::{Inputs, SHORT_SECONDS};
use crate::peers::{Peers, PythonPeer};
use crate::process::{Measurement, Memory};
use crate::report::{Goals, Timings, table};

/// Number of files in a quick run and in a full run.
const FILES: (usize, usize) = (32, 200);
const FFMPEG: &str = "FFmpeg, xargs -P, one thread each";

pub fn files(bench: &Bench) -> usize {
    if bench.quick { FILES.0 } else { FILES.1 }
}

/// A contender. The order of the list is the order of turns.
enum Contender<'a> {
    Ours,
    Ffmpeg,
    Python(&'a mut PythonPeer),
}

impl Contender<'_> {
    fn title(&self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::Ffmpeg => FFMPEG,
            Self::Python(peer) => peer.title,
        }
    }

    fn run(
        &mut self,
        bench: &Bench,
        dir: &Utf8Path,
        videos: &[Utf8PathBuf],
        sink: FrameOutput,
    ) -> Result<Measurement> {
        let out = bench.fresh("out")?;
        match self {
            Self::Ours => ours(dir, &out, bench.jobs, Memory::Ignored),
            Self::Ffmpeg => ffmpeg_files(dir, &out, bench.jobs, sink),
            Self::Python(peer) => peer.sample(videos, &out, sink),
        }
    }
}

pub fn measure(bench: &Bench, inputs: &Inputs, peers: &mut Peers, goals: &mut Goals) -> Result<()> {
    let dir = inputs.short(files(bench))?;
    let videos = compare::videos(&dir)?;
    let mut contenders = vec![Contender::Ours, Contender::Ffmpeg];
    contenders.extend(peers.ready.iter_mut().map(Contender::Python));

    let differences = verify(bench, &dir, &videos, &mut contenders, goals)?;
    let sink = faster_sink(bench, &dir)?;
    let mut runs: Vec<Timings> = contenders.iter().map(|_| Timings::default()).collect();
    for round in 1..=bench.rounds {
        for (contender, runs) in contenders.iter_mut().zip(&mut runs) {
            let measured = contender.run(bench, &dir, &videos, sink)?;
            eprintln!(
                "short files, round {round}: {:.2} s {}",
                measured.seconds,
                contender.title()
            );
            runs.0.push(measured);
        }
    }

    let frames = differences[0].frames;
    let hours = videos.len() as f64 * f64::from(SHORT_SECONDS) / 3600.0;
    println!(
        "### {} files of 640×360, 30 FPS, {SHORT_SECONDS} s, to {frames} frames of 160×90\n",
        videos.len()
    );
    let output = if sink == FrameOutput::Files { "files" } else { "/dev/null, which is faster" };
    println!(
        "Ours writes shards, all others write raw frames to {output}. Pixels: difference from the \
         FFmpeg program, in levels of 255."
    );
    let median = runs[0].median();
    let mut rows = Vec::new();
    for ((contender, runs), difference) in contenders.iter().zip(&runs).zip(&differences) {
        let mut row = vec![contender.title().to_owned()];
        row.extend(runs.cells());
        row.push(format!("{:.2}×", runs.median() / median));
        row.push(format!("{:.0}", hours * 3600.0 / runs.median()));
        row.push(difference.describe());
        rows.push(row);
    }
    table(
        &[
            "contender",
            "median s",
            "min",
            "max",
            "CPU s",
            "ours is faster",
            "× real time",
            "pixels",
        ],
        &rows,
    );

    goals.at_least(format!("short files: {FFMPEG}"), 1.15, runs[1].median() / median);
    for (what, prefix, wanted) in [("torchcodec", "torchcodec", 1.3), ("PyAV", "PyAV", 1.5)] {
        let of = contenders
            .iter()
            .zip(&runs)
            .filter(|(contender, _)| contender.title().starts_with(prefix));
        match of.map(|(_, runs)| runs.median()).reduce(f64::min) {
            Some(best) => {
                goals.at_least(format!("short files: {what}, its fastest"), wanted, best / median);
            }
            None => goals.left_out(format!("short files: {what}")),
        }
    }
    Ok(())
}

/// Runs every contender once into files and compares them. This also warms all caches.
fn verify(
    bench: &Bench,
    dir: &Utf8Path,
    videos: &[Utf8PathBuf],
    contenders: &mut [Contender<'_>],
    goals: &mut Goals,
) -> Result<Vec<Difference>> {
    let expected = bench.fresh("expected")?;
    ffmpeg_files(dir, &expected, bench.jobs, FrameOutput::Files)?;
    let mut differences = Vec::new();
    for contender in contenders {
        contender.run(bench, dir, videos, FrameOutput::Files)?;
        let out = bench.work.join("out");
        let difference = match contender {
            Contender::Ours => compare::shards(videos, &expected, &out)?,
            _ => compare::raws(videos, &expected, &out)?,
        };
        let title = contender.title();
        eprintln!(
            "short files: {title}: {} frames, pixels {}",
            difference.frames,
            difference.describe()
        );
        let exact = matches!(contender, Contender::Ours | Contender::Ffmpeg);
        if difference.miscounted > 0 || (exact && !difference.is_none()) {
            goals.wrong(format!("{title}, short files: {}", difference.describe()));
        }
        differences.push(difference);
    }
    bench.fresh("expected")?;
    Ok(differences)
}

/// Returns the output to which the FFmpeg program writes faster, /dev/null if they are equal.
///
/// All contenders except genie-ingest use this output.
fn faster_sink(bench: &Bench, dir: &Utf8Path) -> Result<FrameOutput> {
    let mut seconds = Vec::new();
    for sink in [FrameOutput::Nowhere, FrameOutput::Files] {
        let out = bench.fresh("out")?;
        let measured = ffmpeg_files(dir, &out, bench.jobs, sink)?;
        eprintln!("short files: FFmpeg to {sink:?}: {:.2} s", measured.seconds);
        seconds.push(measured.seconds);
    }
    Ok(if seconds[0] <= seconds[1] * 1.02 { FrameOutput::Nowhere } else { FrameOutput::Files })
}
