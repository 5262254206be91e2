//! A clip as a video file, with the times of its frames.

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{ClipMeta, Frames};

use crate::export::encode::{Coding, VideoFormat, VideoWriter};

/// Unit of the times of a clip without usable times of its own.
const FINE: i32 = 90_000;

/// The times of a clip's frames in its video. The first one is 0.
pub struct VideoTimes {
    /// Unit: numerator and denominator, in seconds.
    pub time_base: (i32, i32),
    pub time_stamps: Vec<i64>,
    /// They are the times of the frames in the source, so their distances may differ.
    pub of_source: bool,
}

impl VideoTimes {
    /// The times in the source if each frame has its own, else regular times at the clip's rate.
    ///
    /// A clip repeats a frame if its source has few, and both frames have the same source time.
    pub fn of(clip: &ClipMeta) -> Self {
        let increase = clip.frame_pts.windows(2).all(|pair| pair[0] < pair[1]);
        let first = clip.frame_pts.first().copied().unwrap_or_default();
        if increase && clip.time_base.0 > 0 && clip.time_base.1 > 0 {
            let time_stamps = clip.frame_pts.iter().map(|time| time.saturating_sub(first));
            return Self {
                time_base: clip.time_base,
                time_stamps: time_stamps.collect(),
                of_source: true,
            };
        }
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
        let time = |frame: usize| (frame as f64 * f64::from(FINE) / clip.fps).round() as i64;
        Self {
            time_base: (1, FINE),
            time_stamps: (0..clip.frame_count()).map(time).collect(),
            of_source: false,
        }
    }

    /// The times in seconds.
    pub fn seconds(&self) -> impl Iterator<Item = f64> {
        let unit = f64::from(self.time_base.0) / f64::from(self.time_base.1);
        self.time_stamps.iter().map(move |&time| time as f64 * unit)
    }

    /// The mean distance of two frames; for a single frame, its length at the clip's rate.
    fn step(&self, fps: f64) -> i64 {
        let steps = i64::try_from(self.time_stamps.len()).unwrap_or(i64::MAX) - 1;
        let last = self.time_stamps.last().copied().unwrap_or_default();
        let single = f64::from(self.time_base.1) / f64::from(self.time_base.0) / fps;
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
        let step = if steps > 0 { last / steps } else { single as i64 };
        step.max(1)
    }
}

/// Encodes a clip to the file `path`, which is not yet synced.
pub fn encode(path: &Utf8Path, clip: &ClipMeta, frames: &Frames, coding: Coding) -> Result<()> {
    let times = VideoTimes::of(clip);
    let format = VideoFormat {
        width: frames.width,
        height: frames.height,
        coding,
        time_base: times.time_base,
        step: times.step(clip.fps),
    };
    let write = || {
        let mut video = VideoWriter::create(path, format)?;
        for (frame, &time_stamp) in times.time_stamps.iter().enumerate() {
            video.push(frames.frame(frame).unwrap_or_default(), time_stamp)?;
        }
        video.finish()
    };
    write().with_context(|| format!("cannot export clip {}", clip.clip_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(frame_pts: &[i64]) -> ClipMeta {
        let frame_pts = frame_pts.to_vec();
        ClipMeta { frame_pts, time_base: (1001, 30_000), fps: 10.0, ..ClipMeta::default() }
    }

    /// Catches: a variable frame rate becomes a constant one; times do not begin at 0; a repeated
    /// frame gives two frames at one time, which no video can contain.
    #[test]
    fn times_are_those_of_the_source_if_they_increase() {
        let variable = VideoTimes::of(&clip(&[7, 10, 12, 16]));
        assert_eq!(
            (variable.time_stamps.as_slice(), variable.of_source),
            (&[0, 3, 5, 9][..], true)
        );
        assert_eq!((variable.time_base, variable.step(10.0)), ((1001, 30_000), 3));
        let repeated = VideoTimes::of(&clip(&[7, 10, 10, 16]));
        assert_eq!(repeated.seconds().collect::<Vec<_>>(), [0.0, 0.1, 0.2, 0.3]);
        assert!(!repeated.of_source);
        assert_eq!(VideoTimes::of(&clip(&[5])).step(10.0), 2, "2.997 thirtieths");
    }
}
