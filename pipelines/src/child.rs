//! One step as a child process: its output, its signals, its end.
//!
//! The child draws its progress on stderr. This process reads the child's stdout, because the
//! pipeline's own stdout contains only the result. It shows the lines on stderr, unless they are
//! the result.
//!
//! This process passes every SIGINT and SIGTERM on to the child and waits for it; the child saves
//! its work and ends. On a terminal, Ctrl-C also reaches the child directly. The child takes the
//! second signal, a moment later, as an echo of the first (see `genie_stage::stop`).
//!
//! A shell may start this process with SIGINT ignored (`genie run … &` in a script). The child does
//! not inherit this: `Stop` has installed a handler in this process, and `exec` resets handled
//! signals to their default.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use genie_stage::exit;
use genie_stage::stop::Stop;
use rustix::process::{Pid, Signal, kill_process};

/// The interval at which the child and the signals are checked.
const POLL: Duration = Duration::from_millis(20);

/// The destination of the lines that a step prints on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// They are shown on stderr as they come.
    Show,
    /// They are not shown, because they are the result.
    Keep,
}

/// How a step ended.
#[derive(Debug)]
pub struct ChildEnd {
    pub status: ExitStatus,
    /// The last line on stdout that is not empty.
    pub last_line: Option<String>,
}

/// Runs `command` to its end, and passes on every signal that `stop` receives meanwhile.
pub fn run(command: &mut Command, stop: &Stop, stdout: Stdout) -> io::Result<ChildEnd> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let reader = child.stdout.take().map(|pipe| read(pipe, stdout));
    let status = wait(&mut child, stop)?;
    let last_line = reader.and_then(|reader| reader.join().ok()).flatten();
    Ok(ChildEnd { status, last_line })
}

fn wait(child: &mut Child, stop: &Stop) -> io::Result<ExitStatus> {
    // It starts at 0, not at the present count: a signal that came before the child started has not
    // reached the child.
    let mut passed_on = 0;
    loop {
        // This check comes before the signals: another process may already have the number of an
        // ended process.
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.count() > passed_on {
            passed_on = stop.count();
            let name = stop.signal_name();
            let signal = if name == "TERM" { Signal::TERM } else { Signal::INT };
            if let Err(error) = kill_process(Pid::from_child(child), signal) {
                tracing::warn!("cannot pass SIG{name} on to process {}: {error}", child.id());
            }
        }
        thread::sleep(POLL);
    }
}

fn read(pipe: ChildStdout, stdout: Stdout) -> JoinHandle<Option<String>> {
    thread::spawn(move || {
        let mut last = None;
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if stdout == Stdout::Show {
                eprintln!("{line}");
            }
            if !line.trim().is_empty() {
                last = Some(line.trim().to_owned());
            }
        }
        last
    })
}

/// The exit code of `status`: the child's own, or 128 + the signal that ended it, as in a shell.
#[must_use]
pub fn code_of(status: ExitStatus) -> u8 {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => i32::from(exit::FAILED),
    };
    u8::try_from(code).unwrap_or(exit::FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, stop: &Stop, stdout: Stdout) -> ChildEnd {
        run(Command::new("sh").arg("-c").arg(script), stop, stdout).unwrap()
    }

    /// Catches: the report's directory is lost because an empty line follows it.
    #[test]
    fn the_last_line_is_the_result() {
        let ended = shell("echo one; echo two; echo", &Stop::manual(), Stdout::Keep);
        assert_eq!(ended.last_line.as_deref(), Some("two"));
        assert_eq!(code_of(ended.status), 0);
    }

    /// Catches: a child that was killed by a signal (for example, out of memory) is reported as
    /// code 0.
    #[test]
    fn codes_are_those_of_a_shell() {
        let code = |script| code_of(shell(script, &Stop::manual(), Stdout::Keep).status);
        assert_eq!(code("exit 75"), 75);
        assert_eq!(code("kill -s KILL $$"), 137);
        assert_eq!(code("kill -s TERM $$"), 143);
    }

    /// Catches: a signal to the pipeline alone leaves its child running, or a pipeline does not
    /// wait while the child saves.
    #[test]
    fn signals_are_passed_on_and_the_child_is_waited_for() {
        // A shell cannot trap a signal that it inherits as ignored, and this test may have been
        // started with SIGINT ignored. With a handler in this process, the child starts with the
        // default, as in `genie run`.
        let _handler = Stop::install_for_parent();
        let dir = tempfile::tempdir().unwrap();
        let ready = dir.path().join("ready");
        let stop = Stop::manual();
        let (requested, trapped) = (stop.clone(), ready.clone());
        let requesting = thread::spawn(move || {
            for _ in 0..3000 {
                if trapped.exists() {
                    break;
                }
                thread::sleep(POLL);
            }
            requested.request();
        });
        // The loop ends after a minute, so that a lost signal fails the test instead of hanging it.
        let script = format!(
            "trap 'sleep 0.2; echo saved; exit 130' INT; : > '{}'; \
             i=0; while [ $i -lt 1200 ]; do sleep 0.05; i=$((i + 1)); done",
            ready.display()
        );
        let ended = shell(&script, &stop, Stdout::Keep);
        requesting.join().unwrap();
        assert_eq!(ended.last_line.as_deref(), Some("saved"));
        assert_eq!(code_of(ended.status), 130);
    }
}
