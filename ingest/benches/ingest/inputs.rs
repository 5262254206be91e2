//! The input videos. FFmpeg makes them once, and the cache directory keeps them.
//!
//! The videos are cut from real recordings of a platformer (SuperTux at 1280×720, 30 FPS, bot play)
//! if `../shared/videos` has them. Otherwise they are FFmpeg's moving test picture with noise. The
//! encoder is x264, preset medium: three B-frames, references among them, a key frame every 250
//! frames, like uploaded videos. The files have tags for BT.709 and limited range, so no contender
//! has to guess.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

/// Seconds of a short file.
pub const SHORT_SECONDS: u32 = 10;
/// The longer file is this many times as long as the long one.
pub const LONGER: u32 = 10;
const FPS: u32 = 30;
const ENCODE: [&str; 17] = [
    "-an",
    "-c:v",
    "libx264",
    "-preset",
    "medium",
    "-crf",
    "23",
    "-pix_fmt",
    "yuv420p",
    "-colorspace",
    "bt709",
    "-color_primaries",
    "bt709",
    "-color_trc",
    "bt709",
    "-color_range",
    "tv",
];

/// Directory of the videos, and the recordings that they are cut from.
pub struct Inputs {
    dir: Utf8PathBuf,
    recordings: Vec<Utf8PathBuf>,
}

impl Inputs {
    pub fn new(cache: &Utf8Path) -> Result<Self> {
        let ffmpeg = Command::new("ffmpeg").arg("-version").output();
        ffmpeg.context(
            "cannot start ffmpeg, which makes the inputs and is measured too; install it \
             (Debian: apt-get install ffmpeg)",
        )?;
        let shared = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos/supertux");
        let mut recordings: Vec<Utf8PathBuf> = Vec::new();
        if let Ok(entries) = shared.read_dir_utf8() {
            recordings.extend(entries.flatten().map(|entry| entry.path().to_owned()));
        }
        recordings.retain(|path| path.extension() == Some("mp4"));
        recordings.sort();
        let dir = cache.join(if recordings.is_empty() { "test-picture" } else { "supertux" });
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {dir}"))?;
        Ok(Self { dir, recordings })
    }

    /// Describes the recordings.
    pub fn origin(&self) -> String {
        match self.recordings.len() {
            0 => "FFmpeg's testsrc2, scrolling, with noise (no real recordings found)".to_owned(),
            count => format!("{count} recordings of SuperTux, 1280×720, 30 FPS"),
        }
    }

    /// Makes a directory of `count` different files of 640×360 and ten seconds.
    pub fn short(&self, count: usize) -> Result<Utf8PathBuf> {
        let dir = self.dir.join(format!("short-{count}"));
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {dir}"))?;
        (0..count).into_par_iter().try_for_each(|number| {
            let path = dir.join(format!("clip-{number:03}.mp4"));
            self.make(&path, |ffmpeg| {
                self.cut(ffmpeg, number, "640x360");
                ffmpeg
                    .args(["-frames:v", &(SHORT_SECONDS * FPS).to_string(), "-threads", "1"])
                    .args(ENCODE);
            })
        })?;
        Ok(dir)
    }

    /// Makes one 1280×720 file of `seconds` seconds.
    pub fn long(&self, seconds: u32) -> Result<Utf8PathBuf> {
        let path = self.dir.join(format!("long-{seconds}.mp4"));
        let list = self.list("recordings.txt", self.recordings.iter())?;
        self.make(&path, |ffmpeg| {
            if self.recordings.is_empty() {
                self.cut(ffmpeg, 0, "1280x720");
            } else {
                ffmpeg.args(["-f", "concat", "-safe", "0", "-i", list.as_str()]);
            }
            ffmpeg.args(["-frames:v", &(seconds * FPS).to_string()]).args(ENCODE);
        })?;
        Ok(path)
    }

    /// Makes a file that repeats the long file ten times.
    pub fn longer(&self, seconds: u32) -> Result<Utf8PathBuf> {
        let long = self.long(seconds)?;
        let path = self.dir.join(format!("longer-{seconds}.mp4"));
        let list = self.list("repeated.txt", (0..LONGER).map(|_| &long))?;
        self.make(&path, |ffmpeg| {
            ffmpeg.args(["-f", "concat", "-safe", "0", "-i", list.as_str(), "-c", "copy"]);
        })?;
        Ok(path)
    }

    /// Adds the input arguments of one file. Every file starts at another time of a recording.
    fn cut(&self, ffmpeg: &mut Command, number: usize, size: &str) {
        if self.recordings.is_empty() {
            // The seed of the noise is the file's number.
            let moving = "scroll=horizontal=0.004,noise=alls=4:allf=t:all_seed=";
            let source = format!("testsrc2=size={size}:rate={FPS},{moving}{number}");
            ffmpeg.args(["-f", "lavfi", "-i", &source]);
            return;
        }
        let recording = &self.recordings[number % self.recordings.len()];
        // Steps of the golden ratio over the first 34 of 45 seconds spread the starts evenly. They
        // depend only on the number and fall on whole frames.
        let frame = (number as f64 * 0.618_034).fract() * 34.0 * f64::from(FPS);
        let start = format!("{:.6}", frame.floor() / f64::from(FPS));
        ffmpeg.args([
            "-ss",
            &start,
            "-i",
            recording.as_str(),
            "-vf",
            &format!("scale={}", size.replace('x', ":")),
        ]);
    }

    /// Makes a file, unless it exists.
    fn make(&self, path: &Utf8Path, arguments: impl FnOnce(&mut Command)) -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        eprintln!("making {}", path.strip_prefix(&self.dir).unwrap_or(path));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-y"]);
        arguments(&mut ffmpeg);
        let draft = path.with_extension("draft");
        let output =
            ffmpeg.args(["-f", "mp4", draft.as_str()]).output().context("cannot start ffmpeg")?;
        if !output.status.success() {
            bail!(
                "ffmpeg cannot make {path}: {}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        std::fs::rename(&draft, path).with_context(|| format!("cannot rename {draft} to {path}"))
    }

    /// Writes a list for FFmpeg's concat demuxer.
    fn list<'a>(
        &self,
        name: &str,
        files: impl Iterator<Item = &'a Utf8PathBuf>,
    ) -> Result<Utf8PathBuf> {
        let path = self.dir.join(name);
        let line =
            |file: &Utf8PathBuf| format!("file '{}'\n", file.as_str().replace('\'', "'\\''"));
        std::fs::write(&path, files.map(line).collect::<String>())
            .with_context(|| format!("cannot write {path}"))?;
        Ok(path)
    }
}
