//! The times of a clip's frames: where the clip ends, and how many frames per second it has.
//!
//! At a fixed rate, a clip has a fixed number of frames. At the source's own rate, frames may be
//! unevenly spaced, and time stamps may be wrong:
//! - A clip ends after `ingest.clip_seconds` by its time stamps. It never has more frames than
//!   [`MAX_OWN_FPS`] allows, nor more bytes than a shard stores.
//! - A clip ends where the clock jumps, because nobody knows how long that step lasts.
//! - The rate is the mean over the clip. If the container's rate agrees, it is the container's,
//!   because time stamps in milliseconds are not exact.
//! - Scores and fingerprints see ten frames per second ([`scored`]). So conditions such as
//!   `static_share < 0.9` mean the same at every rate, and a copy of a clip at another rate has a
//!   near fingerprint.

use genie_shards::MAX_CLIP_BYTES;

use crate::config::{ClipFormat, MAX_OWN_FPS, SamplingRate, clip_frames};
use crate::decode::{MAX_GAP_SECONDS, MAX_REWIND_SECONDS};

/// Rate at which scores and fingerprints look at a clip of the source's own rate.
///
/// It is the default of `ingest.fps`, for which the thresholds were measured.
const SCORED_FPS: f64 = 10.0;

/// Rate of a clip whose container and time stamps tell nothing.
const UNKNOWN_FPS: f64 = 25.0;

/// The frames of a clip so far.
#[derive(Clone, Copy, Debug)]
pub struct FrameTimes {
    /// Presentation times of the first and the last frame.
    pub first: i64,
    pub last: i64,
    /// Number of frames, at least 1.
    pub frames: usize,
    pub time_base: (i32, i32),
}

impl FrameTimes {
    /// Returns whether a clip of the source's own rate ends before a frame at `next`.
    pub fn is_full(&self, next: i64, format: &ClipFormat) -> bool {
        let bytes = format.frame.width as usize * format.frame.height as usize * 3;
        let longest = clip_frames(format.clip_seconds, MAX_OWN_FPS);
        let step = self.seconds(self.last, next);
        // Time stamps are rounded or have jitter. With a quarter of a step, they do not decide
        // about the last frame at usual rates: neither if a clip has a whole number of frames, as
        // at 30 frames per second, nor if half a frame remains, as at 29.97.
        let length = self.seconds(self.first, next) + step / 4.0;
        self.frames >= longest.min(MAX_CLIP_BYTES / bytes.max(1))
            || length >= format.clip_seconds
            || step > MAX_GAP_SECONDS as f64
            || step <= -MAX_REWIND_SECONDS
    }

    /// Returns the frames per second of a clip at the source's own rate.
    ///
    /// `container` is the rate that the container states; 0 if it states none.
    pub fn own_fps(&self, container: f64) -> f64 {
        let steps = self.frames.saturating_sub(1) as f64;
        agreed(container, steps / self.seconds(self.first, self.last), 0.02)
    }

    fn seconds(&self, from: i64, to: i64) -> f64 {
        let (unit, per) = self.time_base;
        to.saturating_sub(from) as f64 * f64::from(unit.max(1)) / f64::from(per.max(1))
    }
}

/// Returns the frames per second of a source that shows `native` frames in a clip of `seconds`.
pub fn source_fps(container: f64, native: usize, seconds: f64) -> f64 {
    let native = native as f64;
    // At either end of the clip, one frame more or less may belong to it.
    agreed(container, native / seconds, (1.5 / native).max(0.02))
}

/// Returns the container's rate if the measured one is within a share `tolerance` of it.
///
/// Otherwise returns the measured rate, rounded to a thousandth.
fn agreed(container: f64, measured: f64, tolerance: f64) -> f64 {
    let possible = |fps: &f64| (0.001..=1000.0).contains(fps);
    let (container, measured) = (Some(container).filter(possible), Some(measured).filter(possible));
    match (container, measured) {
        (Some(container), Some(measured)) if (measured / container - 1.0).abs() > tolerance => {
            (measured * 1000.0).round() / 1000.0
        }
        (Some(container), _) => container,
        (None, Some(measured)) => (measured * 1000.0).round() / 1000.0,
        (None, None) => UNKNOWN_FPS,
    }
}

/// Returns the numbers of the frames that scores and fingerprints see, of a clip of `frames`.
pub fn scored(frames: usize, fps: f64, rate: SamplingRate) -> Vec<usize> {
    let stride = match rate {
        SamplingRate::Own => (fps / SCORED_FPS).max(1.0),
        SamplingRate::Fixed(_) => 1.0,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and the value is positive"
    )]
    let number = |index: usize| (index as f64 * stride).round() as usize;
    (0..frames).map(number).take_while(|&number| number < frames).collect()
}

/// Returns the rate of the frames that scores and fingerprints see, of a clip at `fps`.
pub fn scored_fps(fps: f64, rate: SamplingRate) -> f64 {
    match rate {
        SamplingRate::Own => fps.min(SCORED_FPS),
        SamplingRate::Fixed(_) => fps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IngestConfig;

    fn format(seconds: f64, width: u32) -> ClipFormat {
        let config =
            IngestConfig { fps: 0.0, clip_seconds: seconds, width, ..IngestConfig::default() };
        config.clip_format()
    }

    /// Cuts frames at `times` into clips, and returns the number of frames of each.
    fn lengths(times: &[i64], time_base: (i32, i32), format: ClipFormat) -> Vec<usize> {
        let mut clips: Vec<FrameTimes> = Vec::new();
        for &time in times {
            match clips.last_mut().filter(|clip| !clip.is_full(time, &format)) {
                Some(clip) => (clip.last, clip.frames) = (time, clip.frames + 1),
                None => clips.push(FrameTimes { first: time, last: time, frames: 1, time_base }),
            }
        }
        clips.iter().map(|clip| clip.frames).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "some seconds in milliseconds")]
    fn milliseconds(count: u32, fps: f64) -> Vec<i64> {
        (0..count).map(|frame| (f64::from(frame) * 1000.0 / fps).round() as i64).collect()
    }

    /// Catches: a clip has one frame too many or too few, or its length depends on rounded time
    /// stamps, so that two copies of a video have clips of different lengths.
    #[test]
    fn clips_have_their_length_in_seconds() {
        let exact: Vec<i64> = (0..500).map(|frame| frame * 1024).collect();
        assert_eq!(lengths(&exact, (1, 15_360), format(16.0, 64)), [240, 240, 20]);
        for fps in [59.94, 29.97, 23.976, 12.5] {
            let found = lengths(&milliseconds(4000, fps), (1, 1000), format(16.0, 64));
            let (_, whole) = found.split_last().unwrap();
            let expected = clip_frames(16.0, fps);
            assert!(whole.iter().all(|&frames| frames == expected), "{fps}: {found:?}");
        }
        // Four seconds at 30 frames per second, then at 5.
        let slower: Vec<i64> =
            (0..120).map(|i| i * 33).chain((0..40).map(|i| 4000 + i * 200)).collect();
        assert_eq!(lengths(&slower, (1, 1000), format(6.0, 64)), [130, 30]);
    }

    /// Catches: one file with equal, tiny or broken time stamps fills the memory with one clip, or
    /// a clip is larger than a shard can store.
    #[test]
    fn no_clip_grows_without_limit() {
        let still = vec![7; 2000];
        assert_eq!(lengths(&still, (1, 1000), format(4.0, 64)), [960, 960, 80]);
        let fast: Vec<i64> = (0..2000).collect();
        assert_eq!(lengths(&fast, (1, 1_000_000), format(4.0, 64)), [960, 960, 80]);
        let large = FrameTimes { first: 0, last: 0, frames: 485, time_base: (1, 1000) };
        assert!(large.is_full(1, &format(60.0, 8192)), "8192 × 90 × 3 bytes, 486 times");
        let jumps = [0, 33, 67, 100_000, 100_033, 5, 38, i64::MAX, i64::MIN];
        assert_eq!(lengths(&jumps, (1, 1000), format(16.0, 64)), [3, 2, 2, 1, 1]);
    }

    /// Catches: the rate of a clip is the container's although its frames come at another rate; a
    /// rate is infinite or zero; rounded time stamps give every clip another rate.
    #[test]
    fn the_rate_is_the_one_of_the_time_stamps() {
        let own = |last, frames, container| {
            let times = FrameTimes { first: 0, last, frames, time_base: (1, 1000) };
            Some(times.own_fps(container))
        };
        let ntsc = 60_000.0 / 1001.0;
        assert_eq!(own(250, 16, ntsc), Some(ntsc), "60.0 by the time stamps");
        assert_eq!(own(1000, 16, 60.0), Some(15.0), "the container is wrong");
        assert_eq!(own(1000, 16, 0.0), Some(15.0), "the container states nothing");
        assert_eq!(own(900, 8, 0.0), Some(7.778));
        assert_eq!(own(0, 16, 30.0), Some(30.0), "the time stamps are equal");
        assert_eq!(own(-5, 2, 0.0), Some(UNKNOWN_FPS));
        assert_eq!(own(0, 1, f64::INFINITY), Some(UNKNOWN_FPS));
        assert_eq!(Some(source_fps(15.0, 23, 1.6)), Some(15.0), "one frame less at the end");
        assert_eq!(Some(source_fps(90_000.0, 480, 16.0)), Some(30.0));
    }

    /// Catches: scores at 60 frames per second are those of a sixth of the motion; at a fixed rate
    /// they leave out frames.
    #[test]
    fn scores_see_ten_frames_per_second_of_the_own_rate() {
        let own = |frames, fps| scored(frames, fps, SamplingRate::Own);
        assert_eq!(own(19, 60.0), [0, 6, 12, 18]);
        assert_eq!(own(7, 15.0), [0, 2, 3, 5, 6]);
        assert_eq!(own(3, 5.0), [0, 1, 2]);
        assert_eq!(own(1, 1000.0), [0]);
        assert_eq!(scored(4, 60.0, SamplingRate::Fixed(60.0)), [0, 1, 2, 3]);
    }
}
