//! Everything of an evaluation that takes time: features of the real clips, the models on all windows, and how fast they are. Stopped or
//! killed, it goes on after the last batch, and ends with the same numbers to the last bit, but for the speed.

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

pub use kept::discard;
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

/// What is to be measured.
pub struct Evaluation<'a> {
    pub model: &'a dyn WorldModel,
    pub windows: &'a [HeldOutWindow],
    /// Frames of each.
    pub frames: usize,
    /// Reads one as `[1, t, h, w, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<VideoBatch>,
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
    pub header: RowHeader,
    pub stop: &'a Stop,
}

/// What was found.
pub struct EvaluationResult {
    pub found: Measurement,
    pub distances: Vec<Distance>,
    pub speed: GenerationSpeed,
    /// A row a window.
    pub rows: Vec<MeasuredWindow>,
}

impl Evaluation<'_> {
    /// Does it. `None` when stopped on the way.
    ///
    /// # Errors
    /// When windows cannot be read, do not fit the models or the encoders, or cannot be kept.
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

    /// What generated clips will be compared with.
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

/// The progress bar and the stop flag, as whoever encodes real clips sees them.
struct ProgressObserver<'a> {
    progress: Progress,
    stop: &'a Stop,
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

/// The same, whoever wants the generated clips, and what is kept, as the measurement sees them.
struct BatchObserver<'a> {
    evaluation: &'a Evaluation<'a>,
    progress: Progress,
    collector: Option<FeatureCollector>,
    kept: KeptBatches,
}

impl BatchObserver<'_> {
    /// The rows of the windows from position `first` on, whose clips were generated.
    fn rows(&self, first: usize, scores: &[WindowScores]) -> Vec<MeasuredWindow> {
        let features = |index| {
            self.collector.as_ref().map_or_else(Vec::new, |collector| collector.features(index))
        };
        let windows = self.evaluation.windows.iter().enumerate().skip(first);
        windows
            .zip(scores)
            .map(|((index, window), scores)| {
                self.evaluation.header.row(window, scores, features(index))
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
