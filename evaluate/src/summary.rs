//! From scores of windows to the report: means, intervals, agreement, warnings.
//!
//! Every mean is over windows, every interval resamples sources (`bootstrap.rs`). With a single source its clips are
//! resampled instead, and a warning says what that interval no longer covers.

mod effects;

use std::collections::{BTreeMap, BTreeSet};

use crate::agreement::{Agreement, Pairs, agreement};
use crate::bootstrap::{Bootstrap, GroupedMean, numbered};
use crate::information::{perplexity, used};
use crate::measure::{Measurement, Settings, Window, WindowScores};
use crate::report::{
    ActionAgreement, Confusion, Counts, Distance, Headline, Lam, Lineage, LpipsWeights, Point,
    Report, Rollout, SCHEMA_VERSION, Speed, Tokenizer,
};

/// The paper's frame for its headline ΔPSNR.
const HEADLINE_T: usize = 4;
/// With fewer groups than this, an interval is a rough guess.
const FEW_GROUPS: usize = 8;

/// What the labels of a recording mean.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub actions: Vec<String>,
    pub effects: Vec<String>,
}

/// What the report says about its own making.
#[derive(Debug, Clone)]
pub struct Origin {
    pub created: String,
    pub lineage: Lineage,
    pub windows_asked: usize,
    pub bootstrap_draws: usize,
    /// Between real and generated clips.
    pub distances: Vec<Distance>,
    pub speed: Option<Speed>,
    pub lpips_weights: Option<LpipsWeights>,
    /// Found on the way here (clips left out, for instance).
    pub warnings: Vec<String>,
}

/// Makes the report.
#[must_use]
pub fn summarise(
    found: &Measurement,
    windows: &[Window],
    names: &Names,
    settings: &Settings,
    origin: Origin,
) -> Report {
    let grouping = Grouping::of(windows);
    let bootstrap = Bootstrap::new(grouping.count, origin.bootstrap_draws, settings.seed);
    let summary = Summary { found, grouping: &grouping, bootstrap: &bootstrap };
    let prompt = settings.prompt_frames;

    let delta_psnr_db = summary.curve(prompt, |s, i| s.inferred_psnr[i] - s.random_psnr[i]);
    let delta_psnr_time_shuffled_db =
        summary.curve(prompt, |s, i| s.inferred_psnr[i] - s.shuffled_psnr[i]);
    let tokenizer = summary.tokenizer();
    let draws = origin.bootstrap_draws;
    let keys = agree(
        found,
        windows,
        &grouping,
        &names.actions,
        |w| w.truth.as_ref(),
        draws,
        settings.seed,
    );
    let effects = agree(
        found,
        windows,
        &grouping,
        &names.effects,
        |w| w.effects.as_ref(),
        draws,
        settings.seed,
    );
    let counts = Counts {
        sources: windows.iter().map(|w| &w.source).collect::<BTreeSet<_>>().len(),
        clips: windows.iter().map(|w| &w.clip_id).collect::<BTreeSet<_>>().len(),
        windows: windows.len(),
        windows_asked: origin.windows_asked,
        action_pairs: keys.as_ref().map_or(0, |found| found.pairs),
        window_frames: found.frames,
        prompt_frames: prompt,
        height: found.height,
        width: found.width,
        bootstrap_unit: grouping.unit.to_owned(),
        bootstrap_groups: grouping.count,
        bootstrap_draws: draws,
    };
    let mut warnings = origin.warnings;
    warnings.extend(warn(&counts));
    Report {
        schema_version: SCHEMA_VERSION,
        created: origin.created,
        headline: headline(&delta_psnr_db, &delta_psnr_time_shuffled_db, &tokenizer, keys.as_ref()),
        lineage: origin.lineage,
        counts,
        lam: lam(&found.action_counts),
        rollout: Rollout {
            psnr_db: summary.curve(prompt, |s, i| s.inferred_psnr[i]),
            psnr_copy_last_db: summary.curve(prompt, |s, i| s.copy_last_psnr[i]),
            psnr_mean_frame_db: summary.curve_if_any(prompt, |s| &s.mean_frame_psnr),
            psnr_reconstruction_db: summary.curve(prompt, |s, i| s.reconstruction_psnr[prompt + i]),
            ssim: summary.curve(prompt, |s, i| s.inferred_ssim[i]),
            ssim_copy_last: summary.curve(prompt, |s, i| s.copy_last_ssim[i]),
            ssim_reconstruction: summary.curve(prompt, |s, i| s.reconstruction_ssim[prompt + i]),
            lpips: summary.curve_if_any(prompt, |s| &s.inferred_lpips),
            lpips_copy_last: summary.curve_if_any(prompt, |s| &s.copy_last_lpips),
            lpips_reconstruction: summary
                .curve_if_any(prompt, |s| s.reconstruction_lpips.get(prompt..).unwrap_or(&[])),
        },
        tokenizer,
        delta_psnr_db,
        delta_psnr_time_shuffled_db,
        effects: Some(summary.effects([keys.as_ref(), effects.as_ref()], names, settings.seed)),
        action_agreement: keys.map(|keys| action_agreement(&keys, effects.as_ref(), names)),
        distances: origin.distances,
        speed: origin.speed,
        lpips_weights: origin.lpips_weights,
        warnings,
    }
}

/// Which windows stand or fall together.
struct Grouping {
    unit: &'static str,
    count: usize,
    group: Vec<usize>,
}

impl Grouping {
    fn of(windows: &[Window]) -> Grouping {
        let (count, group) = numbered(windows.iter().map(|w| &w.source));
        if count > 1 {
            return Grouping { unit: "source", count, group };
        }
        let (count, group) = numbered(windows.iter().map(|w| &w.clip_id));
        Grouping { unit: "clip", count, group }
    }
}

struct Summary<'a> {
    found: &'a Measurement,
    grouping: &'a Grouping,
    bootstrap: &'a Bootstrap,
}

impl Summary<'_> {
    fn mean(&self, value: impl Fn(&WindowScores) -> f64) -> GroupedMean {
        let values = self
            .found
            .scores
            .iter()
            .zip(&self.grouping.group)
            .map(|(scores, &group)| (group, value(scores)));
        GroupedMean::new(self.grouping.count, values)
    }

    /// A mean at every generated frame; `value` gets the position among the generated ones.
    fn curve(&self, prompt: usize, value: impl Fn(&WindowScores, usize) -> f64) -> Vec<Point> {
        (prompt..self.found.frames)
            .map(|t| {
                let mean = self.mean(|scores| value(scores, t - prompt));
                Point { t, mean: mean.mean(), ci95: mean.interval(self.bootstrap) }
            })
            .collect()
    }

    /// The same of lists that windows may not have: then there is none.
    fn curve_if_any(&self, prompt: usize, list: impl Fn(&WindowScores) -> &[f64]) -> Vec<Point> {
        let none = self.found.scores.iter().any(|scores| list(scores).is_empty());
        if none { Vec::new() } else { self.curve(prompt, |scores, i| list(scores)[i]) }
    }

    fn tokenizer(&self) -> Tokenizer {
        // Frame 0 is left out: the baseline has it for free.
        let over_frames = |list: &[f64]| list[1..].iter().sum::<f64>() / (list.len() - 1) as f64;
        let psnr = self.mean(|s| over_frames(&s.reconstruction_psnr));
        let psnr_baseline = self.mean(|s| over_frames(&s.copy_first_psnr));
        let gain =
            self.mean(|s| over_frames(&s.reconstruction_psnr) - over_frames(&s.copy_first_psnr));
        let ssim = self.mean(|s| over_frames(&s.reconstruction_ssim));
        let ssim_baseline = self.mean(|s| over_frames(&s.copy_first_ssim));
        let measured = self.found.scores.iter().all(|s| !s.reconstruction_lpips.is_empty());
        let lpips = measured.then(|| self.mean(|s| over_frames(&s.reconstruction_lpips)));
        let lpips_baseline = measured.then(|| self.mean(|s| over_frames(&s.copy_first_lpips)));
        let counts = &self.found.token_counts;
        Tokenizer {
            psnr_db: psnr.mean(),
            psnr_db_ci95: psnr.interval(self.bootstrap),
            psnr_baseline_db: psnr_baseline.mean(),
            psnr_baseline_db_ci95: psnr_baseline.interval(self.bootstrap),
            psnr_gain_db: gain.mean(),
            psnr_gain_db_ci95: gain.interval(self.bootstrap),
            ssim: ssim.mean(),
            ssim_ci95: ssim.interval(self.bootstrap),
            ssim_baseline: ssim_baseline.mean(),
            ssim_baseline_ci95: ssim_baseline.interval(self.bootstrap),
            lpips: lpips.as_ref().map(GroupedMean::mean),
            lpips_ci95: lpips.and_then(|mean| mean.interval(self.bootstrap)),
            lpips_baseline: lpips_baseline.as_ref().map(GroupedMean::mean),
            lpips_baseline_ci95: lpips_baseline.and_then(|mean| mean.interval(self.bootstrap)),
            codebook_size: counts.len(),
            codes_used: used(counts),
            perplexity: perplexity(counts),
        }
    }
}

fn lam(counts: &[u64]) -> Lam {
    let total = counts.iter().sum::<u64>() as f64;
    Lam {
        codebook_size: counts.len(),
        codes_used: used(counts),
        perplexity: perplexity(counts),
        share: counts.iter().map(|&count| count as f64 / total).collect(),
    }
}

/// Agreement with one kind of truth, over the windows that have it.
fn agree<'a>(
    found: &Measurement,
    windows: &'a [Window],
    grouping: &Grouping,
    names: &[String],
    truth: impl Fn(&'a Window) -> Option<&'a Vec<u8>>,
    draws: usize,
    seed: u64,
) -> Option<Agreement> {
    let mut numbers = BTreeMap::new();
    let mut pairs = Vec::new();
    for ((window, scores), &group) in windows.iter().zip(&found.scores).zip(&grouping.group) {
        let Some(truth) = truth(window) else { continue };
        // Groups without any truth do not count, and so must not be drawn: number the others anew.
        let next = numbers.len();
        let group = *numbers.entry(group).or_insert(next);
        pairs.push(Pairs { group, latent: scores.latent.clone(), truth: truth.clone() });
    }
    let highest =
        pairs.iter().flat_map(|p| &p.truth).max().map_or(0, |&label| usize::from(label) + 1);
    agreement(&pairs, found.action_counts.len(), highest.max(names.len()), draws, seed)
}

fn confusion(found: &Agreement, names: &[String]) -> Confusion {
    let counts = found.confusion.rows();
    let columns = counts.first().map_or(0, Vec::len);
    let name =
        |label: usize| names.get(label).cloned().unwrap_or_else(|| format!("action {label}"));
    Confusion { names: (0..columns).map(name).collect(), counts }
}

fn action_agreement(
    keys: &Agreement,
    effect: Option<&Agreement>,
    names: &Names,
) -> ActionAgreement {
    ActionAgreement {
        nmi: keys.nmi,
        nmi_ci95: keys.nmi_ci95,
        nmi_shuffled: keys.nmi_shuffled,
        nmi_shuffled_p95: keys.nmi_shuffled_p95,
        accuracy: keys.accuracy,
        accuracy_ci95: keys.accuracy_ci95,
        accuracy_baseline: keys.accuracy_baseline,
        confusion: confusion(keys, &names.actions),
        effect_nmi: effect.map(|e| e.nmi),
        effect_nmi_ci95: effect.and_then(|e| e.nmi_ci95),
        effect_nmi_shuffled: effect.map(|e| e.nmi_shuffled),
        effect_nmi_shuffled_p95: effect.map(|e| e.nmi_shuffled_p95),
        effect_accuracy: effect.map(|e| e.accuracy),
        effect_accuracy_ci95: effect.and_then(|e| e.accuracy_ci95),
        effect_accuracy_baseline: effect.map(|e| e.accuracy_baseline),
        effect_confusion: effect.map(|e| confusion(e, &names.effects)),
    }
}

/// The paper's t = 4, or the nearest generated frame where the windows have no such one.
fn headline(
    random: &[Point],
    shuffled: &[Point],
    tokenizer: &Tokenizer,
    keys: Option<&Agreement>,
) -> Headline {
    let nearest = (0..random.len()).min_by_key(|&i| random[i].t.abs_diff(HEADLINE_T)).unwrap_or(0);
    let (random, shuffled) = (&random[nearest], &shuffled[nearest]);
    Headline {
        t: random.t,
        delta_psnr_db: random.mean,
        delta_psnr_db_ci95: random.ci95,
        delta_psnr_time_shuffled_db: shuffled.mean,
        delta_psnr_time_shuffled_db_ci95: shuffled.ci95,
        tokenizer_psnr_db: tokenizer.psnr_db,
        tokenizer_psnr_baseline_db: tokenizer.psnr_baseline_db,
        nmi: keys.map(|found| found.nmi),
        nmi_shuffled: keys.map(|found| found.nmi_shuffled),
    }
}

fn warn(counts: &Counts) -> Vec<String> {
    let mut warnings = Vec::new();
    if counts.windows < counts.windows_asked {
        warnings.push(format!(
            "{} windows were asked for, but the held-out clips have only {}.",
            counts.windows_asked, counts.windows
        ));
    }
    if counts.bootstrap_groups < 2 {
        warnings.push(
            "All windows come from one clip: no confidence interval can be given.".to_owned(),
        );
    } else if counts.bootstrap_unit == "clip" {
        warnings.push(
            "All windows come from one recording: the intervals say how much its clips differ, nothing about other recordings."
                .to_owned(),
        );
    } else if counts.bootstrap_groups < FEW_GROUPS {
        warnings.push(format!(
            "Only {} recordings are held out: take the intervals as rough.",
            counts.bootstrap_groups
        ));
    }
    warnings
}
