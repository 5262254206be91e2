//! The numbers to compare: their place in `report.json`, and their values per window.
//!
//! A name is the key's path in `report.json` without `_db`, `rollout` and `action_agreement`. Names
//! of curves end in the frame: `delta_psnr_4`. A new number is a new row of [`METRICS`].

use genie_shards::{MeasuredWindow, WindowScores};
use serde_json::Value;

/// Place of a number in `report.json`.
#[derive(Debug, Clone, Copy)]
pub enum ReportField {
    /// JSON pointer of a number; its interval has the same pointer with `_ci95`.
    Number(&'static str),
    /// JSON pointer of a list of `{t, mean, ci95}`.
    Curve(&'static str),
    /// List of `{t, mean, ci95}` of the distance of long rollouts that the function recognises.
    LongDistance(fn(&Value) -> bool),
    /// Key of the distance that the function recognises.
    Distance(fn(&Value) -> bool, &'static str),
}

impl ReportField {
    /// Returns whether the number is one frame of a curve.
    #[must_use]
    pub fn is_curve(self) -> bool {
        matches!(self, ReportField::Curve(_) | ReportField::LongDistance(_))
    }

    /// Returns whether the number is one of long rollouts.
    #[must_use]
    pub fn is_long(self) -> bool {
        match self {
            ReportField::Curve(pointer) => pointer.starts_with("/long/"),
            ReportField::LongDistance(_) => true,
            _ => false,
        }
    }

    /// Returns the points of the curve, if the report has it.
    #[must_use]
    pub fn points(self, report: &Value) -> Option<&Vec<Value>> {
        match self {
            ReportField::Curve(pointer) => report.pointer(pointer)?.as_array(),
            ReportField::LongDistance(is) => {
                let distances = report.pointer("/long/distances")?.as_array()?;
                distances.iter().find(|distance| is(distance))?["over_floor"].as_array()
            }
            _ => None,
        }
    }
}

/// How a number is computed from windows, for the bootstrap of its difference.
#[derive(Clone, Copy)]
pub enum PerWindow {
    /// The number is not computed from windows, or has no interval.
    No,
    /// The mean of this value.
    Mean(fn(&WindowScores) -> f64),
    /// The mean of this value at a position among the generated frames.
    MeanAt(fn(&WindowScores, usize) -> Option<f64>),
    /// The perplexity of the sums of these counts.
    Perplexity(fn(&WindowScores) -> Vec<u64>),
    /// The NMI of latent actions with these true actions or effects.
    Nmi(fn(&MeasuredWindow) -> Option<&Vec<u8>>),
    /// The accuracy with which latent actions predict these true actions or effects.
    Accuracy(fn(&MeasuredWindow) -> Option<&Vec<u8>>),
}

impl PerWindow {
    /// Returns whether the number is computed from the windows on which agreement is measured.
    #[must_use]
    pub fn is_agreement(self) -> bool {
        matches!(self, PerWindow::Nmi(_) | PerWindow::Accuracy(_))
    }
}

/// A kind of number.
pub struct Metric {
    pub name: &'static str,
    pub field: ReportField,
    pub per_window: PerWindow,
    pub decimals: usize,
    /// Why a report may lack the number.
    pub needs: &'static str,
}

const fn metric(
    name: &'static str,
    field: ReportField,
    per_window: PerWindow,
    decimals: usize,
    needs: &'static str,
) -> Metric {
    Metric { name, field, per_window, decimals, needs }
}

const FRAMES: &str = "its windows have no such generated frame";
const TRUTH: &str = "no held-out recording has true actions";
const EFFECTS: &str = "no held-out recording has true displacements";
const CEILING: &str = "the ceiling of agreement was not measured, or is not above chance";
const FVD: &str = "the report was made without the weights of I3D (--i3d)";
const I3D: &str = "the report was made without I3D, or with the weights of FVD";
const CLIPS: &str = "its windows are too few or too short, or it has schema 1";
const LPIPS: &str = "the report was made without the weights of LPIPS (--lpips)";
const SCHEMA_3: &str = "its windows have no such frame, or it has a schema before 3";
const LONG: &str = "it has no long rollouts, or none that reach that frame, or a schema before 4";
const OBJECTS: &str = "it has no evaluate.objects, or no long rollouts, or a schema before 4";
const BACK: &str = "no two of its actions have opposite effects, or it has no long rollouts";
const ALWAYS: &str = "the report is damaged";

fn is_fvd(distance: &Value) -> bool {
    distance["comparable_with_fvd"] == true
}

fn is_own(distance: &Value) -> bool {
    distance["encoder"].as_str().is_some_and(|encoder| encoder.starts_with("genie clip encoder"))
}

fn is_other_i3d(distance: &Value) -> bool {
    !is_fvd(distance) && !is_own(distance)
}

/// Averages over all frames of a window but the first, which the baseline copies.
fn over_frames(list: &[f64]) -> f64 {
    let rest = list.get(1..).unwrap_or_default();
    rest.iter().sum::<f64>() / rest.len() as f64
}

fn tokens(scores: &WindowScores) -> Vec<u64> {
    scores.token_counts.iter().copied().map(u64::from).collect()
}

fn actions(scores: &WindowScores) -> Vec<u64> {
    let mut counts = vec![0; 256];
    for &action in &scores.latent {
        counts[usize::from(action)] += 1;
    }
    counts
}

fn truth(window: &MeasuredWindow) -> Option<&Vec<u8>> {
    window.truth.as_ref()
}

fn effects(window: &MeasuredWindow) -> Option<&Vec<u8>> {
    window.effects.as_ref()
}

fn difference(a: &[f64], b: &[f64], at: usize) -> Option<f64> {
    Some(a.get(at)? - b.get(at)?)
}

/// All metrics, in the order of the table.
pub const METRICS: &[Metric] = {
    use PerWindow::{Accuracy, Mean, MeanAt, Nmi, No, Perplexity};
    use ReportField::{Curve, Distance, LongDistance, Number};
    &[
        metric(
            "delta_psnr",
            Curve("/delta_psnr_db"),
            MeanAt(|s, i| difference(&s.inferred_psnr, &s.random_psnr, i)),
            2,
            FRAMES,
        ),
        metric(
            "delta_psnr_time_shuffled",
            Curve("/delta_psnr_time_shuffled_db"),
            MeanAt(|s, i| difference(&s.inferred_psnr, &s.shuffled_psnr, i)),
            2,
            FRAMES,
        ),
        metric(
            "psnr",
            Curve("/rollout/psnr_db"),
            MeanAt(|s, i| s.inferred_psnr.get(i).copied()),
            2,
            FRAMES,
        ),
        metric(
            "psnr_copy_last",
            Curve("/rollout/psnr_copy_last_db"),
            MeanAt(|s, i| s.copy_last_psnr.get(i).copied()),
            2,
            FRAMES,
        ),
        metric(
            "ssim",
            Curve("/rollout/ssim"),
            MeanAt(|s, i| s.inferred_ssim.get(i).copied()),
            3,
            SCHEMA_3,
        ),
        metric(
            "lpips",
            Curve("/rollout/lpips"),
            MeanAt(|s, i| s.inferred_lpips.get(i).copied()),
            3,
            LPIPS,
        ),
        metric("long_psnr", Curve("/long/rollout/psnr_db"), No, 2, LONG),
        metric("long_gain_over_copy", Curve("/long/gain_over_copy_db"), No, 2, LONG),
        metric("long_ssim", Curve("/long/rollout/ssim"), No, 3, LONG),
        metric("long_lpips", Curve("/long/rollout/lpips"), No, 3, LPIPS),
        metric("long_half_life", Number("/long/half_life_at_least"), No, 0, LONG),
        metric("long_fvd_over_floor", LongDistance(is_fvd), No, 2, FVD),
        metric("long_clip_distance_over_floor", LongDistance(is_own), No, 2, LONG),
        metric("there_and_back", Number("/long/there_and_back/gain_db"), No, 2, BACK),
        metric("object", Curve("/long/objects/0/as_many"), No, 3, OBJECTS),
        metric("object_near", Curve("/long/objects/0/near"), No, 3, OBJECTS),
        metric("object_held", Curve("/long/objects/0/held"), No, 3, OBJECTS),
        metric("second_object", Curve("/long/objects/1/as_many"), No, 3, OBJECTS),
        metric("consistency", Number("/effects/consistency/explained"), No, 3, SCHEMA_3),
        metric("nmi", Number("/action_agreement/nmi"), Nmi(truth), 3, TRUTH),
        metric("nmi_shuffled", Number("/action_agreement/nmi_shuffled"), No, 3, TRUTH),
        metric("accuracy", Number("/action_agreement/accuracy"), Accuracy(truth), 3, TRUTH),
        metric("accuracy_baseline", Number("/action_agreement/accuracy_baseline"), No, 3, TRUTH),
        metric("effect_nmi", Number("/action_agreement/effect_nmi"), Nmi(effects), 3, EFFECTS),
        metric(
            "effect_nmi_shuffled",
            Number("/action_agreement/effect_nmi_shuffled"),
            No,
            3,
            EFFECTS,
        ),
        metric(
            "effect_accuracy",
            Number("/action_agreement/effect_accuracy"),
            Accuracy(effects),
            3,
            EFFECTS,
        ),
        metric(
            "effect_accuracy_baseline",
            Number("/action_agreement/effect_accuracy_baseline"),
            No,
            3,
            EFFECTS,
        ),
        metric("ceiling_latent_nmi", Number("/ceiling/keys/latent/nmi"), No, 3, CEILING),
        metric(
            "ceiling_latent_information",
            Number("/ceiling/keys/latent/information_nats"),
            No,
            3,
            CEILING,
        ),
        metric("ceiling_latent_accuracy", Number("/ceiling/keys/latent/accuracy"), No, 3, CEILING),
        metric("ceiling_narrow_nmi", Number("/ceiling/keys/narrow/nmi"), No, 3, CEILING),
        metric(
            "ceiling_narrow_information",
            Number("/ceiling/keys/narrow/information_nats"),
            No,
            3,
            CEILING,
        ),
        metric("ceiling_narrow_accuracy", Number("/ceiling/keys/narrow/accuracy"), No, 3, CEILING),
        metric("ceiling_ahead_nmi", Number("/ceiling/keys/ahead/nmi"), No, 3, CEILING),
        metric(
            "ceiling_ahead_information",
            Number("/ceiling/keys/ahead/information_nats"),
            No,
            3,
            CEILING,
        ),
        metric("ceiling_ahead_accuracy", Number("/ceiling/keys/ahead/accuracy"), No, 3, CEILING),
        metric("ceiling_wide_nmi", Number("/ceiling/keys/wide/nmi"), No, 3, CEILING),
        metric(
            "ceiling_wide_information",
            Number("/ceiling/keys/wide/information_nats"),
            No,
            3,
            CEILING,
        ),
        metric("ceiling_wide_accuracy", Number("/ceiling/keys/wide/accuracy"), No, 3, CEILING),
        metric("ceiling_nmi_share", Number("/ceiling/keys/of_narrow/nmi_share"), No, 3, CEILING),
        metric(
            "ceiling_information_share",
            Number("/ceiling/keys/of_narrow/information_share"),
            No,
            3,
            CEILING,
        ),
        metric(
            "ceiling_ahead_nmi_share",
            Number("/ceiling/keys/of_ahead/nmi_share"),
            No,
            3,
            CEILING,
        ),
        metric(
            "ceiling_ahead_information_share",
            Number("/ceiling/keys/of_ahead/information_share"),
            No,
            3,
            CEILING,
        ),
        metric("ceiling_wide_nmi_share", Number("/ceiling/keys/of_wide/nmi_share"), No, 3, CEILING),
        metric(
            "ceiling_wide_information_share",
            Number("/ceiling/keys/of_wide/information_share"),
            No,
            3,
            CEILING,
        ),
        metric("fvd", Distance(is_fvd, "frechet"), No, 1, FVD),
        metric("kvd", Distance(is_fvd, "kernel"), No, 3, FVD),
        metric("i3d_distance", Distance(is_other_i3d, "frechet"), No, 1, I3D),
        metric("clip_distance", Distance(is_own, "frechet"), No, 1, CLIPS),
        metric("clip_kernel_distance", Distance(is_own, "kernel"), No, 3, CLIPS),
        metric(
            "tokenizer_psnr",
            Number("/tokenizer/psnr_db"),
            Mean(|s| over_frames(&s.reconstruction_psnr)),
            2,
            ALWAYS,
        ),
        metric(
            "tokenizer_psnr_baseline",
            Number("/tokenizer/psnr_baseline_db"),
            Mean(|s| over_frames(&s.copy_first_psnr)),
            2,
            ALWAYS,
        ),
        metric(
            "tokenizer_ssim",
            Number("/tokenizer/ssim"),
            Mean(|s| over_frames(&s.reconstruction_ssim)),
            3,
            ALWAYS,
        ),
        metric(
            "tokenizer_lpips",
            Number("/tokenizer/lpips"),
            Mean(|s| over_frames(&s.reconstruction_lpips)),
            3,
            LPIPS,
        ),
        metric("tokenizer_codes_used", Number("/tokenizer/codes_used"), No, 0, ALWAYS),
        metric(
            "tokenizer_perplexity",
            Number("/tokenizer/perplexity"),
            Perplexity(tokens),
            1,
            ALWAYS,
        ),
        metric("lam_codes_used", Number("/lam/codes_used"), No, 0, ALWAYS),
        metric("lam_perplexity", Number("/lam/perplexity"), Perplexity(actions), 1, ALWAYS),
        metric("frames_per_second", Number("/speed/frames_per_second"), No, 1, SCHEMA_3),
        metric(
            "batch_frames_per_second",
            Number("/speed/batch_frames_per_second"),
            No,
            1,
            SCHEMA_3,
        ),
    ]
};
