//! One step as a child process: its output, its signals, its end.
//!
//! stderr is the child's to draw its progress on. stdout is read here, because the pipeline's own stdout holds only
//! its result: the lines are kept, and shown on stderr unless they are the result.
//!
//! Every signal that comes while the child runs is passed on to it, and the child is waited for: it decides when it
//! has saved. On a terminal Ctrl-C reaches it as well by itself; the child takes the second one, a moment later, for
//! the echo that it is (see `genie_stage::stop`).

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use genie_stage::exit;
use genie_stage::stop::Stop;

/// How often the child and the signals are looked at: below what a person notices, above what a CPU does.
const POLL: Duration = Duration::from_millis(20);

/// What becomes of the lines that a step prints on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Shown on stderr as they come.
    Show,
    /// Kept quiet: they are the result.
    Keep,
}

/// How a step ended.
#[derive(Debug)]
pub struct ChildEnd {
    pub status: ExitStatus,
    /// The last line on stdout that was not empty.
    pub last_line: Option<String>,
}

/// Runs `command` to its end, passing on to it every signal that `stop` receives meanwhile.
pub fn run(command: &mut Command, stop: &Stop, stdout: Stdout) -> io::Result<ChildEnd> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let reader = child.stdout.take().map(|pipe| read(pipe, stdout));
    let status = wait(&mut child, stop)?;
    let last_line = reader.and_then(|reader| reader.join().ok()).flatten();
    Ok(ChildEnd { status, last_line })
}

fn wait(child: &mut Child, stop: &Stop) -> io::Result<ExitStatus> {
    // A signal from before the child was there is none that it has seen.
    let mut passed_on = 0;
    loop {
        // Looked at before the signals: a process that is gone must not be signalled, its number may be another's.
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.count() > passed_on {
            passed_on = stop.count();
            send(stop.signal_name(), child.id());
        }
        thread::sleep(POLL);
    }
}

/// Sends a signal, by the shell's built-in `kill`: the standard library cannot, and this workspace denies `unsafe`.
fn send(signal: &str, process: u32) {
    let sent = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -s {signal} {process}"))
        .stderr(Stdio::null())
        .status();
    if let Err(error) = sent {
        tracing::warn!("cannot pass SIG{signal} on to process {process}: {error}");
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

/// The exit code that stands for `status`: the child's own, or the one a shell gives for the signal that ended it.
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

    /// Would catch: the report's directory being lost behind an empty line.
    #[test]
    fn the_last_line_is_the_result() {
        let ended = shell("echo one; echo two; echo", &Stop::manual(), Stdout::Keep);
        assert_eq!(ended.last_line.as_deref(), Some("two"));
        assert_eq!(code_of(ended.status), 0);
    }

    /// Would catch: a child killed by a signal (out of memory, say) being reported as success or as code 0.
    #[test]
    fn codes_are_those_of_a_shell() {
        let code = |script| code_of(shell(script, &Stop::manual(), Stdout::Keep).status);
        assert_eq!(code("exit 75"), 75);
        assert_eq!(code("kill -s KILL $$"), 137);
        assert_eq!(code("kill -s TERM $$"), 143);
    }

    /// Would catch: a SIGTERM to the pipeline alone leaving its child running, or not waiting while it saves.
    #[test]
    fn signals_are_passed_on_and_the_child_is_waited_for() {
        let stop = Stop::manual();
        let asker = stop.clone();
        let asking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            asker.request();
        });
        let script = "trap 'sleep 0.2; echo saved; exit 130' INT; while :; do sleep 0.05; done";
        let ended = shell(script, &stop, Stdout::Keep);
        asking.join().unwrap();
        assert_eq!(ended.last_line.as_deref(), Some("saved"));
        assert_eq!(code_of(ended.status), 130);
    }
}
