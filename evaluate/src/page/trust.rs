//! The table of the signals of doubt.

use genie_training::{DoubtSignal, Trust};

use crate::page::numbers::three_digits;

/// Which signals of doubt can be trusted.
pub struct TrustView {
    pub verdict: String,
    pub rows: Vec<TrustRow>,
}

/// A signal of doubt.
pub struct TrustRow {
    pub name: &'static str,
    pub correlation: String,
    pub warn_above: String,
    pub usable: bool,
}

fn name(signal: DoubtSignal) -> &'static str {
    match signal {
        DoubtSignal::Entropy => "entropy of the tokens, in nats",
        DoubtSignal::ChangedTokens => "share of tokens that change if encoded again",
        DoubtSignal::ReencodingRms => "difference from its own reconstruction, in 8-bit levels",
    }
}

pub fn trust_view(of: &Trust) -> TrustView {
    let rows = of.signals.iter().map(|found| TrustRow {
        name: name(found.signal),
        correlation: match found.correlation_ci95 {
            Some([low, high]) => format!("{:.2} [{low:.2}, {high:.2}]", found.correlation),
            None => format!("{:.2}", found.correlation),
        }
        .replace('-', "−"),
        warn_above: three_digits(found.warn_above),
        usable: found.usable,
    });
    let verdict = match of.best {
        Some(best) => format!("Yes. The best signal: {}.", name(best)),
        None => "No. No signal without a recording follows the true error.".to_owned(),
    };
    TrustView { rows: rows.collect(), verdict }
}
