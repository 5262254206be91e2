//! The built binaries, as child processes.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The longest wait for a condition, so that a test that hangs ends.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The path of a built binary of this workspace, in `target/<profile>`.
pub fn binary(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this test");
    // …/release/deps/chain-0123456789abcdef
    let profile = this.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} does not exist: run `cargo build --release --workspace` first (`make test` does)",
        path.display()
    );
    path
}

/// How a binary ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    command: String,
}

#[allow(clippy::return_self_not_must_use, reason = "a check is often the end of a statement")]
impl Ended {
    fn of(command: String, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            command,
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "exit code of {}\n{}{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Checks that stderr contains `words`.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.stderr.contains(words),
            "{} does not say {words:?}:\n{}",
            self.command,
            self.stderr
        );
        self
    }

    /// Parses stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{} printed no JSON ({error}):\n{}", self.command, self.stdout)
        })
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Ended {
    let shown = format!("{command:?}");
    let output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{shown}: {error}"));
    Ended::of(shown, &output)
}

/// Waits for the end of a child.
pub(crate) fn end(shown: String, child: Child) -> Ended {
    Ended::of(shown, &child.wait_with_output().expect("the child can be waited for"))
}

/// A running command, which is killed when it is dropped.
pub struct Background {
    child: Option<Child>,
    shown: String,
}

impl Background {
    pub(crate) fn start(mut command: Command) -> Self {
        let shown = format!("{command:?}");
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self { child: Some(child.unwrap_or_else(|error| panic!("{shown}: {error}"))), shown }
    }

    /// Waits until `ready` returns true.
    #[track_caller]
    pub fn until(&mut self, ready: impl Fn() -> bool) {
        let started = Instant::now();
        while !ready() {
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().expect("the child can be waited for"));
            assert!(ended.is_none(), "{} ended too early: {ended:?}", self.shown);
            assert!(started.elapsed() < PATIENCE, "{} is not ready after {PATIENCE:?}", self.shown);
            sleep(Duration::from_millis(2));
        }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the child is waited for once").id()
    }

    /// Sends a signal and waits for the end.
    pub fn stop(self, signal: Signal) -> Ended {
        assert!(self.signal(signal), "{} ended before it was stopped", self.shown);
        self.wait()
    }

    /// Sends a signal; returns whether the process still existed.
    pub fn signal(&self, signal: Signal) -> bool {
        let child = self.child.as_ref().expect("the child is waited for once");
        kill_process(Pid::from_child(child), signal).is_ok()
    }

    /// Waits for the end of the command.
    pub fn wait(mut self) -> Ended {
        let output = self
            .child
            .take()
            .expect("the child is waited for once")
            .wait_with_output()
            .expect("the child can be waited for");
        Ended::of(std::mem::take(&mut self.shown), &output)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
