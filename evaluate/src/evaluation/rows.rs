//! Scores of windows as rows of `windows.parquet`, whose columns `genie_shards` defines.
//!
//! The rows of `agreement.parquet` have the same columns, and no scores of rollouts.

use genie_shards::{MeasuredWindow, WindowScores};

use crate::held_out::HeldOutWindow;
use crate::random::sampler_seed;

/// What all rows of a report share.
#[derive(Debug, Clone)]
pub struct RowHeader {
    /// Work key of the report.
    pub report: String,
    /// Work key of the dynamics model.
    pub dynamics: String,
    pub prompt_frames: usize,
    /// Seed of every random choice of the report.
    pub seed: u64,
}

impl RowHeader {
    /// Returns the row of a window, from its scores and the features of its generated clip.
    ///
    /// `index` is the window's position in the list of all windows.
    #[must_use]
    pub fn row(
        &self,
        index: usize,
        window: &HeldOutWindow,
        scores: &WindowScores,
        features: Vec<f32>,
    ) -> MeasuredWindow {
        let frames = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        MeasuredWindow {
            report: self.report.clone(),
            dynamics: self.dynamics.clone(),
            source_id: window.source.clone(),
            source: window.name.clone(),
            clip_id: window.clip_id.clone(),
            first_frame: frames(window.first),
            prompt_frames: frames(self.prompt_frames),
            sampler_seed: sampler_seed(self.seed, index),
            truth: window.truth.clone(),
            effects: window.effects.clone(),
            scores: scores.clone(),
            features,
        }
    }

    /// Returns the rows of the windows on which agreement is measured, with their latent actions.
    #[must_use]
    pub fn agreement_rows(
        &self,
        windows: &[HeldOutWindow],
        latent: &[Vec<u8>],
    ) -> Vec<MeasuredWindow> {
        let scores =
            |latent: &Vec<u8>| WindowScores { latent: latent.clone(), ..WindowScores::default() };
        let rows = windows.iter().zip(latent).enumerate();
        rows.map(|(index, (window, latent))| self.row(index, window, &scores(latent), Vec::new()))
            .collect()
    }
}
