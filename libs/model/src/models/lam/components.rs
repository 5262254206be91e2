//! Independent components of the change between two frames.
//!
//! A player's act is rare and changes several pixels at once in a fixed pattern: the figure turns
//! to the left, or to the right, or does not turn. The scenery's changes have other patterns.
//! Principal components mix these patterns, because they go by variance alone. Independent
//! components separate them [Hyvärinen 1999, `FastICA`].

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::eigen::symmetric_eigen;
use super::pairs::visit_pairs;
use crate::data::Video;
use crate::error::ModelError;

/// Pairs of frames that are analysed, evenly spread over all clips.
const PAIRS: usize = 16_384;
/// Principal components that are kept; 20 to 28 gave equal results on CoinRun.
const KEPT: usize = 24;
/// Smallest share of the largest variance that a kept component has.
const LEAST: f64 = 1e-6;
/// Smallest kurtosis of an act: that of three levels of which the middle one takes 3/4 of the time.
///
/// Noise has 3 or less.
const ACTS: f64 = 4.0;
/// Steps of `FastICA`.
const STEPS: usize = 60;
/// Steps that fit the three levels of a component.
const LEVEL_STEPS: usize = 30;
/// Change of a grey value from 0 to 1 that is not told from larger ones.
pub const LARGEST_CHANGE: f64 = 0.3;

/// The linear map from the change of each pixel to the components.
pub struct Components {
    /// `[pixels, components]`.
    pub weights: Vec<f32>,
    /// `[components]`.
    pub bias: Vec<f32>,
}

/// The `count` components of the clips' changes that are most often different from zero.
///
/// These are the components of the lowest kurtosis above that of noise. They are scaled so that a
/// sigmoid rounds each to three levels: negative, near zero, positive. Fails if the frames have too
/// few changes, or cannot be read.
pub fn independent_components(
    video: &dyn Video,
    count: usize,
    seed: u64,
) -> Result<Components, ModelError> {
    let (height, width) = video.size();
    let pixels = height * width;
    let mut changes: Vec<f64> = Vec::new();
    visit_pairs(video, PAIRS, |before, after| {
        changes.extend(before.iter().zip(after).map(|(before, after)| {
            (f64::from(after - before) / 255.0).clamp(-LARGEST_CHANGE, LARGEST_CHANGE)
        }));
    })?;
    let mean = means(&changes, pixels);
    for row in changes.chunks_exact_mut(pixels) {
        row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
    }
    let (values, vectors) = symmetric_eigen(covariance(&changes, pixels), pixels);
    let kept = values.iter().take(KEPT).filter(|value| **value > LEAST * values[0]).count();
    if kept < count || values[0] <= 0.0 {
        return Err(too_few(kept, count));
    }
    // Row i maps a change to the principal component i with variance 1.
    let whitening: Vec<Vec<f64>> = vectors[..kept]
        .iter()
        .zip(&values)
        .map(|(vector, value)| vector.iter().map(|weight| weight / value.sqrt()).collect())
        .collect();
    let white: Vec<f64> = changes
        .chunks_exact(pixels)
        .flat_map(|row| whitening.iter().map(|weights| dot(weights, row)))
        .collect();
    let rotations = fast_ica(&white, kept, seed);
    let sources: Vec<Vec<f64>> = rotations
        .chunks_exact(kept)
        .map(|rotation| white.chunks_exact(kept).map(|row| dot(rotation, row)).collect())
        .collect();
    let mut order: Vec<(f64, usize)> = sources
        .iter()
        .enumerate()
        .map(|(index, values)| (kurtosis(values), index))
        .filter(|(kurtosis, _)| *kurtosis >= ACTS)
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    if order.len() < count {
        return Err(too_few(order.len(), count));
    }

    let mut found = Components { weights: vec![0.0; pixels * count], bias: vec![0.0; count] };
    for (place, (_, index)) in order[..count].iter().enumerate() {
        let rotation = &rotations[index * kept..][..kept];
        let (middle, scale) = three_levels(&sources[*index]);
        for pixel in 0..pixels {
            let weight: f64 = (0..kept).map(|i| rotation[i] * whitening[i][pixel]).sum();
            found.weights[pixel * count + place] = (weight * scale) as f32;
            found.bias[place] -= (weight * scale * mean[pixel]) as f32;
        }
        found.bias[place] -= (middle * scale) as f32;
    }
    Ok(found)
}

fn too_few(found: usize, count: usize) -> ModelError {
    ModelError::Data(format!(
        "the training clips have {found} independent changes, and [lam.quantizer] levels asks for \
         {count}: ingest more videos, or shorten levels"
    ))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The mean of each column of rows `[n, width]`.
fn means(rows: &[f64], width: usize) -> Vec<f64> {
    let n = (rows.len() / width).max(1) as f64;
    let mut sums = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    sums.into_iter().map(|sum| sum / n).collect()
}

/// The covariance `[width, width]` of rows `[n, width]` whose means are 0.
fn covariance(rows: &[f64], width: usize) -> Vec<f64> {
    let n = (rows.len() / width).max(1) as f64;
    let mut sums = vec![0.0; width * width];
    for row in rows.chunks_exact(width) {
        for (a, sums) in row.iter().zip(sums.chunks_exact_mut(width)) {
            sums.iter_mut().zip(row).for_each(|(sum, b)| *sum += a * b);
        }
    }
    sums.into_iter().map(|sum| sum / n).collect()
}

/// Rotations `[components, width]` of white rows `[n, width]` to independent components.
///
/// This is the symmetric algorithm with the contrast function tanh.
fn fast_ica(rows: &[f64], width: usize, seed: u64) -> Vec<f64> {
    let n = (rows.len() / width) as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let random: Vec<f64> = (0..width * width).map(|_| rng.random_range(-1.0..1.0)).collect();
    let mut rotations = orthogonal(&random, width);
    for _ in 0..STEPS {
        let mut next = vec![0.0; width * width];
        let mut slopes = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            for (component, rotation) in rotations.chunks_exact(width).enumerate() {
                let bounded = dot(rotation, row).tanh();
                slopes[component] += 1.0 - bounded * bounded;
                let next = &mut next[component * width..][..width];
                next.iter_mut().zip(row).for_each(|(next, value)| *next += bounded * value);
            }
        }
        for (component, slope) in slopes.into_iter().enumerate() {
            for i in component * width..(component + 1) * width {
                next[i] = (next[i] - slope * rotations[i]) / n;
            }
        }
        rotations = orthogonal(&next, width);
    }
    rotations
}

/// The orthogonal matrix nearest to `matrix`: (M·Mᵀ)^(-1/2)·M.
fn orthogonal(matrix: &[f64], n: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = matrix.chunks_exact(n).collect();
    let squares = rows.iter().flat_map(|a| rows.iter().map(|b| dot(a, b))).collect();
    let (values, vectors) = symmetric_eigen(squares, n);
    let mut result = vec![0.0; n * n];
    for (value, vector) in values.iter().zip(&vectors) {
        let along: Vec<f64> =
            (0..n).map(|j| (0..n).map(|i| vector[i] * rows[i][j]).sum()).collect();
        let size = value.max(1e-30).sqrt();
        for i in 0..n {
            for j in 0..n {
                result[i * n + j] += vector[i] * along[j] / size;
            }
        }
    }
    result
}

/// The fourth moment of values with mean 0 and variance 1.
fn kurtosis(values: &[f64]) -> f64 {
    values.iter().map(|value| value.powi(4)).sum::<f64>() / values.len() as f64
}

/// The middle of the level near zero, and the scale with which a sigmoid rounds to three levels.
///
/// The levels are the three means that are nearest to the values [Lloyd 1982].
fn three_levels(values: &[f64]) -> (f64, f64) {
    let mut levels = [-2.0, 0.0, 2.0];
    for _ in 0..LEVEL_STEPS {
        let mut sums = [(0.0, 0.0); 3];
        let bounds = (f64::midpoint(levels[0], levels[1]), f64::midpoint(levels[1], levels[2]));
        for value in values {
            let level = usize::from(*value > bounds.0) + usize::from(*value > bounds.1);
            sums[level] = (sums[level].0 + value, sums[level].1 + 1.0);
        }
        for (level, (sum, count)) in levels.iter_mut().zip(sums) {
            if count > 0.0 {
                *level = sum / count;
            }
        }
    }
    let bounds = (f64::midpoint(levels[0], levels[1]), f64::midpoint(levels[1], levels[2]));
    let half = (bounds.1 - bounds.0) / 2.0;
    // The sigmoid of ln 3 is 3/4, where the middle of three levels ends.
    (f64::midpoint(bounds.0, bounds.1), 3f64.ln() / half)
}
