//! Everything of an evaluation that takes time: features of the real clips, the models on all windows, and how fast they are.

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::MeasuredWindow;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use crate::distance::{Draws, Encoders, Gathering, Groups, RealClips};
use crate::measure::{Material, Measurement, Settings, Watch, Window, measure};
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
    /// When windows cannot be read, or do not fit the models or the encoders.
    pub fn run(&self, comparison: Option<(Groups, Encoders)>) -> Result<Option<Measured>> {
        let &Work { windows, settings, .. } = self;
        let mut gathering = None;
        if let Some((groups, encoders)) = comparison {
            let clips =
                RealClips { windows, frames: self.frames, load: self.load, batch: settings.batch, root: self.root };
            let watch = self.shown("real clips", windows.len() * encoders.len(), None);
            gathering = Gathering::begin(groups, encoders, &clips, &watch)?;
            watch.progress.finish();
            if gathering.is_none() {
                return Ok(None);
            }
        }
        let watch = self.shown("evaluate", settings.work(windows.len()), gathering);
        let &Work { load, mean_frame, frame_distance, .. } = self;
        let material = Material { windows, load, mean_frame, frame_distance };
        let Some(found) = measure(self.model, &material, settings, &watch)? else { return Ok(None) };
        watch.progress.finish();
        let timing = self.shown("speed", speed::WORK, None);
        let Some(speed) = speed(self.model, &material, settings, self.device, &timing)? else { return Ok(None) };
        timing.progress.finish();
        let all = windows.iter().zip(&found.scores).enumerate();
        let rows = all.map(|(index, (window, scores))| self.stamp.row(window, scores, watch.features(index))).collect();
        let draws = Draws { bootstrap: self.bootstrap, seed: settings.seed };
        let distances = watch.gathering.map_or_else(Vec::new, |gathering| gathering.finish(draws));
        Ok(Some(Measured { found, distances, speed, rows }))
    }

    fn shown(&self, label: &str, work: usize, gathering: Option<Gathering>) -> Shown {
        Shown { progress: Progress::new(label, work as u64), stop: self.stop.clone(), gathering }
    }
}

/// The progress bar, the stop flag and whoever wants the generated clips, as the measurement sees them.
struct Shown {
    progress: Progress,
    stop: Stop,
    gathering: Option<Gathering>,
}

impl Shown {
    /// Features of the generated clip of a window; none where nobody wants them.
    fn features(&self, index: usize) -> Vec<f32> {
        self.gathering.as_ref().map_or_else(Vec::new, |gathering| gathering.features(index))
    }
}

impl Watch for Shown {
    fn advance(&self, count: usize) {
        self.progress.inc(count as u64);
    }

    fn stopped(&self) -> bool {
        self.stop.requested()
    }

    fn generated(&self, clips: &Video) -> Result<()> {
        self.gathering.as_ref().map_or(Ok(()), |gathering| gathering.add(clips))
    }
}
