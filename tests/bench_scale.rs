//! `make bench-scale`: how the time and memory of commands grow with the number of clips.
//!
//! For each size the benchmark writes a dataset of synthetic clips with the project's own writers,
//! and measures commands of the built binaries on it. It prints a table in Markdown: the time and
//! the peak memory of each command, and the exponents with which they grow.
//!
//! What is real and what is not:
//! - The rows of the catalog are as wide as those of real clips of 16 s: times of 160 frames, a
//!   fingerprint of 26 moments. A source has 10 clips. One clip in ten fails `ingest.keep`, and one
//!   in a hundred is a near-duplicate of another source's clip.
//! - Frames have 16×16 pixels and few colours, so a clip needs about 2 kB instead of 2 MB. Source
//!   files have one byte: no command reads the content of a known file.
//! - A shard of clips has those of 16 sources, as ingest writes it. Tokens and labels have the
//!   shards of `encode` and `label`.
//! - The models are trained for one step. Tokens and labels are random.
//! - The new sources are recordings of the sample game. They are ingested into an empty dataset,
//!   too, and that time is subtracted.
//!
//! 10⁶ clips need 10 GB on the disk. stdout is the report, stderr is progress. The exit code is 1
//! if a goal is missed.

#[path = "bench_scale/dataset.rs"]
mod dataset;
#[path = "bench_scale/measured.rs"]
mod measured;
#[path = "bench_scale/report.rs"]
mod report;
#[path = "bench_scale/synthetic.rs"]
mod synthetic;
#[path = "bench_scale/windows.rs"]
mod windows;

use std::fs;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use dataset::SyntheticDataset;
use report::Report;

/// Recordings that are added to a dataset.
const NEW_SOURCES: usize = 100;
/// Training steps of the measured dynamics model.
const STEPS: usize = 100;

/// Measure how time and memory grow with the number of clips.
#[derive(Parser)]
struct Cli {
    /// Numbers of clips.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10000,100000,1000000")]
    sizes: Vec<usize>,
    /// Make the datasets in DIR/N and keep them; without it they are temporary.
    ///
    /// A dataset that `--generate` made there is used for one measurement.
    #[arg(long, value_name = "DIR")]
    dir: Option<Utf8PathBuf>,
    /// Only make the datasets. The config of each is DIR/N/scale.toml.
    #[arg(long, requires = "dir")]
    generate: bool,
    /// Make no tokens and labels, and measure no training.
    #[arg(long)]
    no_training: bool,
    /// Ignored. Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let temporary = Utf8Path::from_path(temporary.path()).expect("a UTF-8 name");
    let dir = cli.dir.as_deref().unwrap_or(temporary);
    fs::create_dir_all(dir).unwrap_or_else(|error| panic!("cannot create {dir}: {error}"));
    let dir = dir.canonicalize_utf8().unwrap_or_else(|error| panic!("{dir}: {error}"));
    let (mut report, mut sizes) = (Report::default(), Vec::new());
    for &clips in &cli.sizes {
        let dataset = SyntheticDataset::make(&dir.join(clips.to_string()), clips);
        sizes.push(dataset.clips());
        if !cli.no_training {
            windows::make(&dataset);
        }
        if !cli.generate {
            measure(&dataset, !cli.no_training, &mut report);
            if cli.dir.is_none() {
                fs::remove_dir_all(dataset.dir()).expect("a directory that can be removed");
            }
        }
    }
    if cli.generate {
        return ExitCode::SUCCESS;
    }
    report.print(&sizes);
    if report.goals_are_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures all commands on a dataset. Afterwards the dataset has the new sources.
fn measure(dataset: &SyntheticDataset, training: bool, report: &mut Report) {
    let clips = dataset.clips();
    if let Some(finalized) = &dataset.finalized {
        report.add(clips, "run, finalizes all clips", finalized.clone());
    }
    let median = |subcommand: &[&str]| {
        let mut runs: Vec<_> = (0..3).map(|_| dataset.run("genie-ingest", subcommand)).collect();
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        runs.swap_remove(1)
    };
    report.add(clips, report::NOTHING_TO_DO, median(&["run"]));
    let query = "select split, kept, count(*), avg(motion), max(frames) from clips group by 1, 2";
    report.add(clips, "sql, a query over all clips", median(&["sql", query]));
    report.add(clips, "stats", median(&["stats"]));
    report.add(clips, "gc", median(&["gc"]));
    if dataset.offers("verify", "--sample") {
        report.add(clips, "verify --sample 50", median(&["verify", "--sample", "50"]));
    } else {
        report.add(clips, "verify, everything", median(&["verify"]));
    }
    if training {
        let fit = ["fit", "--set", "tokenizer.train.steps=2"];
        let (first, _) = dataset.train("genie-tokenize", "fit", &fit);
        report.add(clips, "fit: until the first training step", first);
        let (first, rest) = dataset.train("genie-train", "dynamics", &["dynamics"]);
        report.add(clips, report::TRAINING_STARTS, first);
        report.add(clips, "dynamics: 100 training steps", rest);
    }
    let alone = dataset.new_videos(NEW_SOURCES);
    let added = dataset.run("genie-ingest", &["run"]);
    let beyond = (added.seconds - alone.seconds).max(0.0);
    eprintln!(
        "{clips} clips: 100 new sources take {:.1} s, alone {:.1} s",
        added.seconds, alone.seconds
    );
    report.add(clips, "100 new sources", added.clone());
    report.add(clips, report::NEW_SOURCES, measured::Measured { seconds: beyond, ..added });
}
