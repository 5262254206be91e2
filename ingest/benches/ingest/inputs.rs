//! The videos to measure on: made once by FFmpeg, kept in the cache directory.
//!
//! From real recordings of a platformer (SuperTux at 1280×720, 30 FPS, bot play) where `../shared/videos` has them, else
//! from FFmpeg's moving test picture with noise. x264, preset medium: three B-frames, references among them, a key frame
//! every 250 frames, as uploaded videos have it; BT.709 and limited range, said so in the file, so that nobody has to guess.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

/// Seconds of a short file.
pub const SHORT_SECONDS: u32 = 10;
/// The longer one is so many times as long.
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

/// Where the videos are and what they are cut from.
pub struct Inputs {
    dir: Utf8PathBuf,
    recordings: Vec<Utf8PathBuf>,
}

impl Inputs {
    pub fn new(cache: &Utf8Path) -> Result<Self> {
        let ffmpeg = Command::new("ffmpeg").arg("-version").output();
        ffmpeg
            .context("there is no ffmpeg to make the inputs and to compare with (on Debian: apt-get install ffmpeg)")?;
        let shared = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos/supertux");
        let mut recordings: Vec<Utf8PathBuf> = Vec::new();
        if let Ok(entries) = shared.read_dir_utf8() {
            recordings.extend(entries.flatten().map(|entry| entry.path().to_owned()));
        }
        recordings.retain(|path| path.extension() == Some("mp4"));
        recordings.sort();
        let dir = cache.join(if recordings.is_empty() { "test-picture" } else { "supertux" });
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {dir}"))?;
        Ok(Self { dir, recordings })
    }

    /// In words.
    pub fn origin(&self) -> String {
        match self.recordings.len() {
            0 => "FFmpeg's testsrc2, scrolling, with noise (no real recordings here)".to_owned(),
            count => format!("{count} recordings of SuperTux, 1280×720, 30 FPS"),
        }
    }

    /// A directory of `count` files of 640×360, ten seconds each, no two alike.
    pub fn short(&self, count: usize) -> Result<Utf8PathBuf> {
        let dir = self.dir.join(format!("short-{count}"));
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {dir}"))?;
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

    /// One 1280×720 file of so many seconds.
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

    /// The same, ten times in a row in one file.
    pub fn longer(&self, seconds: u32) -> Result<Utf8PathBuf> {
        let long = self.long(seconds)?;
        let path = self.dir.join(format!("longer-{seconds}.mp4"));
        let list = self.list("repeated.txt", (0..LONGER).map(|_| &long))?;
        self.make(&path, |ffmpeg| {
            ffmpeg.args(["-f", "concat", "-safe", "0", "-i", list.as_str(), "-c", "copy"]);
        })?;
        Ok(path)
    }

    /// The input of one file: a stretch of a recording that starts elsewhere than all others.
    fn cut(&self, ffmpeg: &mut Command, number: usize, size: &str) {
        if self.recordings.is_empty() {
            // The noise has the file's number as its seed.
            let moving = "scroll=horizontal=0.004,noise=alls=4:allf=t:all_seed=";
            let source = format!("testsrc2=size={size}:rate={FPS},{moving}{number}");
            ffmpeg.args(["-f", "lavfi", "-i", &source]);
            return;
        }
        let recording = &self.recordings[number % self.recordings.len()];
        // Steps of the golden ratio over the first 34 of 45 seconds: seeded by the number, spread evenly, at whole frames.
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

    /// Makes a file, unless it is there.
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
        std::fs::rename(&draft, path).with_context(|| format!("cannot put {path} in place"))
    }

    /// A list for FFmpeg's concat demuxer.
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
