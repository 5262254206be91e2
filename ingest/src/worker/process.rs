//! One decoder process, as its supervisor sees it: start, requests, messages, end.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use genie_stage::stop::{Stop, Stopped};

use super::request::{self, Request};
use super::sandbox::Confinement;
use super::wire::{self, Message};
use crate::config::{DecoderLimits, SandboxMode};
use crate::decode::{Failure, Sampled, Summary, Track, close_on_exec, set_pipe_size};
use crate::reject::Reject;

/// The subcommand that runs [`super::serve`].
pub const COMMAND: &str = "decoder";

/// Largest number of messages that wait for the supervisor.
const QUEUE: usize = 16;
/// Size of the pipe with the messages, in bytes. The kernel allows no more by default.
const PIPE_BYTES: i32 = 1 << 20;
/// How often the supervisor checks for a stop request.
const POLL: Duration = Duration::from_millis(100);
/// How long the supervisor waits for a broken decoder to exit.
pub const EXIT_WAIT: Duration = Duration::from_secs(2);

/// The callback that receives the frames. If it returns an error, the whole run ends.
pub type FrameSink<'a> = dyn FnMut(&Track, &Sampled<'_>) -> anyhow::Result<()> + 'a;

/// A running decoder process. Dropping it kills the process.
pub struct DecoderProcess {
    process: Child,
    requests: OwnedFd,
    messages: Receiver<io::Result<Message>>,
    frame_bytes: usize,
    sandbox: SandboxMode,
    /// The process has confined itself and takes requests.
    ready: bool,
}

/// Why the supervisor ended the decoding of a file.
pub enum GivenUp {
    Silent(Duration),
    TooLong(Duration),
    Died,
}

impl DecoderProcess {
    /// Starts a process for frames of `frame_bytes` bytes.
    pub fn start(frame_bytes: usize, limits: &DecoderLimits) -> anyhow::Result<Self> {
        let this = std::env::current_exe()
            .context("cannot find the path of this binary, which the decoder process needs")?;
        let verbose = tracing::enabled!(tracing::Level::TRACE);
        let (requests, theirs) =
            request::channel().context("cannot make a socket for the decoder process")?;
        // A kernel without the call has no Landlock either, so the run warns or ends anyway.
        let _ = close_on_exec();
        let mut process = Command::new(this)
            .args([COMMAND, "--memory-mb", &limits.memory_mb.to_string()])
            .args(["--sandbox", limits.sandbox.name()])
            .args(verbose.then_some("-vv"))
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            // The catalog records a crash. The decoder's stderr helps only at the highest
            // verbosity.
            .stderr(if verbose { Stdio::inherit() } else { Stdio::null() })
            // mimalloc would reserve a gigabyte in one piece, which may be more than a decoder's
            // limit.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            // Ctrl-C is for the supervisor. A decoder that it ended would look like a crash.
            .process_group(0)
            .spawn()
            .context("cannot start the decoder process")?;
        let answers = process.stdout.take().context("the decoder process has no pipe")?;
        // With a pipe of the usual size, the two processes wake each other at every frame.
        let _ = set_pipe_size(&answers, PIPE_BYTES);
        let (send, messages) = mpsc::sync_channel(QUEUE);
        thread::spawn(move || {
            let mut answers = BufReader::with_capacity(1 << 20, answers);
            loop {
                let message = wire::receive(&mut answers, frame_bytes);
                let last = message.is_err();
                if send.send(message).is_err() || last {
                    break;
                }
            }
        });
        let sandbox = limits.sandbox;
        Ok(Self { process, requests, messages, frame_bytes, sandbox, ready: false })
    }

    /// Bytes of a frame that the process was started for.
    pub fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Asks the process to decode an open file.
    pub fn send(&self, request: &Request, file: &File) -> io::Result<()> {
        request::send(&self.requests, request, file)
    }

    /// Waits until the process has confined itself as far as the config demands.
    pub fn wait_until_ready(&mut self, limits: &DecoderLimits, stop: &Stop) -> anyhow::Result<()> {
        let silence = Duration::from_secs(limits.silence_s);
        if let Ok(Message::Ready(confinement)) = self.next(silence, stop)? {
            return self.become_ready(&confinement);
        }
        let status = self.end(EXIT_WAIT)?;
        stop.check()?;
        Err(start_failure(status))
    }

    /// Takes messages until the end of the file.
    ///
    /// The outer error ends the run. The inner errors are the decoder's.
    pub fn listen(
        &mut self,
        limits: &DecoderLimits,
        stop: &Stop,
        sink: &mut FrameSink<'_>,
    ) -> Result<Result<Result<Summary, Reject>, GivenUp>, Failure> {
        let silence = Duration::from_secs(limits.silence_s);
        let total = Duration::from_secs(limits.total_s);
        let begun = Instant::now();
        let mut track = None;
        loop {
            match self.next(silence, stop)? {
                Ok(Message::Ready(confinement)) => self.become_ready(&confinement)?,
                Ok(Message::Track(found)) => track = Some(found),
                Ok(Message::Frame(frame)) => {
                    let Some(track) = &track else { return Ok(Err(GivenUp::Died)) };
                    sink(track, &frame.sampled())?;
                }
                Ok(Message::Alive) => {}
                Ok(Message::Done(summary)) => return Ok(Ok(Ok(summary))),
                Ok(Message::Reject(reject)) => return Ok(Ok(Err(reject))),
                Err(given_up) => return Ok(Err(given_up)),
            }
            if begun.elapsed() > total {
                return Ok(Err(GivenUp::TooLong(total)));
            }
        }
    }

    /// Waits for the next message, but not longer than `silence`.
    fn next(&self, silence: Duration, stop: &Stop) -> Result<Result<Message, GivenUp>, Stopped> {
        let asked = Instant::now();
        loop {
            stop.check()?;
            match self.messages.recv_timeout(POLL) {
                Ok(Ok(message)) => return Ok(Ok(message)),
                Ok(Err(error)) => {
                    tracing::debug!("the decoder process ended early: {error}");
                    return Ok(Err(GivenUp::Died));
                }
                Err(RecvTimeoutError::Timeout) if asked.elapsed() > silence => {
                    return Ok(Err(GivenUp::Silent(silence)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Err(GivenUp::Died)),
            }
        }
    }

    /// Warns once in a run if the kernel cannot confine the process, or returns an error.
    fn become_ready(&mut self, confinement: &Confinement) -> anyhow::Result<()> {
        static WARNED: Once = Once::new();
        self.ready = true;
        let Some(gap) = confinement.gap() else { return Ok(()) };
        if self.sandbox == SandboxMode::Required {
            return Err(anyhow!(
                "cannot confine the decoder process, and ingest.decoder.sandbox is \"required\": \
                 {gap}; use a Linux kernel with Landlock and seccomp, or set it to \"on\""
            ));
        }
        WARNED.call_once(|| {
            tracing::warn!(
                "the decoder processes are not fully confined: {gap}. A hostile video could use \
                 more rights of this user. Use a Linux kernel with Landlock and seccomp, or set \
                 ingest.decoder.sandbox to \"off\" to decode without this warning"
            );
        });
        Ok(())
    }

    /// Whether the process may have seen a video.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Returns the exit status. Kills the process if it does not end in time.
    pub fn end(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.process.kill()?;
        self.process.wait()
    }
}

/// The error of a process that ended before it saw a video, so that no video is at fault.
pub fn start_failure(status: ExitStatus) -> anyhow::Error {
    let advice = if status.signal() == Some(libc::SIGSYS) {
        "a filter of system calls ended it: allow seccomp, landlock_create_ruleset and \
         landlock_restrict_self, for instance in SystemCallFilter of the systemd unit"
    } else {
        "run with -vv to see its messages"
    };
    anyhow!("the decoder process ended with {status} before it saw a video; {advice}")
}

impl Drop for DecoderProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
