//! Decodes untrusted videos in a separate process, which may crash, hang or use up its memory.
//!
//! A [`Worker`] keeps one decoder process and sends it one file after another. A file gets a reject
//! row (`decoder_crashed`, `timeout`) if the decoder dies, is silent for
//! `ingest.decoder.silence_s`, or needs more than `ingest.decoder.total_s`. The next file gets a
//! new decoder. A decoder that asks for more than `ingest.decoder.memory_mb` gets no more memory,
//! and FFmpeg reports a damaged file. The queue between the two processes is short, so neither runs
//! far ahead. The kernel confines a decoder to the file that it got ([`sandbox`]).

mod child;
mod process;
mod request;
mod sandbox;
mod wire;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use genie_stage::stop::Stop;

use crate::config::{DecoderLimits, FrameFormat, SandboxMode};
use crate::decode::{DecodeOptions, Failure, Summary};
use crate::reject::{Reason, Reject};
use process::{DecoderProcess, EXIT_WAIT, GivenUp, start_failure};

pub use child::serve;
pub use process::{COMMAND, FrameSink};

/// Supervises one decoder process at a time.
#[derive(Default)]
pub struct Worker {
    running: Option<DecoderProcess>,
    decoder_threads: usize,
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
        let options = DecodeOptions {
            format,
            threads: self.decoder_threads,
            max_pixels: limits.max_megapixels.saturating_mul(1_000_000),
        };
        let (request, file) = request::open(path, options).map_err(Failure::Reject)?;
        let mut running = self.take(format, limits)?;
        let given_up = match running.send(&request, &file) {
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
        if !running.is_ready() {
            return Err(Failure::Fatal(start_failure(status)));
        }
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

    fn take(
        &mut self,
        format: FrameFormat,
        limits: &DecoderLimits,
    ) -> anyhow::Result<DecoderProcess> {
        let frame_bytes = format.width as usize * format.height as usize * 3;
        match self.running.take() {
            Some(running) if running.frame_bytes() == frame_bytes => Ok(running),
            _ => DecoderProcess::start(frame_bytes, limits),
        }
    }
}

/// Returns an error if the config requires a sandbox and the kernel cannot confine a decoder.
pub fn check_sandbox(limits: &DecoderLimits, stop: &Stop) -> anyhow::Result<()> {
    if limits.sandbox == SandboxMode::Required {
        DecoderProcess::start(0, limits)?.wait_until_ready(limits, stop)?;
    }
    Ok(())
}
