//! Running one contender: how long it took, on the clock and on the processors, and how much memory it held.
//!
//! Everything is read from /proc, so Linux only. Memory is that of the whole tree of processes: the sum of what all hold at
//! one moment, looked at every 50 ms, or the peak that the kernel kept of the largest, if that is more. Pages that
//! processes share count for each.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

const EVERY: Duration = Duration::from_millis(50);
/// Clock ticks a second in /proc: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// What a run took.
#[derive(Clone, Copy, Default)]
pub struct Measured {
    pub seconds: f64,
    /// Processor time, of all processes and threads.
    pub cpu_seconds: f64,
    /// Peak memory in MB (10⁶ bytes); 0 where nobody looked.
    pub peak_mb: f64,
}

/// Whether to watch a run's memory, which costs a little time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    Watched,
    Ignored,
}

/// Runs a command to its end. Its stderr is shown only when it fails.
pub fn run(command: &mut Command, memory: Memory) -> Result<Measured> {
    let name = command.get_program().to_string_lossy().into_owned();
    let cpu = cpu_of_children()?;
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("cannot start {name}"))?;
    let (output, peak) = match memory {
        Memory::Ignored => (child.wait_with_output()?, 0),
        Memory::Watched => watched(child)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed ({}): {}", output.status, words.trim_end());
    }
    Ok(Measured { seconds, cpu_seconds: cpu_of_children()? - cpu, peak_mb: peak as f64 / 1e6 })
}

fn watched(child: Child) -> Result<(std::process::Output, u64)> {
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(resident(&tree(pid)));
                std::thread::sleep(EVERY);
            }
            peak
        });
        let output = child.wait_with_output();
        ended.store(true, Ordering::Relaxed);
        Ok((output?, watcher.join().unwrap_or(0)))
    })
}

/// A process and all that descend from it.
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

/// Bytes that processes hold now together, or held at most one of them.
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

/// Processor seconds that living processes have used so far.
pub fn cpu_of(pids: &[u32]) -> f64 {
    let ticks = |pid: &u32| {
        let fields = stat(*pid).unwrap_or_default();
        [11, 12].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum::<u64>()
    };
    pids.iter().map(ticks).sum::<u64>() as f64 / TICKS
}

/// Processor seconds of all children that have ended, and theirs.
fn cpu_of_children() -> Result<f64> {
    let fields =
        stat(std::process::id()).context("cannot read /proc: the benchmark needs Linux")?;
    let ticks =
        [13, 14].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum::<u64>();
    Ok(ticks as f64 / TICKS)
}

/// The fields of /proc/PID/stat from the state on (the name before it may hold spaces).
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
