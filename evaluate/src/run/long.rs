//! The long rollouts of a report: which clips, with progress, stop and resume.

use anyhow::Result;
use camino::Utf8Path;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use genie_training::EvaluateConfig;

use crate::distance::{Draws, Encoders};
use crate::evaluation::{ProgressObserver, parts};
use crate::held_out::{HeldOutSet, LongClip};
use crate::long::{
    KeptJobs, LongInputs, LongSettings, LongStrip, LongSummary, long_work, measure_long, opposites,
    summarise_long,
};
use crate::measure::FrameDistance;
use crate::report::schema::{Effects, LongRollouts};
use crate::world::WorldModel;

/// What the long rollouts of a report need.
pub struct LongRun<'a> {
    pub model: &'a dyn WorldModel,
    pub held_out: &'a HeldOutSet,
    pub config: &'a EvaluateConfig,
    pub settings: LongSettings,
    pub encoders: &'a Encoders,
    pub mean_frame: Option<&'a [u8]>,
    pub frame_distance: Option<&'a dyn FrameDistance>,
    /// Effects of the latent actions, which say which actions are opposite.
    pub effects: Option<&'a Effects>,
    /// Directory of the report.
    pub report: &'a Utf8Path,
    pub stop: &'a Stop,
}

/// The section of the report, and what its pictures need.
#[derive(Default)]
pub struct LongResult {
    pub section: Option<LongRollouts>,
    pub clips: Vec<LongClip>,
    pub strips: Vec<LongStrip>,
    pub warnings: Vec<String>,
}

impl LongRun<'_> {
    /// Runs all long rollouts; `None` if it is stopped.
    ///
    /// There is no section if they are turned off, or if no held-out clip is longer than a window.
    ///
    /// # Errors
    /// Fails if a clip cannot be read, or if the models do not fit the clips.
    pub fn run(&self) -> Result<Option<LongResult>> {
        let (settings, config) = (&self.settings, self.config);
        if config.long == 0 {
            return Ok(Some(LongResult::default()));
        }
        let mut clips = self.held_out.long_clips(config.long, settings.longest)?;
        clips.retain(|clip| settings.fits(clip));
        if clips.is_empty() {
            let warning = format!(
                "There are no long rollouts: no held-out clip is longer than the models' windows \
                 of {} frames.",
                settings.window
            );
            return Ok(Some(LongResult { warnings: vec![warning], ..LongResult::default() }));
        }
        let settings = &self.settings.clone().of_clips(&clips);
        let found = self.effects.map(opposites).unwrap_or_default();
        let inputs = LongInputs {
            clips: &clips,
            load: &|clip, frames| self.held_out.load_long(clip, frames),
            mean_frame: self.mean_frame,
            frame_distance: self.frame_distance,
            encoders: self.encoders,
            opposites: &found,
        };
        let total = long_work(&inputs, settings, self.model.num_actions()) as u64;
        let observer =
            ProgressObserver { progress: Progress::new("long rollouts", total), stop: self.stop };
        let kept = KeptJobs::open(parts(self.report));
        let Some(found) = measure_long(self.model, &inputs, settings, &kept, &observer)? else {
            return Ok(None);
        };
        observer.progress.finish();
        let mut warnings = Vec::new();
        let summary = LongSummary {
            clips: &clips,
            clips_asked: config.long,
            prompt_frames: settings.prompt_frames,
            objects: &settings.objects,
            encoders: self.encoders.iter().map(|encoder| encoder.encoder()).collect(),
            draws: Draws { bootstrap: config.bootstrap, seed: settings.seed },
        };
        let section = Some(summarise_long(&found, &summary, &mut warnings));
        Ok(Some(LongResult { section, strips: found.strips, clips, warnings }))
    }
}
