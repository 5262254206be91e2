//! The Python contenders: their virtual environment and their processes (see `peers.py`).
//!
//! If Python, pip or a package is missing, the report names the contenders that are skipped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::contender::FrameOutput;
use crate::process::{Measurement, cpu_of, tree};

const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// The first contender also reads windows, with its faster arrangement.
const CONTENDERS: [(&str, &str); 3] = [
    ("torchcodec-resize", "torchcodec, its own Resize"),
    ("torchcodec-area", "torchcodec, PyTorch area"),
    ("pyav", "PyAV"),
];

/// The Python contenders that started.
#[derive(Default)]
pub struct Peers {
    pub ready: Vec<PythonPeer>,
    /// Why some contenders did not start.
    pub left_out: Vec<String>,
}

/// A Python process with its pool of workers.
pub struct PythonPeer {
    pub name: &'static str,
    pub title: &'static str,
    pub versions: String,
    child: Child,
    /// `None` after dropping it, which ends the process.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    /// Starts all contenders, with the Python that `GENIE_PYTHON` names.
    ///
    /// Without it, makes a virtual environment in the cache directory, unless it exists.
    pub fn start(cache: &Utf8Path, jobs: usize) -> Self {
        let mut peers = Self::default();
        let named = std::env::var("GENIE_PYTHON").ok().filter(|python| !python.is_empty());
        let python = named.map_or_else(
            || environment(&cache.join("bench-venv")),
            |python| Ok(Utf8PathBuf::from(python)),
        );
        match python {
            Err(error) => peers.left_out.push(format!("torchcodec and PyAV: {error:#}")),
            Ok(python) => {
                for (name, title) in CONTENDERS {
                    match PythonPeer::start((python.as_path(), cache), name, title, jobs) {
                        Ok(peer) => peers.ready.push(peer),
                        Err(error) => peers.left_out.push(format!("{title}: {error:#}")),
                    }
                }
            }
        }
        for line in &peers.left_out {
            eprintln!("skipped: {line}");
        }
        peers
    }

    /// Returns the contender with this name.
    pub fn get(&mut self, name: &str) -> Option<&mut PythonPeer> {
        self.ready.iter_mut().find(|peer| peer.name == name)
    }
}

impl PythonPeer {
    fn start(
        (python, logs): (&Utf8Path, &Utf8Path),
        name: &'static str,
        title: &'static str,
        jobs: usize,
    ) -> Result<Self> {
        let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.py");
        let mut command = Command::new(python);
        command.args([script.as_str(), name, &jobs.to_string()]);
        // The log has the whole error message. `left_out` has only its last line.
        let log = logs.join(format!("bench-{name}.log"));
        let words = std::fs::File::create(&log).with_context(|| format!("cannot write {log}"))?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(words).spawn()?;
        let requests = child.stdin.take();
        let answers =
            BufReader::new(child.stdout.take().context("the Python process has no stdout")?);
        let mut peer = Self { name, title, versions: String::new(), child, requests, answers };
        let hello = peer.answer().with_context(|| format!("{name} does not start; see {log}"))?;
        hello["versions"].as_str().unwrap_or_default().clone_into(&mut peer.versions);
        Ok(peer)
    }

    /// Samples videos like ingest.
    pub fn sample(
        &mut self,
        videos: &[Utf8PathBuf],
        out: &Utf8Path,
        sink: FrameOutput,
    ) -> Result<Measurement> {
        let out = (sink == FrameOutput::Files).then_some(out);
        Ok(self.ask(&json!({ "sample": videos, "out": out }))?.0)
    }

    /// Reads windows of 16 frames that start at presentation times in seconds.
    pub fn windows(
        &mut self,
        windows: &[(String, f64)],
        out: Option<&Utf8Path>,
    ) -> Result<Measurement> {
        Ok(self.ask(&json!({ "windows": windows, "out": out }))?.0)
    }

    fn ask(&mut self, request: &Value) -> Result<(Measurement, Value)> {
        let pids = tree(self.child.id());
        let cpu = cpu_of(&pids);
        let start = Instant::now();
        let requests = self.requests.as_mut().context("the Python process has no stdin")?;
        writeln!(requests, "{request}")
            .with_context(|| format!("the process of {} has ended", self.name))?;
        let answer = self.answer()?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((Measurement { seconds, cpu_seconds: cpu_of(&pids) - cpu, peak_mb: 0.0 }, answer))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the process of {} has ended", self.name);
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for PythonPeer {
    fn drop(&mut self) {
        // At the end of its input, the process ends its pool and then itself.
        self.requests = None;
        let _ = self.child.wait();
    }
}

/// Returns the interpreter of the virtual environment. Rebuilds it if the requirements changed.
fn environment(venv: &Utf8Path) -> Result<Utf8PathBuf> {
    let (python, made) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if std::fs::read_to_string(&made).is_ok_and(|found| found == REQUIREMENTS) {
        return Ok(python);
    }
    let recent = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))";
    let found = Command::new("python3").args(["-c", recent]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        bail!("python3 is missing, is older than 3.10, or has no venv and pip");
    }
    eprintln!(
        "making {venv} (once; several gigabytes, unless PIP_EXTRA_INDEX_URL is an index of \
         PyTorch for CPUs)"
    );
    step(Command::new("python3").args(["-m", "venv", "--clear", venv.as_str()]))?;
    let wanted = venv.join("wanted.txt");
    std::fs::write(&wanted, REQUIREMENTS).with_context(|| format!("cannot write {wanted}"))?;
    step(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--requirement",
        wanted.as_str(),
    ]))?;
    std::fs::rename(&wanted, &made).with_context(|| format!("cannot write {made}"))?;
    Ok(python)
}

fn step(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(anyhow!("cannot install the Python packages: {last}"))
}
