//! The numbers of a report in the form that the template shows.

use crate::page::arrows::{self, EffectRow};
use crate::page::canvas::data_uri;
use crate::page::chart::{Series, curves};
use crate::page::numbers::{distance_title, range, three_digits};
use crate::page::pictures::{Picture, ScenePictures};
use crate::report::schema::{Confusion, Distance, Effects, LpipsWeights, Point, Report};
use crate::statistics::bootstrap::Interval;

/// The LPIPS panel.
pub struct LpipsView<'a> {
    pub of: &'a LpipsWeights,
    pub chart: String,
    pub reconstruction: String,
    pub copy: String,
}

/// The table of the effects of actions.
pub struct EffectsView<'a> {
    pub of: &'a Effects,
    pub rows: Vec<EffectRow>,
    pub named: bool,
    /// Number of actions that were held.
    pub held: usize,
}

/// A confusion table with a shade for each cell.
pub struct Heat<'a> {
    pub title: &'static str,
    pub names: &'a [String],
    pub rows: Vec<HeatRow>,
}

pub struct HeatRow {
    pub latent: usize,
    pub total: u64,
    pub cells: Vec<HeatCell>,
}

pub struct HeatCell {
    /// Share of the row, in per cent.
    pub percent: u32,
    pub count: u64,
}

/// A distance and the numbers that help to judge it.
pub struct DistanceView<'a> {
    pub title: String,
    pub of: &'a Distance,
    pub rows: Vec<Fact>,
}

pub struct Fact {
    pub name: &'static str,
    pub value: String,
    /// Share of the longest bar, in per cent; `None` for a number in other units.
    pub percent: Option<u32>,
}

pub struct SceneView<'a> {
    pub caption: &'a str,
    /// Where to play from: `clip:first frame:prompt frames`.
    pub place: &'a str,
    /// The same for `genie-play roll --clip`: `clip:first frame`.
    pub start: &'a str,
    /// The inferred actions after the prompt, for `genie-play roll --actions`.
    pub script: &'a str,
    pub latent: &'a [u8],
    pub compare: PictureView,
    pub held: Option<PictureView>,
    /// Whether `held` shows all latent actions, not only the most frequent ones.
    pub held_is_all: bool,
}

pub struct PictureView {
    pub labels: Vec<String>,
    pub animation: String,
    pub film: String,
}

/// A row of the table that lists all numbers for each frame.
pub struct FrameRow {
    pub t: usize,
    pub random: String,
    pub shuffled: String,
    pub generated: String,
    pub copy: String,
    pub mean_frame: String,
    pub reconstruction: String,
}

pub fn scene_view<'a>(scene: &'a ScenePictures, names: &[String]) -> SceneView<'a> {
    let view = |picture: &Picture| PictureView {
        labels: picture.labels.clone(),
        animation: data_uri(&picture.animation),
        film: data_uri(&picture.film),
    };
    let labels = scene.held_actions.iter().filter_map(|&action| names.get(action).cloned());
    let held = scene
        .held
        .as_ref()
        .map(|picture| PictureView { labels: labels.collect(), ..view(picture) });
    SceneView {
        caption: &scene.caption,
        place: &scene.place,
        start: scene.place.rsplit_once(':').map_or(&scene.place, |(start, _)| start),
        script: &scene.script,
        latent: &scene.latent,
        compare: view(&scene.compare),
        held_is_all: scene.held_actions.len() == names.len(),
        held,
    }
}

/// Returns the name of each latent action: its number, and the true action of most of its frames.
pub fn latent_names(report: &Report) -> Vec<String> {
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

/// Draws the curves of rollouts, of a copy, and of the reconstruction.
pub fn generated(
    title: &str,
    unit: &str,
    [generated, copy, reconstruction]: [&[Point]; 3],
) -> String {
    let names = [
        ("generated", generated),
        ("copy of the last prompt frame", copy),
        ("reconstruction", reconstruction),
    ];
    curves(title, unit, &names.map(|(name, points)| Series { name, points }), false)
}

pub fn lpips_view<'a>(report: &Report, of: &'a LpipsWeights) -> LpipsView<'a> {
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

/// Formats a value and its interval with about three digits.
fn with_interval(value: f64, ci95: Option<Interval>) -> String {
    match ci95 {
        Some(ci95) => format!("{} [{}]", three_digits(value), range(ci95)),
        None => three_digits(value),
    }
}

pub fn effects_view(of: &Effects) -> EffectsView<'_> {
    let rows = arrows::rows(of);
    let held = of.actions.iter().filter(|action| action.held.is_some()).count();
    EffectsView { of, named: rows.iter().any(|row| !row.name.is_empty()), rows, held }
}

/// Describes the speed; empty if the report is too old to have it.
pub fn speed(report: &Report) -> String {
    let Some(speed) = &report.speed else { return String::new() };
    format!(
        "{} frames per second on {}; {} with {} worlds in one batch",
        three_digits(speed.frames_per_second),
        speed.device,
        three_digits(speed.batch_frames_per_second),
        speed.batch
    )
}

pub fn heats(report: &Report) -> Vec<Heat<'_>> {
    let Some(agreement) = &report.action_agreement else { return Vec::new() };
    let keys = heat("Latent action and true action", &agreement.confusion);
    let effects = agreement
        .effect_confusion
        .as_ref()
        .map(|table| heat("Latent action and true movement", table));
    [Some(keys), effects].into_iter().flatten().collect()
}

pub fn distance_view(of: &Distance) -> DistanceView<'_> {
    let bars = [
        ("generated clips", of.frechet, of.frechet_ci95),
        ("real half and generated half", of.half_generated, None),
        ("two real halves", of.half_floor, None),
        ("frozen real clips", of.probe_frozen, None),
        ("real clips with shuffled frames", of.probe_shuffled, None),
    ];
    let longest = bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let mut rows: Vec<Fact> = bars
        .into_iter()
        .map(|(name, value, ci95)| {
            let percent = Some((value / longest * 100.0).round() as u32);
            Fact { name, value: with_interval(value, ci95), percent }
        })
        .collect();
    let many = of.frechet_infinity.map_or_else(|| "too few clips".to_owned(), three_digits);
    rows.push(Fact { name: "extrapolated to infinitely many clips", value: many, percent: None });
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

pub fn rows(report: &Report) -> Vec<FrameRow> {
    let point = |p: &Point| match p.ci95 {
        Some([lo, hi]) => format!("{:.2} [{lo:.2}, {hi:.2}]", p.mean).replace('-', "−"),
        None => format!("{:.2}", p.mean).replace('-', "−"),
    };
    let rollout = &report.rollout;
    (0..report.delta_psnr_db.len())
        .map(|i| FrameRow {
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
