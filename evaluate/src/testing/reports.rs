//! Measurements and reports of the toy world.

use anyhow::Result;

use crate::held_out::{HeldOutWindow, LabelNames};
use crate::measure::{
    FrameDistance, Measurement, MeasurementInputs, MeasurementObserver, Settings, measure,
};
use crate::report::schema::{GenerationSpeed, LpipsWeights, Report, ReportLineage};
use crate::report::{AgreementWindows, Provenance, summarise};
use crate::testing::doubles::{SETTINGS, SilentObserver, ceiling, distance};
use crate::testing::toy_world::{ACTION_NAMES, Flaw, ToyWorld, recordings};
use crate::world::{VideoBatch, WorldModel};

pub fn names() -> LabelNames {
    let names = ACTION_NAMES.map(str::to_owned).to_vec();
    LabelNames { actions: names.clone(), effects: names }
}

pub fn provenance() -> Provenance {
    Provenance {
        created: "2026-11-22T12:00:00Z".into(),
        lineage: ReportLineage::default(),
        windows_asked: 64,
        bootstrap_draws: 300,
        ceiling: Some(ceiling()),
        distances: vec![distance()],
        speed: Some(GenerationSpeed {
            device: "cpu".into(),
            frames_per_second: 12.5,
            batch: 16,
            batch_frames_per_second: 80.0,
        }),
        lpips_weights: None,
        warnings: Vec::new(),
    }
}

pub fn measured(
    model: &dyn WorldModel,
    windows: &[HeldOutWindow],
    videos: &[VideoBatch],
    settings: &Settings,
    observer: &dyn MeasurementObserver,
) -> Result<Option<Measurement>> {
    measured_by(None, model, windows, videos, settings, observer)
}

/// Measures with a distance between frames.
pub fn measured_by(
    frame_distance: Option<&dyn FrameDistance>,
    model: &dyn WorldModel,
    windows: &[HeldOutWindow],
    videos: &[VideoBatch],
    settings: &Settings,
    observer: &dyn MeasurementObserver,
) -> Result<Option<Measurement>> {
    let load = |i: usize| Ok(videos[i].clone());
    let mean_frame = vec![128; videos[0].frame_len()];
    let inputs =
        MeasurementInputs { windows, load: &load, mean_frame: Some(&mean_frame), frame_distance };
    measure(model, &inputs, settings, observer)
}

/// Weights that are called LPIPS (alex).
pub fn lpips_weights() -> LpipsWeights {
    LpipsWeights {
        name: "LPIPS (alex)".into(),
        hash: "0123456789abcdef".into(),
        published_layers: true,
    }
}

pub fn report_with(flaw: Flaw, settings: &Settings) -> Report {
    let (windows, videos) = recordings(12, 4);
    let found =
        measured(&ToyWorld(flaw), &windows, &videos, settings, &SilentObserver).unwrap().unwrap();
    report_of(&found, &windows, settings)
}

/// Makes the report of a measurement, with agreement on the measured windows.
pub fn report_of(found: &Measurement, windows: &[HeldOutWindow], settings: &Settings) -> Report {
    let names = names();
    let labelled = AgreementWindows::measured(found, windows, &names);
    summarise(found, windows, &labelled, settings, provenance())
}

pub fn report(flaw: Flaw) -> Report {
    report_with(flaw, &SETTINGS)
}
