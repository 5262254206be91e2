//! Which clips to label next: those that teach most.
//!
//! - **Both sides of the border.** Every second clip is near a border, in turn from either side. It
//!   is a quality of 0.5, about which the network is least certain. Without a network, it is the
//!   border of the expression in `ingest.keep`.
//! - **Diversity.** The other clips are as far as possible from all labelled ones, in the space of
//!   the scores, each divided by its standard deviation (farthest-point sampling).

use super::facts::WallFacts;
use super::keep::{Side, Threshold};

/// Most clips among which the next ones are chosen.
const POOL: usize = 4096;
/// Most labelled clips that others must be far from.
const ANCHORS: usize = 512;
/// Number of the clips nearest to the border, of which the most diverse one is taken.
const NEAREST: usize = 32;

/// Chooses `count` of the clips in `pool`. `labelled` are the person's clips.
///
/// Give clips that have pictures and no label. Among more than [`POOL`], every n-th one counts.
pub fn next(
    facts: &WallFacts,
    pool: &[u32],
    labelled: &[u32],
    thresholds: &[Threshold],
    count: usize,
) -> Vec<u32> {
    let stride = pool.len().div_ceil(POOL).max(1);
    let pool: Vec<u32> = pool.iter().copied().step_by(stride).collect();
    let scale = Scale::of(facts, &pool);
    let points: Vec<Vec<f32>> = pool.iter().map(|clip| scale.apply(facts.scores(*clip))).collect();
    let anchors = labelled.iter().rev().take(ANCHORS);
    let anchors: Vec<Vec<f32>> = anchors.map(|clip| scale.apply(facts.scores(*clip))).collect();
    let margins: Vec<Option<f64>> =
        pool.iter().map(|clip| scale.margin(facts.scores(*clip), thresholds)).collect();
    let chosen = choose(&points, &anchors, &margins, count);
    chosen.into_iter().map(|place| pool[place]).collect()
}

/// Standard deviation of each score.
struct Scale(Vec<f32>);

impl Scale {
    fn of(facts: &WallFacts, pool: &[u32]) -> Self {
        let width = pool.first().map_or(0, |clip| facts.scores(*clip).len());
        let deviation = |score: usize| {
            let values = || pool.iter().map(|clip| f64::from(known(facts.scores(*clip)[score])));
            let count = pool.len() as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            #[allow(clippy::cast_possible_truncation, reason = "a scale")]
            let deviation = variance.sqrt() as f32;
            // A score that is the same for all clips says nothing.
            if deviation > 1e-6 { deviation } else { f32::INFINITY }
        };
        Self((0..width).map(deviation).collect())
    }

    fn apply(&self, scores: &[f32]) -> Vec<f32> {
        scores.iter().zip(&self.0).map(|(score, deviation)| known(*score) / deviation).collect()
    }

    /// The distance to the nearest threshold, in standard deviations.
    ///
    /// It is negative if the clip fails one of them, and then that of the worst one. `None`: there
    /// are no thresholds.
    fn margin(&self, scores: &[f32], thresholds: &[Threshold]) -> Option<f64> {
        let margin = |one: &Threshold| {
            let above = f64::from(known(scores[one.score])) - one.value;
            let deviation = f64::from(self.0.get(one.score).copied().unwrap_or(1.0));
            if one.side == Side::Least { above / deviation } else { -above / deviation }
        };
        thresholds.iter().map(margin).min_by(f64::total_cmp)
    }
}

/// A score, or the middle for a clip without it: nobody knows on which side of a border it is.
fn known(score: f32) -> f32 {
    if score.is_nan() { 0.5 } else { score }
}

/// Chooses places in `points`, which are the clips' scores in standard deviations.
fn choose(
    points: &[Vec<f32>],
    anchors: &[Vec<f32>],
    margins: &[Option<f64>],
    count: usize,
) -> Vec<usize> {
    let far = |point: &Vec<f32>| {
        let distances = anchors.iter().map(|anchor| distance(point, anchor));
        distances.min_by(f32::total_cmp).unwrap_or(f32::MAX)
    };
    let mut nearest: Vec<f32> = points.iter().map(far).collect();
    let mut is_free = vec![true; points.len()];
    let mut chosen = Vec::new();
    while chosen.len() < count.min(points.len()) {
        let free = || (0..points.len()).filter(|place| is_free[*place]);
        let turn = chosen.len();
        let keeps = turn % 4 < 2;
        let side = |place: &usize| {
            margins[*place].is_some_and(|margin| if keeps { margin >= 0.0 } else { margin < 0.0 })
        };
        let mut border: Vec<usize> =
            if turn % 2 == 1 { free().filter(side).collect() } else { Vec::new() };
        let closeness = |place: &usize| margins[*place].map_or(f64::MAX, f64::abs);
        border.sort_by(|one, other| closeness(one).total_cmp(&closeness(other)));
        border.truncate(NEAREST);
        let among = if border.is_empty() { free().collect() } else { border };
        // Of equal ones the first, so that the queue does not depend on chance.
        let best =
            among.into_iter().rev().max_by(|one, other| nearest[*one].total_cmp(&nearest[*other]));
        let Some(best) = best else { break };
        is_free[best] = false;
        chosen.push(best);
        for (place, nearest) in nearest.iter_mut().enumerate() {
            *nearest = nearest.min(distance(&points[place], &points[best]));
        }
    }
    chosen
}

/// The squared distance of two points.
fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the queue shows the same kind of clip again and again, or only one side.
    #[test]
    fn the_queue_is_diverse_and_near_the_border() {
        // A hundred clips that look the same, and three that do not.
        let mut points = vec![vec![1.0, 1.0]; 100];
        points.extend([vec![9.0, 1.0], vec![1.0, 9.0], vec![9.0, 9.0]]);
        let chosen = choose(&points, &[vec![1.0, 1.0]], &vec![None; 103], 3);
        assert_eq!(chosen, [102, 100, 101]);

        let line: Vec<Vec<f32>> = (0..100_u8).map(|x| vec![f32::from(x)]).collect();
        let margins: Vec<_> = (0..100_u8).map(|x| Some(f64::from(x) - 49.5)).collect();
        let chosen = choose(&line, &[], &margins, 8);
        let border: Vec<usize> = chosen.iter().copied().skip(1).step_by(2).collect();
        let kept = border.iter().filter(|place| **place >= 50).count();
        assert_eq!(kept, 2, "{border:?}");
        assert!(border.iter().all(|place| (18..82).contains(place)), "{border:?}");
    }

    /// Catches: a small or empty pool panics, or a clip is shown twice.
    #[test]
    fn a_clip_comes_once() {
        assert_eq!(choose(&[], &[], &[], 5), [0; 0]);
        let points = vec![vec![f32::NAN], vec![0.0], vec![0.0]];
        let mut chosen = choose(&points, &[], &[None, Some(1.0), Some(-1.0)], 9);
        chosen.sort_unstable();
        assert_eq!(chosen, [0, 1, 2]);
    }
}
