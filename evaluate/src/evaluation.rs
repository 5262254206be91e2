//! All slow work of an evaluation: real clips, rollouts on all windows, and speed.
//!
//! An evaluation that is stopped or killed resumes after its last finished batch. The result is
//! equal to the last bit, except for the speed.

pub mod ceiling;
mod inferred;
mod kept;
mod rows;
#[cfg(test)]
mod tests;

use std::ops::Range;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{MeasuredWindow, WindowScores};
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

pub use inferred::Inference;
pub use kept::{discard, parts};
pub use rows::RowHeader;

use crate::distance::{Draws, Encoders, FeatureCollector, Groups, RealClips};
use crate::evaluation::kept::KeptBatches;
use crate::held_out::HeldOutWindow;
use crate::measure::{
    FrameDistance, Measurement, MeasurementInputs, MeasurementObserver, SPEED_RUNS, Settings,
    measure, speed,
};
use crate::report::schema::{Distance, GenerationSpeed};
use crate::world::{VideoBatch, WorldModel};

/// An evaluation to run.
pub struct Evaluation<'a> {
    pub model: &'a dyn WorldModel,
    pub windows: &'a [HeldOutWindow],
    /// Frames of each window.
    pub frames: usize,
    /// Reads a window as `[1, time, height, width, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<VideoBatch>,
    /// Mean frame of the training clips, `[height, width, 3]`, if there are training clips.
    pub mean_frame: Option<&'a [u8]>,
    /// LPIPS, if its weights are given.
    pub frame_distance: Option<&'a dyn FrameDistance>,
    /// Device that runs the models, as the report shows it.
    pub device: &'a str,
    pub settings: &'a Settings,
    /// Bootstrap draws for the intervals of distances.
    pub bootstrap: usize,
    /// Root of the dataset.
    pub root: &'a Utf8Path,
    /// Directory of the report.
    pub report: &'a Utf8Path,
    pub header: RowHeader,
    pub stop: &'a Stop,
}

/// The result of an evaluation.
pub struct EvaluationResult {
    pub found: Measurement,
    pub distances: Vec<Distance>,
    pub speed: GenerationSpeed,
    /// One row for each window.
    pub rows: Vec<MeasuredWindow>,
}

impl Evaluation<'_> {
    /// Runs the evaluation; `None` if it is stopped.
    ///
    /// `comparison` has the encoders of the distances. It is `None` if no distance can be measured.
    ///
    /// # Errors
    /// Fails if windows cannot be read, do not fit the models or the encoders, or cannot be stored.
    pub fn run(&self, comparison: Option<(Groups, Encoders)>) -> Result<Option<EvaluationResult>> {
        let mut collector = None;
        if let Some((groups, encoders)) = comparison {
            collector = self.real_clips(groups, encoders)?;
            if collector.is_none() {
                return Ok(None);
            }
        }
        let &Evaluation { windows, settings, header, .. } = &self;
        let due = settings.batches(windows.len()).filter(|batch| settings.keeps(batch));
        let features = collector.as_ref().map_or(0, FeatureCollector::dimension);
        let kept = KeptBatches::open(self.report, header, windows, due, features);
        let progress = Progress::new("evaluate", settings.work(0..windows.len()) as u64);
        let done = kept.batches();
        if !done.is_empty() {
            let count: usize = done.iter().map(Range::len).sum();
            tracing::info!("evaluate: {count} of {} windows are measured already", windows.len());
            progress
                .found(done.into_iter().map(|batch| settings.work(batch)).sum::<usize>() as u64);
        }
        let observer = BatchObserver { evaluation: self, progress, collector, kept };
        let &Evaluation { load, mean_frame, frame_distance, .. } = self;
        let inputs = MeasurementInputs { windows, load, mean_frame, frame_distance };
        let Some(found) = measure(self.model, &inputs, settings, &observer)? else {
            return Ok(None);
        };
        observer.progress.finish();
        let timing = ProgressObserver {
            progress: Progress::new("speed", SPEED_RUNS as u64),
            stop: self.stop,
        };
        let Some(speed) = speed(self.model, &inputs, settings, self.device, &timing)? else {
            return Ok(None);
        };
        timing.progress.finish();
        let rows = observer.rows(0, &found.scores);
        let draws = Draws { bootstrap: self.bootstrap, seed: settings.seed };
        let distances =
            observer.collector.map_or_else(Vec::new, |collector| collector.finish(draws));
        Ok(Some(EvaluationResult { found, distances, speed, rows }))
    }

    /// Computes the features of the real clips, or reads them from disk.
    fn real_clips(&self, groups: Groups, encoders: Encoders) -> Result<Option<FeatureCollector>> {
        let &Evaluation { windows, frames, load, root, .. } = self;
        let clips = RealClips { windows, frames, load, batch: self.settings.batch, root };
        let progress = Progress::new("real clips", (windows.len() * encoders.len()) as u64);
        FeatureCollector::begin(
            groups,
            encoders,
            &clips,
            &ProgressObserver { progress, stop: self.stop },
        )
    }
}

/// Passes on progress and stop requests.
pub struct ProgressObserver<'a> {
    pub progress: Progress,
    pub stop: &'a Stop,
}

impl MeasurementObserver for ProgressObserver<'_> {
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

/// Passes on progress, stop requests, generated clips, and finished batches of a measurement.
struct BatchObserver<'a> {
    evaluation: &'a Evaluation<'a>,
    progress: Progress,
    collector: Option<FeatureCollector>,
    kept: KeptBatches,
}

impl BatchObserver<'_> {
    /// Returns the rows of the windows from position `first` on, whose clips are generated.
    fn rows(&self, first: usize, scores: &[WindowScores]) -> Vec<MeasuredWindow> {
        let features = |index| {
            self.collector.as_ref().map_or_else(Vec::new, |collector| collector.features(index))
        };
        let windows = self.evaluation.windows.iter().enumerate().skip(first);
        windows
            .zip(scores)
            .map(|((index, window), scores)| {
                self.evaluation.header.row(index, window, scores, features(index))
            })
            .collect()
    }
}

impl MeasurementObserver for BatchObserver<'_> {
    fn advance(&self, count: usize) {
        self.progress.inc(count as u64);
    }

    fn stopped(&self) -> bool {
        self.evaluation.stop.requested()
    }

    fn generated(&self, clips: &VideoBatch) -> Result<()> {
        self.collector.as_ref().map_or(Ok(()), |collector| collector.add(clips))
    }

    fn kept(&self, batch: Range<usize>) -> Option<Vec<WindowScores>> {
        let rows = self.kept.take(batch.start)?;
        let take = |row: MeasuredWindow| {
            self.collector.iter().for_each(|collector| collector.take(&row.features));
            row.scores
        };
        Some(rows.into_iter().map(take).collect())
    }

    fn measured(&self, first: usize, scores: &[WindowScores]) -> Result<()> {
        self.kept.keep(first, &self.rows(first, scores))
    }
}
