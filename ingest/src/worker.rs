//! Decodes untrusted videos in a separate process, which may crash, hang or use up its memory.
//!
//! A [`Worker`] keeps one decoder process and sends it one file after another. A file gets a reject
//! row (`decoder_crashed`, `timeout`) if the decoder dies, is silent for
//! `ingest.decoder.silence_s`, or needs more than `ingest.decoder.total_s`. The next file gets a
//! new decoder. A decoder that asks for more than `ingest.decoder.memory_mb` gets no more memory,
//! and FFmpeg reports a damaged file. The queue between the two processes is short, so neither runs
//! far ahead.

mod child;
mod wire;

use std::io::{self, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use genie_stage::stop::Stop;

use crate::config::{DecoderLimits, FrameFormat};
use crate::decode::{Failure, Sampled, Summary, Track};
use crate::reject::{Reason, Reject};
use wire::{Message, Request};

pub use child::serve;

/// The subcommand that runs [`serve`].
pub const COMMAND: &str = "decoder";

/// Largest number of messages that wait for the supervisor.
const QUEUE: usize = 16;
/// How often the supervisor checks for a stop request.
const POLL: Duration = Duration::from_millis(100);
/// How long the supervisor waits for a broken decoder to exit.
const EXIT_WAIT: Duration = Duration::from_secs(2);

/// The callback that receives the frames. If it returns an error, the whole run ends.
pub type FrameSink<'a> = dyn FnMut(&Track, &Sampled<'_>) -> anyhow::Result<()> + 'a;

/// Supervises one decoder process at a time.
#[derive(Default)]
pub struct Worker {
    running: Option<Running>,
    decoder_threads: usize,
}

struct Running {
    process: Child,
    requests: ChildStdin,
    messages: Receiver<io::Result<Message>>,
    /// Bytes of a frame that the process was started for.
    frame_bytes: usize,
}

/// Why the supervisor ended the decoding of a file.
enum GivenUp {
    Silent(Duration),
    TooLong(Duration),
    Died,
}

impl Worker {
    /// Sets the number of threads of the decoder, from the next file on; 0 means 1.
    pub fn set_decoder_threads(&mut self, threads: usize) {
        self.decoder_threads = threads;
    }

    /// Decodes a video in the decoder process and passes each sampled frame to `sink`.
    pub fn decode(
        &mut self,
        path: &Path,
        format: FrameFormat,
        limits: &DecoderLimits,
        stop: &Stop,
        sink: &mut FrameSink<'_>,
    ) -> Result<Summary, Failure> {
        let mut running = self.take(format, limits.memory_mb)?;
        let request = serde_json::to_string(&Request::new(path, format, self.decoder_threads))
            .map_err(anyhow::Error::from)?;
        let given_up =
            match writeln!(running.requests, "{request}").and_then(|()| running.requests.flush()) {
                Ok(()) => match running.listen(limits, stop, sink)? {
                    Ok(end) => {
                        self.running = Some(running);
                        return end.map_err(Failure::Reject);
                    }
                    Err(given_up) => given_up,
                },
                Err(_) => GivenUp::Died,
            };
        let patience = if matches!(given_up, GivenUp::Died) { EXIT_WAIT } else { Duration::ZERO };
        let status = running.end(patience).context("cannot end the decoder process")?;
        // A signal to the process group may have ended the decoder before it ignored signals.
        stop.check()?;
        let reject = match given_up {
            GivenUp::Silent(time) => Reject::new(
                Reason::Timeout,
                format!("the decoder was silent for {} s", time.as_secs()),
            ),
            GivenUp::TooLong(time) => Reject::new(
                Reason::Timeout,
                format!("decoding took more than {} s", time.as_secs()),
            ),
            GivenUp::Died => Reject::new(
                Reason::DecoderCrashed,
                format!("the decoder process ended with {status}"),
            ),
        };
        Err(Failure::Reject(reject))
    }

    fn take(&mut self, format: FrameFormat, memory_mb: u64) -> anyhow::Result<Running> {
        let frame_bytes = format.width as usize * format.height as usize * 3;
        match self.running.take() {
            Some(running) if running.frame_bytes == frame_bytes => Ok(running),
            _ => Running::start(frame_bytes, memory_mb),
        }
    }
}

impl Running {
    fn start(frame_bytes: usize, memory_mb: u64) -> anyhow::Result<Self> {
        let this = std::env::current_exe()
            .context("cannot find the path of this binary, which the decoder process needs")?;
        let verbose = tracing::enabled!(tracing::Level::TRACE);
        let mut process = Command::new(this)
            .args([COMMAND, "--memory-mb", &memory_mb.to_string()])
            .args(verbose.then_some("-vv"))
            .stdin(Stdio::piped())
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
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(anyhow!("the decoder process has no pipes"));
        };
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
        Ok(Self { process, requests, messages, frame_bytes })
    }

    /// Takes messages until the end of the file.
    ///
    /// The outer error ends the run. The inner errors are the decoder's.
    fn listen(
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
            let asked = Instant::now();
            let message = loop {
                stop.check()?;
                match self.messages.recv_timeout(POLL) {
                    Ok(message) => break message,
                    Err(RecvTimeoutError::Timeout) if asked.elapsed() > silence => {
                        return Ok(Err(GivenUp::Silent(silence)));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(Err(GivenUp::Died)),
                }
            };
            match message {
                Ok(Message::Track(found)) => track = Some(found),
                Ok(Message::Frame(frame)) => {
                    let Some(track) = &track else { return Ok(Err(GivenUp::Died)) };
                    sink(track, &frame.sampled())?;
                }
                Ok(Message::Alive) => {}
                Ok(Message::Done(summary)) => return Ok(Ok(Ok(summary))),
                Ok(Message::Reject(reject)) => return Ok(Ok(Err(reject))),
                Err(error) => {
                    tracing::debug!("the decoder process ended early: {error}");
                    return Ok(Err(GivenUp::Died));
                }
            }
            if begun.elapsed() > total {
                return Ok(Err(GivenUp::TooLong(total)));
            }
        }
    }

    /// Returns the exit status. Kills the process if it does not end in time.
    fn end(&mut self, patience: Duration) -> io::Result<ExitStatus> {
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

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
