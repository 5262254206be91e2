//! The decoder process: `genie-ingest decoder`, started by a supervisor only.
//!
//! It may crash, hang or be killed at any time. It only reads the video that comes with a request,
//! and only writes to its stdout. Before it sees a video, it limits its memory and gives up its
//! rights ([`sandbox`]). It ends when its stdin ends, even during a hang in FFmpeg. So a killed
//! supervisor leaves no process behind.

use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use genie_stage::{Exit, stop};

use super::request::{self, Request};
use super::{sandbox, wire};
use crate::config::SandboxMode;
use crate::decode::{self, Event, Failure, Summary, Track, VideoFile};
use crate::reject::{Reason, Reject};

/// Interval of the messages that show that the process is running, while there are no frames.
const ALIVE: Duration = Duration::from_secs(1);

/// Decodes the files that come with requests on stdin, until it ends.
///
/// `memory_mb` limits the memory of the process in MiB, and `mode` its rights.
pub fn serve(memory_mb: u64, mode: SandboxMode) -> Result<Exit> {
    // Limit private writable memory, not address space: allocators reserve more space than they
    // use.
    rlimit::Resource::DATA
        .set(memory_mb << 20, memory_mb << 20)
        .context("cannot limit the memory of the decoder process")?;
    // Before the first thread starts, because later threads inherit what the first one lost.
    let confinement = sandbox::confine(mode);
    // Signals go to the supervisor. It ends this process by closing its stdin or by SIGKILL.
    stop::ignore_signals().context("cannot ignore signals in the decoder process")?;
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    wire::send_ready(&mut out, &confinement)?;
    if let Some(gap) = confinement.gap()
        && mode == SandboxMode::Required
    {
        return Err(anyhow!("the decoder process is not confined: {gap}"));
    }
    let (send, requests) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(Some(request)) = request::receive(io::stdin()) {
            if send.send(request).is_err() {
                break;
            }
        }
        std::process::exit(0)
    });
    for (request, file) in requests {
        let end = decode_one(&request, &file, &mut out)?;
        wire::send_end(&mut out, &end)?;
    }
    Ok(Exit::Done)
}

/// Decodes one file. The outer error is an error of the pipe.
fn decode_one(
    request: &Request,
    file: &VideoFile,
    out: &mut impl Write,
) -> Result<Result<Summary, Reject>> {
    let mut said = Instant::now();
    let mut sent: Option<Track> = None;
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        decode::decode(file, &request.options, &mut |event| {
            match event {
                Event::Frame(track, frame) => {
                    if sent.as_ref() != Some(track) {
                        wire::send_track(out, track)?;
                        sent = Some(track.clone());
                    }
                    wire::send_frame(out, &frame)?;
                }
                Event::Packet if said.elapsed() < ALIVE => return Ok(()),
                Event::Packet => wire::send_alive(out)?,
            }
            said = Instant::now();
            Ok(())
        })
    }));
    match decoded {
        Ok(Ok(summary)) => Ok(Ok(summary)),
        Ok(Err(Failure::Reject(reject))) => Ok(Err(reject)),
        Ok(Err(Failure::Fatal(error))) => Err(error),
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(panic.downcast_ref::<&str>().copied());
            let detail = format!("the decoder panicked: {}", message.unwrap_or("no message"));
            Ok(Err(Reject::new(Reason::DecoderCrashed, detail)))
        }
    }
}
