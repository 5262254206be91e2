//! The decoder process: `genie-ingest decoder`, started by a supervisor only.
//!
//! It may crash, hang or be killed at any time. It only opens the requested file and only writes to
//! its stdout. Its memory is limited from the start. It ends when its stdin ends, even during a
//! hang in FFmpeg. So a killed supervisor leaves no process behind.

use std::io::{self, BufRead, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use genie_stage::Exit;
use genie_stage::stop::Stop;

use super::wire::{self, Request};
use crate::decode::{self, Event, Failure, Summary};
use crate::reject::{Reason, Reject};

/// Interval of the messages that show that the process is running, while there are no frames.
const ALIVE: Duration = Duration::from_secs(1);

/// Decodes the files that stdin requests until it ends, with at most `memory_mb` MiB of memory.
pub fn serve(memory_mb: u64) -> Result<Exit> {
    // Limit private writable memory, not address space: allocators reserve more space than they
    // use.
    rlimit::Resource::DATA
        .set(memory_mb << 20, memory_mb << 20)
        .context("cannot limit the memory of the decoder process")?;
    // Signals go to the supervisor. It ends this process by closing its stdin or by SIGKILL.
    let _ = Stop::install_for_parent();
    let (send, requests) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let request = line.ok().and_then(|line| serde_json::from_str::<Request>(&line).ok());
            let Some(request) = request else { break };
            if send.send(request).is_err() {
                break;
            }
        }
        std::process::exit(0)
    });
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for request in requests {
        let end = decode_one(&request, &mut out)?;
        wire::send_end(&mut out, &end)?;
    }
    Ok(Exit::Done)
}

/// Decodes one file. The outer error is an error of the pipe.
fn decode_one(request: &Request, out: &mut impl Write) -> Result<Result<Summary, Reject>> {
    let path = request.path();
    let mut said = Instant::now();
    let mut track_is_sent = false;
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        decode::decode(&path, request.format, request.threads, &mut |event| {
            match event {
                Event::Frame(track, frame) => {
                    if !track_is_sent {
                        wire::send_track(out, track)?;
                        track_is_sent = true;
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
