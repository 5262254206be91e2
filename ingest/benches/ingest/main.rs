//! `make bench-ingest`: measures the speed of ingest against its alternatives, on one machine.
//!
//! There are three sections: 200 short files, one long file, and random windows of ingested clips.
//! Before the measurement, every contender does its work once, and its pixels are compared with the
//! FFmpeg program's. Then the contenders take turns (A B C A B C …) for five rounds, so that other
//! load on the machine affects all of them. The medians are compared. Each round of genie-ingest
//! starts with an empty dataset. Its time includes hashing, scores, compression, fsync and reading
//! back. The time of the Python contenders does not include starting Python.
//!
//! The report goes to stdout, in Markdown. Progress goes to stderr. The exit code is 1 if frames or
//! pixels are wrong. It does not depend on the times.

#![allow(clippy::cast_precision_loss, reason = "no count here needs more than 52 bits")]

mod compare;
mod contender;
mod inputs;
mod long;
mod machine;
mod peers;
mod process;
mod report;
mod short;
mod windows;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, ValueEnum};

use inputs::Inputs;
use peers::Peers;
use report::Goals;

/// Measure the speed of `genie-ingest`.
#[derive(Parser)]
struct Cli {
    /// Use few files and one round, to test the benchmark.
    #[arg(long)]
    quick: bool,
    /// Run only these sections.
    #[arg(
        long, value_enum, value_delimiter = ',',
        default_values_t = [Section::Short, Section::Long, Section::Windows],
    )]
    parts: Vec<Section>,
    /// Ignored. Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Many short files.
    Short,
    /// One long file.
    Long,
    /// Random windows of ingested clips.
    Windows,
}

/// Settings that all sections share.
pub struct Bench {
    quick: bool,
    rounds: usize,
    /// Number of processors: files decoded in parallel, or threads of one file.
    jobs: usize,
    /// A directory on a disk that is emptied between rounds.
    ///
    /// It must not be in memory, because ingest waits for the disk.
    work: Utf8PathBuf,
}

impl Bench {
    /// Makes an empty directory for one run, and waits until earlier runs are written to disk.
    pub fn fresh(&self, name: &str) -> Result<Utf8PathBuf> {
        let dir = self.work.join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {dir}"))?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {dir}"))?;
        Command::new("sync").status().context("cannot start sync")?;
        Ok(dir)
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<bool> {
    let cache = cache()?;
    let bench = Bench {
        quick: cli.quick,
        rounds: if cli.quick { 1 } else { 5 },
        jobs: std::thread::available_parallelism()?.get(),
        work: cache.join("bench-work"),
    };
    let inputs = Inputs::new(&cache.join("bench-inputs"))?;
    let wants = |part: Section| cli.parts.contains(&part);
    let peered = wants(Section::Short) || wants(Section::Windows);
    let mut peers = if peered { Peers::start(&cache, bench.jobs) } else { Peers::default() };
    machine::describe(&bench, &inputs, &peers);

    let mut goals = Goals::default();
    if wants(Section::Short) {
        short::measure(&bench, &inputs, &mut peers, &mut goals)?;
    }
    if wants(Section::Long) {
        long::measure(&bench, &inputs, &mut goals)?;
    }
    if wants(Section::Windows) {
        windows::measure(&bench, &inputs, &mut peers, &mut goals)?;
    }
    let right = goals.print();
    std::fs::remove_dir_all(&bench.work)
        .with_context(|| format!("cannot remove {}", bench.work))?;
    Ok(right)
}

/// Returns the cache directory, outside the checkout, for the virtual environment and the inputs.
fn cache() -> Result<Utf8PathBuf> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME").map(Utf8PathBuf::from);
    let base = base.or_else(|| set("HOME").map(|home| Utf8Path::new(&home).join(".cache")));
    Ok(base.context("no directory for the inputs: set XDG_CACHE_HOME or HOME")?.join("genie"))
}
