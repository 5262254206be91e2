//! Runs one contender and measures its time, processor time and memory.
//!
//! It reads /proc, so it needs Linux. Memory is the sum over the tree of processes, read every 50
//! ms, or the kernel's peak of the largest process if that is more. Shared pages count for each
//! process.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

const EVERY: Duration = Duration::from_millis(50);
/// Clock ticks per second in /proc: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// Measurement of one run.
#[derive(Clone, Copy, Default)]
pub struct Measurement {
    pub seconds: f64,
    /// Processor time of all processes and threads.
    pub cpu_seconds: f64,
    /// Peak memory in MB (10⁶ bytes); 0 if it was not measured.
    pub peak_mb: f64,
}

/// Whether to measure memory, which costs a little time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    Measured,
    Ignored,
}

/// Runs a command to its end. Shows its stderr only if it fails.
pub fn run(command: &mut Command, memory: Memory) -> Result<Measurement> {
    let name = command.get_program().to_string_lossy().into_owned();
    let cpu = cpu_of_children()?;
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("cannot start {name}"))?;
    let (output, peak) = match memory {
        Memory::Ignored => (child.wait_with_output()?, 0),
        Memory::Measured => run_measured(child)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}): {}", output.status, words.trim_end());
    }
    Ok(Measurement { seconds, cpu_seconds: cpu_of_children()? - cpu, peak_mb: peak as f64 / 1e6 })
}

fn run_measured(child: Child) -> Result<(std::process::Output, u64)> {
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(resident(&tree(pid)));
                std::thread::sleep(EVERY);
            }
            peak
        });
        let output = child.wait_with_output();
        ended.store(true, Ordering::Relaxed);
        Ok((output?, sampler.join().unwrap_or(0)))
    })
}

/// Returns a process and all its descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// Returns the bytes that the processes use together now, or the largest peak of one of them.
fn resident(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kilobytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        (kilobytes("VmRSS:") * 1024, kilobytes("VmHWM:") * 1024)
    };
    let (now, peaks): (Vec<u64>, Vec<u64>) = pids.iter().map(of).unzip();
    now.iter().sum::<u64>().max(peaks.into_iter().max().unwrap_or(0))
}

/// Returns the processor seconds that running processes have used so far.
pub fn cpu_of(pids: &[u32]) -> f64 {
    let ticks = |pid: &u32| {
        let fields = stat(*pid).unwrap_or_default();
        [11, 12].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum::<u64>()
    };
    pids.iter().map(ticks).sum::<u64>() as f64 / TICKS
}

/// Returns the processor seconds of all ended children and their descendants.
fn cpu_of_children() -> Result<f64> {
    let fields =
        stat(std::process::id()).context("cannot read /proc: the benchmark needs Linux")?;
    let ticks =
        [13, 14].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum::<u64>();
    Ok(ticks as f64 / TICKS)
}

/// Returns the fields of /proc/PID/stat from the state on. The name before it may contain spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
