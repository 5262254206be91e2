//! Many short files: the everyday case. Files outnumber processors, so each is decoded by one thread.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::Bench;
use crate::compare::{self, Difference};
use crate::contender::{OURS, Sink, ffmpeg_files, ours};
use crate::inputs::{Inputs, SHORT_SECONDS};
use crate::peers::{Peer, Peers};
use crate::process::{Measured, Memory};
use crate::report::{Goals, Runs, table};

/// Files of a quick and of a whole run.
const FILES: (usize, usize) = (32, 200);
const FFMPEG: &str = "FFmpeg, xargs -P, one thread each";

pub fn files(bench: &Bench) -> usize {
    if bench.quick { FILES.0 } else { FILES.1 }
}

/// What takes part, in the order of turns.
enum Contender<'a> {
    Ours,
    Ffmpeg,
    Peer(&'a mut Peer),
}

impl Contender<'_> {
    fn title(&self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::Ffmpeg => FFMPEG,
            Self::Peer(peer) => peer.title,
        }
    }

    fn run(
        &mut self,
        bench: &Bench,
        dir: &Utf8Path,
        videos: &[Utf8PathBuf],
        sink: Sink,
    ) -> Result<Measured> {
        let out = bench.fresh("out")?;
        match self {
            Self::Ours => ours(dir, &out, bench.jobs, Memory::Ignored),
            Self::Ffmpeg => ffmpeg_files(dir, &out, bench.jobs, sink),
            Self::Peer(peer) => peer.sample(videos, &out, sink),
        }
    }
}

pub fn measure(bench: &Bench, inputs: &Inputs, peers: &mut Peers, goals: &mut Goals) -> Result<()> {
    let dir = inputs.short(files(bench))?;
    let videos = compare::videos(&dir)?;
    let mut contenders = vec![Contender::Ours, Contender::Ffmpeg];
    contenders.extend(peers.ready.iter_mut().map(Contender::Peer));

    let differences = verify(bench, &dir, &videos, &mut contenders, goals)?;
    let sink = faster_sink(bench, &dir)?;
    let mut runs: Vec<Runs> = contenders.iter().map(|_| Runs::default()).collect();
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
    let whereto = if sink == Sink::Files { "files" } else { "/dev/null, which is the faster" };
    println!(
        "Ours writes shards, all others raw frames to {whereto}. Pixels: against the FFmpeg program, of 255."
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
                goals.at_least(format!("short files: {what}, its fastest"), wanted, best / median)
            }
            None => goals.left_out(format!("short files: {what}")),
        }
    }
    Ok(())
}

/// Everyone once, into files that are compared. It warms all caches as well.
fn verify(
    bench: &Bench,
    dir: &Utf8Path,
    videos: &[Utf8PathBuf],
    contenders: &mut [Contender<'_>],
    goals: &mut Goals,
) -> Result<Vec<Difference>> {
    let expected = bench.fresh("expected")?;
    ffmpeg_files(dir, &expected, bench.jobs, Sink::Files)?;
    let mut differences = Vec::new();
    for contender in contenders {
        contender.run(bench, dir, videos, Sink::Files)?;
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

/// Where the FFmpeg program is faster to put its frames (/dev/null, if that makes no difference). The same then holds for all
/// but ours.
fn faster_sink(bench: &Bench, dir: &Utf8Path) -> Result<Sink> {
    let mut seconds = Vec::new();
    for sink in [Sink::Nowhere, Sink::Files] {
        let out = bench.fresh("out")?;
        let measured = ffmpeg_files(dir, &out, bench.jobs, sink)?;
        eprintln!("short files: FFmpeg to {sink:?}: {:.2} s", measured.seconds);
        seconds.push(measured.seconds);
    }
    Ok(if seconds[0] <= seconds[1] * 1.02 { Sink::Nowhere } else { Sink::Files })
}
