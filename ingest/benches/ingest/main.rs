//! `make bench-ingest`: how fast ingest is, against what people would use instead, on this machine, in one run.
//!
//! Three questions: 200 short files, one long file, random windows of what was ingested. Before any clock starts every
//! contender does its work once and its pixels are compared with the FFmpeg program's. Then they take turns (A B C A B C …), so
//! that whatever else the machine does falls on all alike, five rounds; medians are compared. Each round of ours begins with an
//! empty dataset. What ours does besides (hashing, scores, compression, fsync, reading back) is in its time; what it costs the
//! others to start Python is not in theirs.
//!
//! stdout is the report, in Markdown; stderr says what is going on. The exit code is 1 where frames or pixels are not what they
//! must be, and does not depend on the times.

#![allow(clippy::cast_precision_loss, reason = "for people: no count here needs more than 52 bits")]

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

/// How fast `genie-ingest` is
#[derive(Parser)]
struct Cli {
    /// Few files, one round: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Short, Part::Long, Part::Windows])]
    parts: Vec<Part>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Many short files
    Short,
    /// One long file
    Long,
    /// Random windows of what was ingested
    Windows,
}

/// What all parts share.
pub struct Bench {
    quick: bool,
    rounds: usize,
    /// Processors: files decoded at once, or threads of one file.
    jobs: usize,
    /// Emptied between rounds. On a disk: ours waits for it.
    work: Utf8PathBuf,
}

impl Bench {
    /// An empty directory for one run, and a disk with nothing left to write from the run before.
    pub fn fresh(&self, name: &str) -> Result<Utf8PathBuf> {
        let dir = self.work.join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {dir}"))?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {dir}"))?;
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
    let wants = |part: Part| cli.parts.contains(&part);
    let peered = wants(Part::Short) || wants(Part::Windows);
    let mut peers =
        if peered { Peers::start(&cache.join("bench-venv"), bench.jobs) } else { Peers::default() };
    machine::describe(&bench, &inputs, &peers);

    let mut goals = Goals::default();
    if wants(Part::Short) {
        short::measure(&bench, &inputs, &mut peers, &mut goals)?;
    }
    if wants(Part::Long) {
        long::measure(&bench, &inputs, &mut goals)?;
    }
    if wants(Part::Windows) {
        windows::measure(&bench, &inputs, &mut peers, &mut goals)?;
    }
    let right = goals.print();
    std::fs::remove_dir_all(&bench.work)
        .with_context(|| format!("cannot remove {}", bench.work))?;
    Ok(right)
}

/// Outside the checkout, and kept: a virtual environment and inputs are made once.
fn cache() -> Result<Utf8PathBuf> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME").map(Utf8PathBuf::from);
    let base = base.or_else(|| set("HOME").map(|home| Utf8Path::new(&home).join(".cache")));
    Ok(base.context("neither XDG_CACHE_HOME nor HOME says where to keep the inputs")?.join("genie"))
}
