//! Runs a command and measures its time and its memory.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::Utf8Path;

/// Time between two measurements of a process.
const EVERY: Duration = Duration::from_millis(2);

/// A measured command.
#[derive(Clone, Debug)]
pub struct Measured {
    pub seconds: f64,
    /// Peak resident set of the process, without its children. Ingest limits its decoders itself.
    pub peak_bytes: u64,
    /// Seconds until the watched file had its first line.
    pub first_line: Option<f64>,
}

impl Measured {
    /// Peak resident set in MB (10⁶ bytes).
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52 bytes")]
    pub fn peak_mb(&self) -> f64 {
        self.peak_bytes as f64 / 1e6
    }
}

/// Runs a command to its end; stdout and stderr go to files in `dir`.
///
/// It measures when the file `watched` gets its first line. It panics if the command fails.
pub fn run(dir: &Utf8Path, command: &mut Command, watched: Option<&Utf8Path>) -> Measured {
    let shown = format!("{command:?}");
    let file = |name: &str| File::create(dir.join(name)).expect("a file that can be written");
    command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
    let start = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let (mut peak_bytes, mut first_line) = (0, None);
    let status = loop {
        peak_bytes = peak(child.id()).max(peak_bytes);
        if first_line.is_none() && watched.is_some_and(has_line) {
            first_line = Some(start.elapsed().as_secs_f64());
        }
        match child.try_wait().expect("the child can be waited for") {
            Some(status) => break status,
            None => sleep(EVERY),
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    // 2: some inputs were rejected.
    assert!(
        matches!(status.code(), Some(0 | 2)),
        "{shown} failed ({status}):\n{}",
        fs::read_to_string(dir.join("stderr")).unwrap_or_default()
    );
    Measured { seconds, peak_bytes, first_line }
}

/// The largest resident set of a process so far, in bytes; 0 if it has ended.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn has_line(path: &Utf8Path) -> bool {
    fs::read(path).is_ok_and(|text| text.contains(&b'\n'))
}
