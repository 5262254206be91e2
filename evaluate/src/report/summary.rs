//! From scores of windows to the report: means, intervals, agreement, warnings.
//!
//! Every mean is over windows, and every interval resamples sources (`bootstrap.rs`). If there is
//! only one source, its clips are resampled, and a warning says that the interval does not cover
//! other recordings.

use std::collections::BTreeSet;

use crate::held_out::HeldOutWindow;
use crate::measure::{Measurement, Settings};
use crate::report::agreement::{AgreementWindows, action_agreement};
use crate::report::averages::{Averages, Grouping};
use crate::report::schema::{
    Ceiling, Counts, Distance, GenerationSpeed, HeadlineNumbers, LamUsage, LpipsWeights, Point,
    Report, ReportLineage, Rollout, SCHEMA_VERSION, TokenizerQuality,
};
use crate::statistics::agreement::Agreement;
use crate::statistics::bootstrap::Bootstrap;
use crate::statistics::information::{perplexity, used};

/// The frame of the paper's headline ΔPSNR.
const HEADLINE_T: usize = 4;
/// Intervals from fewer groups are rough.
const FEW_GROUPS: usize = 8;

/// Everything in the report that does not come from the scores of windows.
#[derive(Debug, Clone)]
pub struct Provenance {
    pub created: String,
    pub lineage: ReportLineage,
    pub windows_asked: usize,
    pub bootstrap_draws: usize,
    /// The ceiling of agreement, if it is measured.
    pub ceiling: Option<Ceiling>,
    /// Distances between real and generated clips.
    pub distances: Vec<Distance>,
    pub speed: Option<GenerationSpeed>,
    pub lpips_weights: Option<LpipsWeights>,
    /// Warnings from earlier steps (for example about clips that are skipped).
    pub warnings: Vec<String>,
}

/// Makes the report; `labelled` are the windows on which agreement is measured.
#[must_use]
pub fn summarise(
    found: &Measurement,
    windows: &[HeldOutWindow],
    labelled: &AgreementWindows<'_>,
    settings: &Settings,
    provenance: Provenance,
) -> Report {
    let grouping = Grouping::of(windows);
    let bootstrap = Bootstrap::new(grouping.count, provenance.bootstrap_draws, settings.seed);
    let summary = Averages { found, grouping: &grouping, bootstrap: &bootstrap };
    let prompt = settings.prompt_frames;

    let delta_psnr_db = summary.curve(prompt, |s, i| s.inferred_psnr[i] - s.random_psnr[i]);
    let delta_psnr_time_shuffled_db =
        summary.curve(prompt, |s, i| s.inferred_psnr[i] - s.shuffled_psnr[i]);
    let tokenizer = summary.tokenizer();
    let draws = provenance.bootstrap_draws;
    let (codes, names, sampling) =
        (found.action_counts.len(), labelled.names, (draws, settings.seed));
    let keys = labelled.agree(codes, &names.actions, |w| w.truth.as_ref(), sampling);
    let effects = labelled.agree(codes, &names.effects, |w| w.effects.as_ref(), sampling);
    let counts = Counts {
        sources: windows.iter().map(|w| &w.source).collect::<BTreeSet<_>>().len(),
        clips: windows.iter().map(|w| &w.clip_id).collect::<BTreeSet<_>>().len(),
        windows: windows.len(),
        windows_asked: provenance.windows_asked,
        action_pairs: keys.as_ref().map_or(0, |found| found.pairs),
        agreement_windows: labelled.with_truth(),
        agreement_windows_available: labelled.available,
        window_frames: found.frames,
        prompt_frames: prompt,
        height: found.height,
        width: found.width,
        bootstrap_unit: grouping.unit.to_owned(),
        bootstrap_groups: grouping.count,
        bootstrap_draws: draws,
    };
    let mut warnings = provenance.warnings;
    warnings.extend(warn(&counts));
    Report {
        schema_version: SCHEMA_VERSION,
        created: provenance.created,
        headline: headline(&delta_psnr_db, &delta_psnr_time_shuffled_db, &tokenizer, keys.as_ref()),
        lineage: provenance.lineage,
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
        effects: Some(summary.effects(
            prompt,
            [keys.as_ref(), effects.as_ref()],
            names,
            settings.seed,
        )),
        action_agreement: keys.map(|keys| action_agreement(&keys, effects.as_ref(), names)),
        ceiling: provenance.ceiling,
        distances: provenance.distances,
        speed: provenance.speed,
        lpips_weights: provenance.lpips_weights,
        trust: Some(summary.trust(prompt)),
        // The `run` command adds it, because it needs the effects of actions.
        long: None,
        warnings,
    }
}

fn lam(counts: &[u64]) -> LamUsage {
    let total = counts.iter().sum::<u64>() as f64;
    LamUsage {
        codebook_size: counts.len(),
        codes_used: used(counts),
        perplexity: perplexity(counts),
        share: counts.iter().map(|&count| count as f64 / total).collect(),
    }
}

/// Takes the headline numbers at t = 4, or at the nearest generated frame.
fn headline(
    random: &[Point],
    shuffled: &[Point],
    tokenizer: &TokenizerQuality,
    keys: Option<&Agreement>,
) -> HeadlineNumbers {
    let nearest = (0..random.len()).min_by_key(|&i| random[i].t.abs_diff(HEADLINE_T)).unwrap_or(0);
    let (random, shuffled) = (&random[nearest], &shuffled[nearest]);
    HeadlineNumbers {
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
            "The config asks for {} windows, but the held-out clips have only {}.",
            counts.windows_asked, counts.windows
        ));
    }
    if counts.bootstrap_groups < 2 {
        warnings.push(
            "All windows come from one clip, so there are no confidence intervals.".to_owned(),
        );
    } else if counts.bootstrap_unit == "clip" {
        warnings.push(
            "All windows come from one recording. The intervals cover differences between its \
             clips, not between recordings."
                .to_owned(),
        );
    } else if counts.bootstrap_groups < FEW_GROUPS {
        warnings.push(format!(
            "Only {} recordings are held out, so the intervals are rough.",
            counts.bootstrap_groups
        ));
    }
    warnings
}
