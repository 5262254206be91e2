//! The contenders in Python: their virtual environment, and the processes that stay ready (`peers.py` says what they do).
//!
//! Where Python, pip or what they would install is not to be had, they are left out with a word, and the rest is measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::contender::Sink;
use crate::process::{Measured, cpu_of, tree};

const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// The first is the one that seeks windows, with its faster arrangement.
const CONTENDERS: [(&str, &str); 3] = [
    ("torchcodec-resize", "torchcodec, its own Resize"),
    ("torchcodec-area", "torchcodec, PyTorch area"),
    ("pyav", "PyAV"),
];

/// The peers that could be started.
#[derive(Default)]
pub struct Peers {
    pub ready: Vec<Peer>,
    /// Why some are not.
    pub left_out: Vec<String>,
}

/// A Python process with its pool of workers.
pub struct Peer {
    pub name: &'static str,
    pub title: &'static str,
    pub versions: String,
    child: Child,
    /// Taken to end it.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    /// Makes the virtual environment, unless it is there, and starts everyone.
    pub fn start(venv: &Utf8Path, jobs: usize) -> Self {
        let mut peers = Self::default();
        match environment(venv) {
            Err(error) => peers.left_out.push(format!("torchcodec and PyAV: {error:#}")),
            Ok(python) => {
                for (name, title) in CONTENDERS {
                    match Peer::start(&python, name, title, jobs) {
                        Ok(peer) => peers.ready.push(peer),
                        Err(error) => peers.left_out.push(format!("{title}: {error:#}")),
                    }
                }
            }
        }
        for line in &peers.left_out {
            eprintln!("left out: {line}");
        }
        peers
    }

    /// The one with this name.
    pub fn get(&mut self, name: &str) -> Option<&mut Peer> {
        self.ready.iter_mut().find(|peer| peer.name == name)
    }
}

impl Peer {
    fn start(
        python: &Utf8Path,
        name: &'static str,
        title: &'static str,
        jobs: usize,
    ) -> Result<Self> {
        let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.py");
        let mut command = Command::new(python);
        command.args([script.as_str(), name, &jobs.to_string()]);
        // What it says when it fails is for whoever looks into it; the last line says what it was.
        let log = python.with_file_name(format!("{name}.log"));
        let words = std::fs::File::create(&log).with_context(|| format!("cannot write {log}"))?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(words).spawn()?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut peer = Self { name, title, versions: String::new(), child, requests, answers };
        let hello = peer.answer().with_context(|| format!("it does not start; {log} says why"))?;
        hello["versions"].as_str().unwrap_or_default().clone_into(&mut peer.versions);
        Ok(peer)
    }

    /// Samples videos, as ingest does.
    pub fn sample(
        &mut self,
        videos: &[Utf8PathBuf],
        out: &Utf8Path,
        sink: Sink,
    ) -> Result<Measured> {
        let out = (sink == Sink::Files).then_some(out);
        Ok(self.ask(&json!({ "sample": videos, "out": out }))?.0)
    }

    /// Windows of 16 frames of these videos, from these presentation times (in seconds) on.
    pub fn windows(
        &mut self,
        windows: &[(String, f64)],
        out: Option<&Utf8Path>,
    ) -> Result<Measured> {
        Ok(self.ask(&json!({ "windows": windows, "out": out }))?.0)
    }

    fn ask(&mut self, request: &Value) -> Result<(Measured, Value)> {
        let pids = tree(self.child.id());
        let cpu = cpu_of(&pids);
        let start = Instant::now();
        let requests = self.requests.as_mut().context("no stdin")?;
        writeln!(requests, "{request}").with_context(|| format!("{} is gone", self.name))?;
        let answer = self.answer()?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((Measured { seconds, cpu_seconds: cpu_of(&pids) - cpu, peak_mb: 0.0 }, answer))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("{} ended", self.name);
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // At the end of its input it ends its pool, and then itself.
        self.requests = None;
        let _ = self.child.wait();
    }
}

/// The interpreter of the virtual environment. It is made anew when what is to be in it has changed.
fn environment(venv: &Utf8Path) -> Result<Utf8PathBuf> {
    let (python, made) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if std::fs::read_to_string(&made).is_ok_and(|found| found == REQUIREMENTS) {
        return Ok(python);
    }
    let recent = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))";
    let found = Command::new("python3").args(["-c", recent]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        bail!("there is no python3 of at least 3.10 with venv and pip here");
    }
    eprintln!(
        "making {venv} (once; several gigabytes, unless pip is told of an index with PyTorch for CPUs)"
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
    Err(anyhow!("they cannot be installed: {last}"))
}
