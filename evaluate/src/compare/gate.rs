//! The expressions of `--fail-if`: `metric < number`, or `change in metric < number`.
//!
//! A gate tests the last report. A change is the difference of the last report's number from the
//! first report's. A gate also fails if its number is missing, because a gate must not pass if
//! nothing was measured.

use std::fmt;
use std::str::FromStr;

use crate::compare::name::MetricName;

/// A comparison of a number with a bound.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    sign: &'static str,
    holds: fn(&f64, &f64) -> bool,
}

/// Longer signs come first, so that `<=` is not read as `<`.
const COMPARISONS: [Comparison; 4] = [
    Comparison { sign: "<=", holds: f64::le },
    Comparison { sign: ">=", holds: f64::ge },
    Comparison { sign: "<", holds: f64::lt },
    Comparison { sign: ">", holds: f64::gt },
];

const CHANGE: &str = "change in ";

/// An expression that must not hold.
#[derive(Debug, Clone)]
pub struct Gate {
    pub name: MetricName,
    /// Whether the expression is about the difference from the first report.
    pub change: bool,
    comparison: Comparison,
    bound: f64,
}

impl Gate {
    /// Returns whether the expression holds for this value. If it holds, the gate fails.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.comparison.holds)(&value, &self.bound)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = if self.change { CHANGE } else { "" };
        write!(f, "{change}{} {} {}", self.name, self.comparison.sign, self.bound)
    }
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Gate, String> {
        let shape = "write `metric < number` or `change in metric < number`, with <, <=, > or >=";
        let found = COMPARISONS
            .into_iter()
            .find_map(|comparison| Some((comparison, text.split_once(comparison.sign)?)));
        let (comparison, (left, right)) =
            found.ok_or_else(|| format!("the expression has no comparison: {shape}"))?;
        let bound = right.trim().parse().ok().filter(|bound: &f64| bound.is_finite());
        let bound = bound.ok_or_else(|| format!("`{}` is not a number: {shape}", right.trim()))?;
        let words = left.split_whitespace().collect::<Vec<_>>().join(" ");
        let changed = words.strip_prefix(CHANGE);
        let name = MetricName::parse(changed.unwrap_or(&words))?;
        Ok(Gate { name, change: changed.is_some(), comparison, bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: `<=` is read as `<`, with the bound `= 1`; a value equal to the bound gets the
    /// wrong result; the sign of a bound is lost.
    #[test]
    fn every_comparison_and_sign_is_read_correctly() {
        let holds = |text: &str, value: f64| text.parse::<Gate>().unwrap().holds(value);
        assert_eq!([0.9, 1.0, 1.1].map(|v| holds("delta_psnr_4 < 1.0", v)), [true, false, false]);
        assert_eq!([0.9, 1.0, 1.1].map(|v| holds("delta_psnr_4<=1", v)), [true, true, false]);
        assert_eq!([0.9, 1.0, 1.1].map(|v| holds("fvd > 1e0", v)), [false, false, true]);
        assert_eq!([0.9, 1.0, 1.1].map(|v| holds(" fvd  >= 1 ", v)), [false, true, true]);
        let change: Gate = "change  in nmi < -0.05".parse().unwrap();
        assert!(change.change && change.holds(-0.06) && !change.holds(-0.04));
        assert_eq!(change.to_string(), "change in nmi < -0.05");
    }

    /// Catches: a mistyped expression is read as another expression, so a gate never fails.
    #[test]
    fn an_invalid_gate_is_an_error_that_helps() {
        for (text, words) in [
            ("delta_psnr_4", "has no comparison"),
            ("delta_psnr_4 < ", "`` is not a number"),
            ("delta_psnr_4 < NaN", "`NaN` is not a number"),
            ("delta_psnr_4 < 1 dB", "`1 dB` is not a number"),
            ("delta_psnr_4 << 1", "`< 1` is not a number"),
            ("delta_psnr < 1", "did you mean `delta_psnr_4`?"),
            ("changes in nmi < 0", "there is no metric `changes in nmi`"),
        ] {
            let error = text.parse::<Gate>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
