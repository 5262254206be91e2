//! The contenders that are programs: genie-ingest, and FFmpeg in its fastest arrangement.

use std::process::Command;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{Measurement, Memory, run};

pub const OURS: &str = "genie-ingest";
/// FFmpeg filters that equal the processing of ingest.
///
/// They sample by time first, so that only sampled frames are converted. Kernel, rounding, matrix
/// and range are the same.
const FILTER: &str = "setpts=PTS-STARTPTS,fps=10:round=up,\
    scale=160:90:flags=area+accurate_rnd+full_chroma_int:in_color_matrix=bt709:in_range=tv,\
    format=rgb24";

/// Where a contender writes its frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameOutput {
    /// One file of raw frames per video.
    Files,
    /// /dev/null.
    Nowhere,
}

/// Runs `genie-ingest run`, as installed, into an empty dataset.
pub fn ours(
    videos: &Utf8Path,
    root: &Utf8Path,
    threads: usize,
    memory: Memory,
) -> Result<Measurement> {
    let settings = [
        format!("data.root={root}"),
        format!("data.videos={}", serde_json::to_string(&[videos.as_str()])?),
        format!("ingest.threads={threads}"),
        "ingest.fps=10".to_owned(),
        "ingest.width=160".to_owned(),
        "ingest.height=90".to_owned(),
        // All contenders keep all frames, so this one crops and filters nothing. It still computes
        // scores.
        "ingest.aspect=stretch".to_owned(),
        "ingest.keep=".to_owned(),
        "ingest.near_duplicates=false".to_owned(),
        "ingest.min_frames=1".to_owned(),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_genie-ingest"));
    command.arg("run").args(settings.iter().flat_map(|setting| ["--set", setting]));
    run(&mut command, memory)
}

/// Runs one FFmpeg process per file, each with one thread, and one process per processor.
pub fn ffmpeg_files(
    videos: &Utf8Path,
    out: &Utf8Path,
    jobs: usize,
    sink: FrameOutput,
) -> Result<Measurement> {
    let target = match sink {
        FrameOutput::Files => "\"$2/{}.rgb\"",
        FrameOutput::Nowhere => "/dev/null",
    };
    let script = format!(
        "cd \"$1\" && ls | xargs -P {jobs} -I {{}} ffmpeg -nostdin -v error -y \
         -threads 1 -filter_threads 1 -i {{}} -vf {FILTER} -an -f rawvideo {target}"
    );
    run(
        Command::new("sh").args(["-c", &script, "sh", videos.as_str(), out.as_str()]),
        Memory::Ignored,
    )
}

/// Runs one FFmpeg process with several decoding threads.
pub fn ffmpeg_file(
    video: &Utf8Path,
    out: &Utf8Path,
    threads: usize,
    sink: FrameOutput,
    memory: Memory,
) -> Result<Measurement> {
    let target = match sink {
        FrameOutput::Files => raw(out, video),
        FrameOutput::Nowhere => "/dev/null".into(),
    };
    let mut command = Command::new("ffmpeg");
    command.args([
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-threads",
        &threads.to_string(),
        "-i",
        video.as_str(),
    ]);
    command.args(["-vf", FILTER, "-an", "-f", "rawvideo", target.as_str()]);
    run(&mut command, memory)
}

/// Returns the file of raw frames that a contender other than genie-ingest writes for a video.
pub fn raw(out: &Utf8Path, video: &Utf8Path) -> Utf8PathBuf {
    out.join(format!("{}.rgb", video.file_name().unwrap_or_default()))
}
