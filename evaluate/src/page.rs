//! `report.html`: one self-contained file, made from a report and its pictures.
//!
//! `templates/report.html` has the layout; this module turns numbers into text. The page loads
//! nothing: pictures are `data:` URIs, and charts are inline SVG. It runs no script, follows the
//! reader's light or dark setting, and is readable on a phone.

mod arrows;
mod canvas;
mod ceiling;
mod chart;
mod long;
mod numbers;
mod pictures;
#[cfg(test)]
mod tests;
mod trust;
mod verdict;
mod views;

use anyhow::{Context, Result};
use askama::Template;

pub use long::{StripPicture, draw_strips};
pub use pictures::{ScenePictures, draw};
pub use verdict::cards;

use crate::page::ceiling::{CeilingView, ceiling_view};
use crate::page::chart::{Series, bars, curves};
use crate::page::long::{LongView, long_view};
use crate::page::trust::{TrustView, trust_view};
use crate::page::verdict::Card;
use crate::page::views::{
    DistanceView, EffectsView, FrameRow, Heat, LpipsView, SceneView, distance_view, effects_view,
    generated, heats, latent_names, lpips_view, rows, scene_view, speed,
};
use crate::report::schema::Report;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    cards: Vec<Card>,
    delta_chart: String,
    rollout_chart: String,
    ssim_chart: String,
    lpips: Option<LpipsView<'a>>,
    trust: Option<TrustView>,
    usage_chart: String,
    effects: Option<EffectsView<'a>>,
    ceiling: Option<CeilingView<'a>>,
    speed: String,
    confusions: Vec<Heat<'a>>,
    long: Option<LongView<'a>>,
    distances: Vec<DistanceView<'a>>,
    scenes: Vec<SceneView<'a>>,
    rows: Vec<FrameRow>,
    config: String,
}

/// All pictures of a report.
#[derive(Debug, Clone, Default)]
pub struct ReportPictures {
    pub scenes: Vec<ScenePictures>,
    pub strips: Vec<StripPicture>,
}

/// Renders the page.
///
/// # Errors
/// Fails if the template or the config cannot be rendered.
pub fn render(report: &Report, pictures: &ReportPictures) -> Result<String> {
    let series = |name, points| Series { name, points };
    let names = latent_names(report);
    let page = Page {
        report,
        cards: cards(report),
        delta_chart: curves(
            "ΔPSNR by frame",
            "dB",
            &[
                series("against random actions", &report.delta_psnr_db),
                series("against actions shuffled in time", &report.delta_psnr_time_shuffled_db),
            ],
            true,
        ),
        rollout_chart: generated(
            "PSNR of generated frames",
            "dB",
            [
                &report.rollout.psnr_db,
                &report.rollout.psnr_copy_last_db,
                &report.rollout.psnr_reconstruction_db,
            ],
        ),
        ssim_chart: generated(
            "SSIM of generated frames",
            "SSIM",
            [
                &report.rollout.ssim,
                &report.rollout.ssim_copy_last,
                &report.rollout.ssim_reconstruction,
            ],
        ),
        lpips: report.lpips_weights.as_ref().map(|of| lpips_view(report, of)),
        trust: report.trust.as_ref().map(trust_view),
        effects: report.effects.as_ref().map(effects_view),
        ceiling: report.ceiling.as_ref().map(ceiling_view),
        speed: speed(report),
        usage_chart: bars("Share of each latent action", &report.lam.share),
        confusions: heats(report),
        long: report.long.as_ref().map(|long| long_view(long, &names, &pictures.strips)),
        distances: report.distances.iter().map(distance_view).collect(),
        scenes: pictures.scenes.iter().map(|scene| scene_view(scene, &names)).collect(),
        rows: rows(report),
        config: serde_json::to_string_pretty(&report.lineage.config)?,
    };
    page.render().context("cannot render report.html")
}
