//! Errors in the history that the dynamics model sees in training.
//!
//! In a rollout, the earlier frames are the model's own. If training shows only true frames, the
//! model never learns to go on from a frame in which an object is lost or doubled (exposure bias).
//! So training corrupts a run of consecutive frames of a window. The targets stay true.
//!
//! There are two kinds of errors. A window has one of them.
//!
//! - Stale tokens: some positions show the token of another frame of the window during the whole
//!   run. An object vanishes where the background is shown, and a part of it stays where it was.
//! - Predictions: the frames of the run are samples of the model itself, given the true frames
//!   before each of them [resampling forcing, arXiv 2605.31314].

use std::ops::Range;

use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::DynamicsConfig;
use super::network::DynamicsNet;
use crate::kernels::Kernels;
use crate::layers::{Grid, apply, indices};

/// The frames of a window that are corrupted, and how.
#[derive(Clone, Debug, PartialEq)]
pub enum Corruption {
    /// Each entry of `tokens` has a position and the token that it shows.
    Stale { frames: Range<usize>, tokens: Vec<(usize, u16)> },
    /// The model predicts the tokens of the frames.
    Predicted { frames: Range<usize> },
}

impl Corruption {
    /// Draws the corruption of a window of tokens `[time, space]`; none if its run has no frames.
    ///
    /// `progress` is the share of the training that is done, from 0 to 1. Frame 0 is never
    /// predicted, because no frame comes before it.
    pub fn draw(
        config: &DynamicsConfig,
        tokens: &[u16],
        space: usize,
        progress: f64,
        rng: &mut ChaCha8Rng,
    ) -> Option<Self> {
        let time = tokens.len() / space;
        let share = rng.random_range(0.0..=config.history_noise * progress);
        let length = (share * time as f64).round() as usize;
        let predicted = rng.random_bool(config.predicted_history);
        let begin = usize::from(predicted);
        let length = length.min(time - begin);
        if length == 0 {
            return None;
        }
        let first = rng.random_range(begin..=time - length);
        let frames = first..first + length;
        if predicted {
            return Some(Self::Predicted { frames });
        }
        let share = rng.random_range(0.0..=1.0);
        let mut stale = Vec::new();
        for position in 0..space {
            if rng.random_bool(share) {
                let frame = rng.random_range(0..time);
                stale.push((position, tokens[frame * space + position]));
            }
        }
        Some(Self::Stale { frames, tokens: stale })
    }
}

/// The tokens of a micro-batch that the model predicts before the loss.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// The windows with predictions, and the frames that are predicted.
    runs: Vec<(usize, Range<usize>)>,
    /// For each predicted token, a random number from 0 to 1 that chooses it.
    uniform: Vec<f32>,
}

impl Predictions {
    /// Adds frames of a window of the micro-batch.
    pub fn push(
        &mut self,
        window: usize,
        frames: Range<usize>,
        space: usize,
        rng: &mut ChaCha8Rng,
    ) {
        self.uniform.extend((0..frames.len() * space).map(|_| rng.random::<f32>()));
        self.runs.push((window, frames));
    }

    /// Whether nothing is predicted.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The rows of the predicted tokens in a micro-batch of windows of `time` frames.
    pub fn rows(&self, time: usize, space: usize) -> impl Iterator<Item = usize> {
        self.runs.iter().flat_map(move |(window, frames)| {
            let first = window * time * space;
            first + frames.start * space..first + frames.end * space
        })
    }

    /// Samples the predicted tokens `[n]`.
    ///
    /// `clean` are the true tokens `[batch*time*space]` of the micro-batch, and `actions` lead to
    /// its frames `[batch*time]`. All tokens of a predicted frame are masked, and each is sampled
    /// on its own. The frames before it are true.
    pub fn sample<B: Kernels>(
        &self,
        net: &DynamicsNet<B>,
        clean: &[i64],
        actions: &[i64],
        Grid { t, s, .. }: Grid,
        device: &B::Device,
    ) -> Tensor<B, 1, Int> {
        let mask = net.tokens.dims()[0] as i64 - 1;
        let (mut inputs, mut truth, mut led) = (Vec::new(), Vec::new(), Vec::new());
        for (window, frames) in &self.runs {
            let tokens = &clean[window * t * s..][..t * s];
            let first = inputs.len();
            truth.extend_from_slice(tokens);
            inputs.extend_from_slice(tokens);
            inputs[first + frames.start * s..first + frames.end * s].fill(mask);
            led.extend_from_slice(&actions[window * t..][..t]);
        }
        let runs = self.runs.iter().enumerate();
        let rows = runs
            .flat_map(|(at, (_, frames))| (at * t + frames.start) * s..(at * t + frames.end) * s);
        let rows = indices::<B>(rows.map(|row| row as i64), device);
        let grid = Grid { b: self.runs.len(), t, s };
        let hidden = net.forward(
            indices::<B>(inputs.into_iter(), device),
            indices::<B>(truth.into_iter(), device),
            indices::<B>(led.into_iter(), device),
            grid,
        );
        let logits = apply(&net.logits, hidden.select(0, rows));
        choose(logits, Tensor::from_floats(self.uniform.as_slice(), device))
    }
}

/// Samples a code for each row of logits `[n, codes]`, with a number from 0 to 1 for each row.
fn choose<B: Backend>(logits: Tensor<B, 2>, uniform: Tensor<B, 1>) -> Tensor<B, 1, Int> {
    let [n, codes] = logits.dims();
    let below = softmax(logits, 1).cumsum(1);
    let uniform = uniform.reshape([n, 1]).expand([n, codes]);
    let passed = below.lower_equal(uniform).int().sum_dim(1).reshape([n]);
    // Rounding can leave the sum of all probabilities below the number.
    passed.clamp_max(codes as i64 - 1)
}

/// Tokens `[rows]` of which some rows have others: row `rows[i]` has `replacements[i]`.
pub fn replaced<B: Backend>(
    tokens: Tensor<B, 1, Int>,
    rows: impl Iterator<Item = usize>,
    replacements: Tensor<B, 1, Int>,
) -> Tensor<B, 1, Int> {
    let ([n], device) = (tokens.dims(), tokens.device());
    let mut source: Vec<i64> = (0..n as i64).collect();
    for (i, row) in rows.enumerate() {
        source[row] = (n + i) as i64;
    }
    Tensor::cat(vec![tokens, replacements], 0).select(0, indices::<B>(source.into_iter(), &device))
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::backend::flex::FlexDevice;

    use super::*;

    fn codes(tokens: Tensor<Flex, 1, Int>) -> Vec<i64> {
        tokens.into_data().iter::<i64>().collect()
    }

    /// Catches: codes are drawn with other probabilities than the model's; a number next to 1 gives
    /// a code outside the codebook.
    #[test]
    fn a_number_chooses_a_code_by_its_probability() {
        let row = [0.1_f32, 0.2, 0.3, 0.4].map(f32::ln);
        let numbers = [0.0_f32, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, 0.99, 1.0];
        let logits = Tensor::<Flex, 2>::from_floats([row; 9], &FlexDevice) + 5.0;
        let chosen = codes(choose(logits, Tensor::from_floats(numbers, &FlexDevice)));
        assert_eq!(chosen, [0, 0, 1, 1, 2, 2, 3, 3, 3]);
    }

    /// Catches: a replacement lands in another row, or other rows change.
    #[test]
    fn only_the_named_rows_are_replaced() {
        let row = |values: &[i64]| indices::<Flex>(values.iter().copied(), &FlexDevice);
        let shown = replaced(row(&[5, 6, 7, 8]), [3, 1].into_iter(), row(&[50, 60]));
        assert_eq!(codes(shown), [5, 60, 7, 50]);
    }
}
