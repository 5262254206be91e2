//! Whether the model's doubt about a frame follows the frame's true error.
//!
//! The true error is that of the frame that was generated with the inferred actions, against the
//! recording. PSNR orders frames as the squared error does, in reverse.

use genie_shards::WindowScores;
use genie_training::{DoubtSignal, SignalTrust, Trust};

use crate::report::averages::Averages;
use crate::statistics::bootstrap::quantile;
use crate::statistics::correlation::RankCorrelation;

/// Share of the recorded frames for which there is no warning.
const QUIET: f64 = 0.95;

/// A signal of doubt in the scores of a window.
struct SignalScores {
    signal: DoubtSignal,
    /// The signal of every generated frame.
    generated: fn(&WindowScores) -> &[f64],
    /// The signal of recorded frames; gets the number of prompt frames.
    recorded: fn(&WindowScores, usize) -> &[f64],
}

const SIGNALS: [SignalScores; 3] = [
    SignalScores {
        signal: DoubtSignal::Entropy,
        generated: |scores| &scores.inferred_entropy,
        // The first generated frame follows a recording, and not other generated frames.
        recorded: |scores, _| scores.inferred_entropy.get(..1).unwrap_or(&[]),
    },
    SignalScores {
        signal: DoubtSignal::ChangedTokens,
        generated: |scores| &scores.inferred_changed_tokens,
        recorded: |scores, prompt| &scores.reconstruction_changed_tokens[prompt..],
    },
    SignalScores {
        signal: DoubtSignal::ReencodingRms,
        generated: |scores| &scores.inferred_reencoding_rms,
        recorded: |scores, prompt| &scores.reconstruction_reencoding_rms[prompt..],
    },
];

impl Averages<'_> {
    /// Compares every signal with the true error; leaves out signals that no window has.
    pub fn trust(&self, prompt: usize) -> Trust {
        Trust::new(SIGNALS.iter().filter_map(|of| self.judge(of, prompt)).collect())
    }

    fn judge(&self, of: &SignalScores, prompt: usize) -> Option<SignalTrust> {
        let windows = self.found.scores.iter().zip(&self.grouping.group);
        let (scores, groups): (Vec<&WindowScores>, Vec<usize>) =
            windows.filter(|(scores, _)| !(of.generated)(scores).is_empty()).unzip();
        if scores.is_empty() {
            return None;
        }
        let frames = (0..self.found.frames - prompt).map(|i| {
            [
                scores.iter().map(|scores| (of.generated)(scores)[i]).collect(),
                scores.iter().map(|scores| -scores.inferred_psnr[i]).collect(),
            ]
        });
        let found = RankCorrelation::new(self.grouping.count, &groups, frames);
        let recorded = scores.iter().flat_map(|scores| (of.recorded)(scores, prompt));
        let mut recorded: Vec<f64> = recorded.copied().collect();
        recorded.sort_by(f64::total_cmp);
        Some(SignalTrust::new(
            of.signal,
            found.mean(),
            found.interval(self.bootstrap),
            quantile(&recorded, QUIET),
        ))
    }
}
