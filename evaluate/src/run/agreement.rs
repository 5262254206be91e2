//! Agreement with true actions, and its ceiling: which windows, with progress and stop.

use anyhow::Result;
use genie_model::Device;
use genie_stage::stop::Stop;

use crate::evaluation::Inference;
use crate::evaluation::ceiling::{CeilingInputs, CeilingResult, measure_ceiling};
use crate::held_out::{HeldOutSet, LabelledWindows};
use crate::measure::{Measurement, Settings};
use crate::networks::{NetworkPlace, Trained};
use crate::report::AgreementWindows;
use crate::report::schema::Ceiling;
use crate::run::sections::EvaluateSections;

/// What the measurement of agreement needs.
pub struct AgreementRun<'a> {
    pub sections: &'a EvaluateSections,
    pub device: Device,
    pub model: &'a Trained,
    pub held_out: &'a HeldOutSet,
    pub settings: &'a Settings,
    /// Frames per window.
    pub frames: usize,
    pub stop: &'a Stop,
}

/// The windows with true actions, their latent actions, and the ceiling.
pub struct AgreementResult {
    pub labelled: LabelledWindows,
    /// Latent actions of each window; `None` if the dynamics model takes true actions.
    pub latent: Option<Vec<Vec<u8>>>,
    pub ceiling: Option<Ceiling>,
}

impl AgreementRun<'_> {
    /// Infers the actions of all windows, and measures the ceiling; `None` if it is stopped.
    ///
    /// Adds warnings to `notes`.
    ///
    /// # Errors
    /// Fails if clips cannot be read, if the model does not fit them, or if a network of the
    /// ceiling cannot be trained.
    pub fn run(&self, notes: &mut Vec<String>) -> Result<Option<AgreementResult>> {
        let &AgreementRun { sections, device, model, held_out, settings, frames, stop } = self;
        let config = &sections.evaluate;
        let labelled = held_out.labelled(config.agreement_windows, config.seed)?;
        let latent = if settings.true_actions {
            None
        } else {
            let inference = Inference { model, frames, batch: settings.batch, stop };
            match inference.actions("agreement", held_out.store(), &labelled.places)? {
                Some(latent) => Some(latent),
                None => return Ok(None),
            }
        };
        let ceiling = CeilingInputs {
            config,
            place: NetworkPlace {
                root: sections.root(),
                resolved: &sections.resolved(),
                device,
                stop,
            },
            model,
            seen: model.models.labeller.seen(),
            held_out,
            labelled: &labelled,
            latent: latent.as_deref(),
            frames,
        };
        let ceiling = match measure_ceiling(&ceiling, notes)? {
            CeilingResult::Measured(ceiling) => Some(*ceiling),
            CeilingResult::NotMeasured => None,
            CeilingResult::Stopped => return Ok(None),
        };
        Ok(Some(AgreementResult { labelled, latent, ceiling }))
    }
}

impl AgreementResult {
    /// Returns the windows on which agreement is measured, with their actions.
    ///
    /// A model of true actions is compared on the measured windows alone.
    pub fn windows<'a>(
        &'a self,
        found: &'a Measurement,
        held_out: &'a HeldOutSet,
    ) -> AgreementWindows<'a> {
        match &self.latent {
            Some(latent) => AgreementWindows::labelled(&self.labelled, latent, &held_out.names),
            None => AgreementWindows::measured(found, &held_out.windows, &held_out.names),
        }
    }
}
