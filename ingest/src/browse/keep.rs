//! What another threshold in `ingest.keep` would keep.
//!
//! The page shows it while a slider moves, so it gets the counts for all positions at once. A
//! position is a multiple of 1/1000. The counts are exact, because SQL also compares a score with
//! the nearest number of 64 bits.

use anyhow::Result;
use genie_catalog::{ClipOrder, Condition};
use serde::{Deserialize, Serialize};

use super::dataset::BrowsedDataset;
use super::facts::score_names;

/// Number of steps of the slider, from 0 to 1.
pub const STEPS: u16 = 1000;

/// Which clips a threshold keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Clips with at least this score: `score >= value`.
    Least,
    /// Clips with less than this score: `score < value`.
    Most,
}

/// A part of the expression that compares one score with a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Number of the score.
    pub score: usize,
    pub side: Side,
    pub value: f64,
}

/// What the page needs for the slider of one score.
#[derive(Debug, Serialize)]
pub struct KeepView {
    /// The parts of the expression that do not belong to this slider.
    pub others: Vec<String>,
    pub side: Side,
    /// The threshold in the expression; `None` if there is none for this score and side.
    pub value: Option<f64>,
    /// Number of clips about which the expression decides.
    pub clips: usize,
    /// Number of these for which the other parts hold.
    pub pass: usize,
    /// For each step, the number of these with a score in `[step, step + 1) / STEPS`.
    pub steps: Vec<u32>,
}

/// Reads a part such as `motion > 0.01`.
pub fn threshold(part: &str) -> Option<Threshold> {
    let words: Vec<&str> = part.split_whitespace().collect();
    let [name, operator, number] = words[..] else { return None };
    let score = score_names().iter().position(|score| *score == name)?;
    let side = match operator {
        ">" | ">=" => Side::Least,
        "<" | "<=" => Side::Most,
        _ => return None,
    };
    Some(Threshold { score, side, value: number.parse().ok()? })
}

/// Splits an expression into its parts.
///
/// # Errors
/// If it is no condition that `ingest.keep` may have.
pub fn parts(expression: &str) -> Result<Vec<String>> {
    Ok(Condition::parse(expression)?.parts().map(str::to_owned).collect())
}

/// Computes what the page needs for the slider of a score. Blocks.
///
/// # Errors
/// If the expression is wrong.
pub fn view(
    dataset: &BrowsedDataset,
    expression: &str,
    score: usize,
    side: Option<Side>,
) -> Result<KeepView> {
    let parts = parts(expression)?;
    let of_score = |part: &str| threshold(part).filter(|found| found.score == score);
    let side = side.or_else(|| parts.iter().find_map(|part| of_score(part)).map(|one| one.side));
    let side = side.unwrap_or(Side::Least);
    let ours = |part: &str| of_score(part).filter(|found| found.side == side);
    let value = parts.iter().find_map(|part| ours(part)).map(|found| found.value);
    let others: Vec<String> = parts.iter().filter(|part| ours(part).is_none()).cloned().collect();
    let joined: Vec<String> = others.iter().map(|part| format!("({part})")).collect();
    let passes = Condition::parse(&joined.join(" and "))?.verdict_sql();
    let (facts, passing) = dataset.choose(&passes, &ClipOrder::default(), false)?;
    let decided = |clip: u32| facts.is_decided_by_keep(&facts.clips[clip as usize]);
    let mut steps = vec![0; usize::from(STEPS) + 1];
    let mut pass = 0;
    for clip in passing.iter().copied().filter(|clip| decided(*clip)) {
        steps[step_of(facts.scores(clip)[score], side)] += 1;
        pass += 1;
    }
    let clips = facts.clips.iter().filter(|clip| facts.is_decided_by_keep(clip)).count();
    Ok(KeepView { others, side, value, clips, pass, steps })
}

/// The largest step that is not above a score; for a clip without it, a step that is kept.
fn step_of(score: f32, side: Side) -> usize {
    if score.is_nan() {
        return if side == Side::Least { usize::from(STEPS) } else { 0 };
    }
    let (score, value) = (f64::from(score), |step: u16| f64::from(step) / f64::from(STEPS));
    let guess = (score * f64::from(STEPS)).clamp(0.0, f64::from(STEPS));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to STEPS")]
    let mut step = guess as u16;
    while step > 0 && value(step) > score {
        step -= 1;
    }
    while step < STEPS && value(step + 1) <= score {
        step += 1;
    }
    usize::from(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a score that is equal to a threshold counts on the other side of it than in SQL.
    #[test]
    fn a_step_ends_where_the_comparison_does() {
        for step in 0..=STEPS {
            let value = f64::from(step) / f64::from(STEPS);
            #[allow(clippy::cast_possible_truncation, reason = "scores are f32")]
            let near = value as f32;
            for score in [near, near.next_up(), near.next_down().max(0.0)] {
                let (found, score) = (step_of(score, Side::Least), f64::from(score));
                assert_eq!(found >= usize::from(step), score >= value, "{score} {value}");
            }
        }
        let of = |score| [Side::Least, Side::Most].map(|side| step_of(score, side));
        assert_eq!((of(0.0), of(1.0)), ([0; 2], [usize::from(STEPS); 2]));
        // Clips without a quality are kept on both sides.
        assert_eq!(of(f32::NAN), [usize::from(STEPS), 0]);
    }

    /// Catches: a part that is more than one comparison moves with the slider and loses the rest.
    #[test]
    fn only_simple_parts_are_thresholds() {
        let found = threshold("motion > 0.01").unwrap();
        assert_eq!(
            (score_names()[found.score], found.side, found.value),
            ("motion", Side::Least, 0.01)
        );
        assert_eq!(threshold("zoom <= 1").unwrap().side, Side::Most);
        for part in
            ["motion > 0.01 or zoom < 1", "corrupt_frames = 0", "motion > zoom", "frames > 9"]
        {
            assert_eq!(threshold(part), None, "{part}");
        }
        assert_eq!(parts("motion > 0.01 and (zoom < 1 or noise < 2)").unwrap().len(), 2);
        assert!(parts("kept").is_err(), "the verdict is no column of a condition");
    }
}
