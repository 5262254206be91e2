//! `report.html`: one file that needs nothing else, from a report and its pictures.
//!
//! The layout is `templates/report.html`; here the numbers become text. The page loads nothing (pictures are `data:`
//! URIs, charts inline SVG), runs no script, follows the reader's light or dark setting and is readable on a phone.

use anyhow::{Context, Result};
use askama::Template;

use crate::arrows::{self, EffectRow};
use crate::bootstrap::Interval;
use crate::canvas::data_uri;
use crate::chart::{Series, bars, curves};
use crate::pictures::{Picture, ScenePictures};
use crate::report::{Confusion, Distance, Effects, LpipsWeights, Point, Report};
use crate::verdict::{Card, cards, distance_title, range, three_digits};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    cards: Vec<Card>,
    delta_chart: String,
    rollout_chart: String,
    ssim_chart: String,
    lpips: Option<LpipsView<'a>>,
    usage_chart: String,
    effects: Option<EffectsView<'a>>,
    speed: String,
    confusions: Vec<Heat<'a>>,
    distances: Vec<DistanceView<'a>>,
    scenes: Vec<SceneView<'a>>,
    rows: Vec<Row>,
    config: String,
}

/// How different frames look.
struct LpipsView<'a> {
    of: &'a LpipsWeights,
    chart: String,
    reconstruction: String,
    copy: String,
}

/// What actions do.
struct EffectsView<'a> {
    of: &'a Effects,
    rows: Vec<EffectRow>,
    named: bool,
}

/// A confusion table with its shades.
struct Heat<'a> {
    title: &'static str,
    names: &'a [String],
    rows: Vec<HeatRow>,
}

struct HeatRow {
    latent: usize,
    total: u64,
    cells: Vec<HeatCell>,
}

struct HeatCell {
    /// Share of the row, in per cent.
    percent: u32,
    count: u64,
}

/// A distance and what it has to be read beside.
struct DistanceView<'a> {
    title: String,
    of: &'a Distance,
    rows: Vec<Fact>,
}

struct Fact {
    name: &'static str,
    value: String,
    /// Of the longest bar, in per cent; none for what is in other units.
    percent: Option<u32>,
}

struct SceneView<'a> {
    caption: &'a str,
    latent: &'a [u8],
    compare: PictureView,
    held: Option<PictureView>,
}

struct PictureView {
    labels: Vec<String>,
    animation: String,
    film: String,
}

/// A line of the table of all numbers by t.
struct Row {
    t: usize,
    random: String,
    shuffled: String,
    generated: String,
    copy: String,
    mean_frame: String,
    reconstruction: String,
}

/// Renders the page.
///
/// # Errors
/// When the template fails to render.
pub fn render(report: &Report, pictures: &[ScenePictures]) -> Result<String> {
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
        effects: report.effects.as_ref().map(effects_view),
        speed: speed(report),
        usage_chart: bars("Share of each latent action", &report.lam.share),
        confusions: heats(report),
        distances: report.distances.iter().map(distance_view).collect(),
        scenes: pictures.iter().map(|scene| scene_view(scene, &names)).collect(),
        rows: rows(report),
        config: serde_json::to_string_pretty(&report.lineage.config)?,
    };
    page.render().context("rendering report.html")
}

fn scene_view<'a>(scene: &'a ScenePictures, names: &[String]) -> SceneView<'a> {
    let view = |picture: &Picture| PictureView {
        labels: picture.labels.clone(),
        animation: data_uri(&picture.animation),
        film: data_uri(&picture.film),
    };
    let held =
        scene.held.as_ref().map(|picture| PictureView { labels: names.to_vec(), ..view(picture) });
    SceneView {
        caption: &scene.caption,
        latent: &scene.latent,
        compare: view(&scene.compare),
        held,
    }
}

/// Each latent action's number and, where truth is known and it has a clear majority, what it mostly goes with.
fn latent_names(report: &Report) -> Vec<String> {
    let actions = report.effects.as_ref().map_or(&[][..], |effects| &effects.actions);
    (0..report.lam.codebook_size)
        .map(|code| {
            match actions
                .get(code)
                .and_then(|action| action.name.as_ref().or(action.movement.as_ref()))
            {
                Some(name) => format!("{code} ({name})"),
                None => code.to_string(),
            }
        })
        .collect()
}

/// What rollouts score, between what costs nothing and what cannot be better.
fn generated(title: &str, unit: &str, [generated, copy, reconstruction]: [&[Point]; 3]) -> String {
    let names = [
        ("generated", generated),
        ("copy of the last given frame", copy),
        ("reconstruction", reconstruction),
    ];
    curves(title, unit, &names.map(|(name, points)| Series { name, points }), false)
}

fn lpips_view<'a>(report: &Report, of: &'a LpipsWeights) -> LpipsView<'a> {
    let (rollout, tokenizer) = (&report.rollout, &report.tokenizer);
    LpipsView {
        of,
        chart: generated(
            "LPIPS of generated frames",
            "LPIPS",
            [&rollout.lpips, &rollout.lpips_copy_last, &rollout.lpips_reconstruction],
        ),
        reconstruction: tokenizer
            .lpips
            .map_or_else(String::new, |mean| with_interval(mean, tokenizer.lpips_ci95)),
        copy: tokenizer
            .lpips_baseline
            .map_or_else(String::new, |mean| with_interval(mean, tokenizer.lpips_baseline_ci95)),
    }
}

/// Three digits of both.
fn with_interval(value: f64, ci95: Option<Interval>) -> String {
    match ci95 {
        Some(ci95) => format!("{} [{}]", three_digits(value), range(ci95)),
        None => three_digits(value),
    }
}

fn effects_view(of: &Effects) -> EffectsView<'_> {
    let rows = arrows::rows(of);
    EffectsView { of, named: rows.iter().any(|row| !row.name.is_empty()), rows }
}

/// Frames a second, in words; empty where an old report does not know.
fn speed(report: &Report) -> String {
    let Some(speed) = &report.speed else { return String::new() };
    format!(
        "{} frames a second on {}; {} with {} worlds at once",
        three_digits(speed.frames_per_second),
        speed.device,
        three_digits(speed.batch_frames_per_second),
        speed.batch
    )
}

fn heats(report: &Report) -> Vec<Heat<'_>> {
    let Some(agreement) = &report.action_agreement else { return Vec::new() };
    let keys = heat("Latent action and true action", &agreement.confusion);
    let effects = agreement
        .effect_confusion
        .as_ref()
        .map(|table| heat("Latent action and true movement", table));
    [Some(keys), effects].into_iter().flatten().collect()
}

fn distance_view(of: &Distance) -> DistanceView<'_> {
    let bars = [
        ("generated clips", of.frechet, of.frechet_ci95),
        ("halves: real and generated", of.half_generated, None),
        ("halves: real and real", of.half_floor, None),
        ("real clips standing still", of.probe_frozen, None),
        ("real clips, frames shuffled", of.probe_shuffled, None),
    ];
    let longest = bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let mut rows: Vec<Fact> = bars
        .into_iter()
        .map(|(name, value, ci95)| {
            let percent = Some((value / longest * 100.0).round() as u32);
            Fact { name, value: with_interval(value, ci95), percent }
        })
        .collect();
    let many = of.frechet_infinity.map_or_else(|| "too few to tell".to_owned(), three_digits);
    rows.push(Fact { name: "as clips get many", value: many, percent: None });
    rows.push(Fact {
        name: "kernel distance",
        value: with_interval(of.kernel, of.kernel_ci95),
        percent: None,
    });
    DistanceView { title: distance_title(of), of, rows }
}

fn heat<'a>(title: &'static str, table: &'a Confusion) -> Heat<'a> {
    let row = |(latent, counts): (usize, &Vec<u64>)| {
        let total: u64 = counts.iter().sum();
        let percent = |count: u64| {
            if total == 0 { 0 } else { (count as f64 / total as f64 * 100.0).round() as u32 }
        };
        HeatRow {
            latent,
            total,
            cells: counts
                .iter()
                .map(|&count| HeatCell { percent: percent(count), count })
                .collect(),
        }
    };
    Heat { title, names: &table.names, rows: table.counts.iter().enumerate().map(row).collect() }
}

fn rows(report: &Report) -> Vec<Row> {
    let point = |p: &Point| match p.ci95 {
        Some([lo, hi]) => format!("{:.2} [{lo:.2}, {hi:.2}]", p.mean).replace('-', "−"),
        None => format!("{:.2}", p.mean).replace('-', "−"),
    };
    let rollout = &report.rollout;
    (0..report.delta_psnr_db.len())
        .map(|i| Row {
            t: report.delta_psnr_db[i].t,
            random: point(&report.delta_psnr_db[i]),
            shuffled: point(&report.delta_psnr_time_shuffled_db[i]),
            generated: point(&rollout.psnr_db[i]),
            copy: point(&rollout.psnr_copy_last_db[i]),
            mean_frame: rollout.psnr_mean_frame_db.get(i).map_or_else(String::new, point),
            reconstruction: point(&rollout.psnr_reconstruction_db[i]),
        })
        .collect()
}
