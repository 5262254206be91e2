//! Signals of doubt: numbers that may say, without a recording, that a generated frame is wrong.
//!
//! `evaluate` measures on held-out windows whether a signal follows the true error, and writes the
//! result as `trust` into `report.json`. `play` computes the same signals and shows a warning only
//! if one of them is usable.

#![allow(clippy::cast_precision_loss, reason = "tokens and pixels are far fewer than 2^52")]

use serde::{Deserialize, Serialize};

/// Smallest mean correlation of a usable signal.
const USABLE: f64 = 0.3;

/// A signal of doubt about a generated frame; a higher value means more doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtSignal {
    /// Mean entropy of the frame's tokens when they were set, in nats.
    Entropy,
    /// Share of the frame's tokens that change when it is encoded again; see [`changed_tokens`].
    ChangedTokens,
    /// Difference between the frame and its own reconstruction, in levels; see [`reencoding_rms`].
    ReencodingRms,
}

/// How far a signal of doubt can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalTrust {
    pub signal: DoubtSignal,
    /// Rank correlation with the true error, as the mean over frame numbers.
    pub correlation: f64,
    /// The 95 % interval of the correlation; `None` if all windows come from one clip.
    pub correlation_ci95: Option<[f64; 2]>,
    /// The 95th percentile of the signal on recordings, in the signal's unit.
    pub warn_above: f64,
    /// Whether a warning may depend on the signal.
    pub usable: bool,
}

impl SignalTrust {
    /// Judges a signal.
    ///
    /// It is usable if its correlation is at least 0.3 and the interval is above 0.
    #[must_use]
    pub fn new(
        signal: DoubtSignal,
        correlation: f64,
        correlation_ci95: Option<[f64; 2]>,
        warn_above: f64,
    ) -> Self {
        let usable = correlation >= USABLE && correlation_ci95.is_some_and(|[low, _]| low > 0.0);
        Self { signal, correlation, correlation_ci95, warn_above, usable }
    }
}

/// Which signals of doubt can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    pub signals: Vec<SignalTrust>,
    /// The usable signal with the highest correlation.
    pub best: Option<DoubtSignal>,
}

impl Trust {
    /// Chooses the best of some signals.
    #[must_use]
    pub fn new(signals: Vec<SignalTrust>) -> Self {
        let usable = signals.iter().filter(|found| found.usable);
        let best = usable.max_by(|a, b| a.correlation.total_cmp(&b.correlation));
        Self { best: best.map(|found| found.signal), signals }
    }

    /// The signal that a warning depends on; `None` if no signal is usable.
    #[must_use]
    pub fn warning(&self) -> Option<&SignalTrust> {
        self.signals.iter().find(|found| Some(found.signal) == self.best)
    }
}

/// The share of a frame's tokens that change when the frame is decoded and encoded again.
///
/// `again` are the tokens of the decoded frame. The frame is decoded and encoded in its window.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn changed_tokens(tokens: &[u16], again: &[u16]) -> f64 {
    assert_eq!(tokens.len(), again.len(), "a frame has one number of tokens");
    let changed = tokens.iter().zip(again).filter(|(before, after)| before != after).count();
    changed as f64 / tokens.len() as f64
}

/// The root mean square difference between a frame and its own reconstruction, in 8-bit levels.
///
/// Both are RGB bytes. `again` is the frame after it was encoded and decoded again. A difference of
/// r levels is a PSNR of 20·log10(255/r) dB.
///
/// # Panics
/// When the lengths differ.
#[must_use]
pub fn reencoding_rms(frame: &[u8], again: &[u8]) -> f64 {
    assert_eq!(frame.len(), again.len(), "a reconstruction has the size of its frame");
    let squares = frame.iter().zip(again).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2));
    (squares.sum::<u64>() as f64 / frame.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(signal: DoubtSignal, correlation: f64, low: f64) -> SignalTrust {
        SignalTrust::new(signal, correlation, Some([low, 0.9]), 1.0)
    }

    /// Catches: the warning of `play` uses a signal that is weak, or due to chance, or not the best
    /// one.
    #[test]
    fn only_the_strongest_proven_signal_may_warn() {
        use DoubtSignal::{ChangedTokens, Entropy, ReencodingRms};
        let weak = found(Entropy, 0.29, 0.2);
        let unproven = found(ReencodingRms, 0.8, 0.0);
        let alone = SignalTrust::new(ReencodingRms, 0.8, None, 1.0);
        for signal in [&weak, &unproven, &alone] {
            assert!(!signal.usable, "{signal:?}");
        }
        assert_eq!(Trust::new(vec![weak, unproven.clone()]).warning(), None);
        let (good, better) = (found(Entropy, 0.3, 0.1), found(ChangedTokens, 0.5, 0.1));
        let trust = Trust::new(vec![good, better.clone(), unproven]);
        assert_eq!(trust.warning(), Some(&better));
        let text = serde_json::to_string(&trust).unwrap();
        assert!(text.ends_with(r#""best":"changed_tokens"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Trust>(&text).unwrap(), trust);
    }

    /// Catches: the share is of the changed tokens instead of all tokens; the square root is
    /// missing.
    #[test]
    fn signals_have_their_units() {
        assert!((changed_tokens(&[1, 2, 3, 4], &[1, 0, 3, 4]) - 0.25).abs() < 1e-12);
        assert!((reencoding_rms(&[0, 10, 20, 255], &[6, 10, 20, 247]) - 5.0).abs() < 1e-12);
    }
}
