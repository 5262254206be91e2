//! Describes the machine, the program versions and the inputs.

use std::process::Command;

use crate::Bench;
use crate::inputs::Inputs;
use crate::peers::Peers;

/// Prints the head of the report.
pub fn describe(bench: &Bench, inputs: &Inputs, peers: &Peers) {
    let kind =
        if bench.quick { " (quick: a test of the benchmark, not a measurement)" } else { "" };
    println!("## bench-ingest{kind}\n");
    let processor =
        value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = value("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("Linux")
        .replace('"', "");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "- Machine: {processor}, {} processors, {:.0} GiB, {system}; load at the start: {}",
        bench.jobs,
        memory.unwrap_or_default() / f64::from(1 << 20),
        load.split(' ').next().unwrap_or("unknown")
    );
    println!("- Ours: revision {}, {}", revision(), first_line("rustc", "--version"));
    println!(
        "- {}",
        first_line("ffmpeg", "-version").split(" Copyright").next().unwrap_or_default()
    );
    let mut versions: Vec<&str> = peers.ready.iter().map(|peer| peer.versions.as_str()).collect();
    versions.dedup();
    for version in versions {
        println!("- {version}");
    }
    for line in &peers.left_out {
        println!("- Left out: {line}");
    }
    println!("- Inputs: cut from {}", inputs.origin());
    println!("- Rounds: {}, contenders in turns\n", bench.rounds);
}

/// Returns the Git revision, which the Makefile sets.
fn revision() -> String {
    let set = std::env::var("GENIE_GIT_REVISION").ok();
    set.filter(|revision| !revision.is_empty()).unwrap_or_else(|| "unknown".into())
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines().next().unwrap_or("unknown version").to_owned()
}

/// Returns the value of a line `key : value` in a file of /proc.
fn value(file: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
