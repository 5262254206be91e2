//! Everything of an evaluation that takes time: features of the real clips, the models on all windows, and how fast they are. Stopped or
//! killed, it goes on after the last batch, and ends with the same numbers to the last bit, but for the speed.

use std::ops::Range;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{MeasuredWindow, WindowScores};
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use crate::distance::{Draws, Encoders, Gathering, Groups, RealClips};
use crate::measure::{Material, Measurement, Settings, Watch, Window, measure};
use crate::parts::Parts;
use crate::perceptual::FrameDistance;
use crate::report::{Distance, Speed};
use crate::rows::Stamp;
use crate::speed::{self, speed};
use crate::world::{Video, WorldModel};

/// What is to be measured.
pub struct Work<'a> {
    pub model: &'a dyn WorldModel,
    pub windows: &'a [Window],
    /// Frames of each.
    pub frames: usize,
    /// Reads one as `[1, t, h, w, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<Video>,
    /// The mean of training footage, where there is any.
    pub mean_frame: Option<&'a [u8]>,
    /// How different frames look, where somebody can tell.
    pub frame_distance: Option<&'a dyn FrameDistance>,
    /// Where the models run, for people.
    pub device: &'a str,
    pub settings: &'a Settings,
    /// Bootstrap draws for the intervals of distances.
    pub bootstrap: usize,
    /// The dataset.
    pub root: &'a Utf8Path,
    /// The report's directory.
    pub report: &'a Utf8Path,
    pub stamp: Stamp,
    pub stop: &'a Stop,
}

/// What was found.
pub struct Measured {
    pub found: Measurement,
    pub distances: Vec<Distance>,
    pub speed: Speed,
    /// A row a window.
    pub rows: Vec<MeasuredWindow>,
}

impl Work<'_> {
    /// Does it. `None` when stopped on the way.
    ///
    /// # Errors
    /// When windows cannot be read, do not fit the models or the encoders, or cannot be kept.
    pub fn run(&self, comparison: Option<(Groups, Encoders)>) -> Result<Option<Measured>> {
        let mut gathering = None;
        if let Some((groups, encoders)) = comparison {
            gathering = self.real_clips(groups, encoders)?;
            if gathering.is_none() {
                return Ok(None);
            }
        }
        let &Work { windows, settings, stamp, .. } = &self;
        let due = settings.batches(windows.len()).filter(|batch| settings.keeps(batch));
        let features = gathering.as_ref().map_or(0, Gathering::dimension);
        let parts = Parts::open(self.report, stamp, windows, due, features);
        let progress = Progress::new("evaluate", settings.work(0..windows.len()) as u64);
        let kept = parts.batches();
        if !kept.is_empty() {
            let count: usize = kept.iter().map(Range::len).sum();
            tracing::info!("evaluate: {count} of {} windows are measured already", windows.len());
            progress
                .found(kept.into_iter().map(|batch| settings.work(batch)).sum::<usize>() as u64);
        }
        let watch = Measuring { work: self, progress, gathering, parts };
        let &Work { load, mean_frame, frame_distance, .. } = self;
        let material = Material { windows, load, mean_frame, frame_distance };
        let Some(found) = measure(self.model, &material, settings, &watch)? else {
            return Ok(None);
        };
        watch.progress.finish();
        let timing =
            Reading { progress: Progress::new("speed", speed::WORK as u64), stop: self.stop };
        let Some(speed) = speed(self.model, &material, settings, self.device, &timing)? else {
            return Ok(None);
        };
        timing.progress.finish();
        let rows = watch.rows(0, &found.scores);
        let draws = Draws { bootstrap: self.bootstrap, seed: settings.seed };
        let distances = watch.gathering.map_or_else(Vec::new, |gathering| gathering.finish(draws));
        Ok(Some(Measured { found, distances, speed, rows }))
    }

    /// What generated clips will be compared with.
    fn real_clips(&self, groups: Groups, encoders: Encoders) -> Result<Option<Gathering>> {
        let &Work { windows, frames, load, root, .. } = self;
        let clips = RealClips { windows, frames, load, batch: self.settings.batch, root };
        let progress = Progress::new("real clips", (windows.len() * encoders.len()) as u64);
        Gathering::begin(groups, encoders, &clips, &Reading { progress, stop: self.stop })
    }
}

/// The progress bar and the stop flag, as whoever encodes real clips sees them.
struct Reading<'a> {
    progress: Progress,
    stop: &'a Stop,
}

impl Watch for Reading<'_> {
    fn advance(&self, count: usize) {
        self.progress.inc(count as u64);
    }

    fn found(&self, count: usize) {
        self.progress.found(count as u64);
    }

    fn stopped(&self) -> bool {
        self.stop.requested()
    }
}

/// The same, whoever wants the generated clips, and what is kept, as the measurement sees them.
struct Measuring<'a> {
    work: &'a Work<'a>,
    progress: Progress,
    gathering: Option<Gathering>,
    parts: Parts,
}

impl Measuring<'_> {
    /// The rows of the windows from position `first` on, whose clips were generated.
    fn rows(&self, first: usize, scores: &[WindowScores]) -> Vec<MeasuredWindow> {
        let features = |index| {
            self.gathering.as_ref().map_or_else(Vec::new, |gathering| gathering.features(index))
        };
        let windows = self.work.windows.iter().enumerate().skip(first);
        windows
            .zip(scores)
            .map(|((index, window), scores)| self.work.stamp.row(window, scores, features(index)))
            .collect()
    }
}

impl Watch for Measuring<'_> {
    fn advance(&self, count: usize) {
        self.progress.inc(count as u64);
    }

    fn stopped(&self) -> bool {
        self.work.stop.requested()
    }

    fn generated(&self, clips: &Video) -> Result<()> {
        self.gathering.as_ref().map_or(Ok(()), |gathering| gathering.add(clips))
    }

    fn kept(&self, batch: Range<usize>) -> Option<Vec<WindowScores>> {
        let rows = self.parts.take(batch.start)?;
        let take = |row: MeasuredWindow| {
            self.gathering.iter().for_each(|gathering| gathering.take(&row.features));
            row.scores
        };
        Some(rows.into_iter().map(take).collect())
    }

    fn measured(&self, first: usize, scores: &[WindowScores]) -> Result<()> {
        self.parts.keep(first, &self.rows(first, scores))
    }
}

#[cfg(test)]
mod tests;
