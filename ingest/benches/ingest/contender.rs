//! The contenders that are programs: ours, and the FFmpeg program in its best arrangement.

use std::process::Command;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{Measured, Memory, run};

pub const OURS: &str = "genie-ingest";
/// What ingest does to a picture, for the FFmpeg program: sampled by time first, so that only those frames are converted; then
/// with the same kernel, rounding, matrix and range.
const FILTER: &str = "setpts=PTS-STARTPTS,fps=10:round=up,\
    scale=160:90:flags=area+accurate_rnd+full_chroma_int:in_color_matrix=bt709:in_range=tv,format=rgb24";

/// Where a contender puts its frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sink {
    /// A file of raw frames each.
    Files,
    /// /dev/null.
    Nowhere,
}

/// `genie-ingest run` into an empty dataset, as installed: all of it.
pub fn ours(
    videos: &Utf8Path,
    root: &Utf8Path,
    threads: usize,
    memory: Memory,
) -> Result<Measured> {
    let settings = [
        format!("data.root={root}"),
        format!("data.videos={}", serde_json::to_string(&[videos.as_str()])?),
        format!("ingest.threads={threads}"),
        "ingest.fps=10".to_owned(),
        "ingest.width=160".to_owned(),
        "ingest.height=90".to_owned(),
        // All frames, as the others have them: nothing is cropped away or judged. (It is looked at and scored all the same.)
        "ingest.aspect=stretch".to_owned(),
        "ingest.keep=".to_owned(),
        "ingest.near_duplicates=false".to_owned(),
        "ingest.min_frames=1".to_owned(),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_genie-ingest"));
    command.arg("run").args(settings.iter().flat_map(|setting| ["--set", setting]));
    run(&mut command, memory)
}

/// One process of one thread a file, as many at once as there are processors.
pub fn ffmpeg_files(
    videos: &Utf8Path,
    out: &Utf8Path,
    jobs: usize,
    sink: Sink,
) -> Result<Measured> {
    let target = match sink {
        Sink::Files => "\"$2/{}.rgb\"",
        Sink::Nowhere => "/dev/null",
    };
    let script = format!(
        "cd \"$1\" && ls | xargs -P {jobs} -I {{}} ffmpeg -nostdin -v error -y -threads 1 -filter_threads 1 -i {{}} \
         -vf {FILTER} -an -f rawvideo {target}"
    );
    run(
        Command::new("sh").args(["-c", &script, "sh", videos.as_str(), out.as_str()]),
        Memory::Ignored,
    )
}

/// One process with several decoding threads.
pub fn ffmpeg_file(
    video: &Utf8Path,
    out: &Utf8Path,
    threads: usize,
    sink: Sink,
    memory: Memory,
) -> Result<Measured> {
    let target = match sink {
        Sink::Files => raw(out, video),
        Sink::Nowhere => "/dev/null".into(),
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

/// The file of raw frames that a contender other than ours makes of a video.
pub fn raw(out: &Utf8Path, video: &Utf8Path) -> Utf8PathBuf {
    out.join(format!("{}.rgb", video.file_name().unwrap_or_default()))
}
