//! A text histogram of one clip score, to choose a threshold for `ingest.keep`.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use camino::Utf8Path;
use genie_catalog::Catalog;

use crate::reject::Reason;

const BINS: usize = 12;
const WIDTH: usize = 50;

/// Draws the histogram of a column over all clips: kept clips dark, others light.
///
/// `score` may be any SQL expression over the columns that gives a number. Still stretches, which
/// have no scores, do not count.
pub fn histogram(root: &Utf8Path, score: &str) -> Result<String> {
    let query = format!(
        "select cast({score} as double) as score, kept from clips \
         where {score} is not null and reason is distinct from '{STILL}'",
        STILL = Reason::Still.code()
    );
    let values = Catalog::open(root)?.numbers_and_flags(&query)?;
    if values.iter().any(|(value, _)| !value.is_finite()) {
        bail!(
            "cannot draw a histogram of `{score}`: it is not a finite number for every clip; \
             use another column or expression"
        );
    }
    Ok(draw(score, &values))
}

fn draw(score: &str, values: &[(f64, bool)]) -> String {
    let mut text = format!("\n{score} of {} clips (█ kept, ░ not kept)\n", values.len());
    let least = values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min);
    let most = values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return text;
    }
    let width = (most - least) / BINS as f64;
    let mut bins = [[0_usize; 2]; BINS];
    for &(value, kept) in values {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to the number of bins"
        )]
        let bin = if width > 0.0 { ((value - least) / width) as usize } else { 0 };
        bins[bin.min(BINS - 1)][usize::from(kept)] += 1;
    }
    let tallest = bins.iter().map(|[light, full]| light + full).max().unwrap_or(0).max(1);
    let used = if width > 0.0 { BINS } else { 1 };
    for (number, [light, full]) in bins.iter().enumerate().take(used) {
        // Every bin with clips gets at least one mark.
        let marks = |count: usize| (count * WIDTH).div_ceil(tallest);
        let bar = "█".repeat(marks(*full)) + &"░".repeat(marks(*light));
        let _ =
            writeln!(text, "  {:>10.4}  {:>7}  {bar}", least + width * number as f64, light + full);
    }
    let _ = writeln!(text, "  {most:>10.4}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a value is outside the last bin, a bin is missing, or a width of zero is a divisor.
    #[test]
    fn every_clip_is_in_a_bin() {
        let mut values: Vec<(f64, bool)> = (0..1000).map(|n| (f64::from(n), n >= 500)).collect();
        values.push((999.0, true));
        let text = draw("motion", &values);
        let counts: usize = text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok())
            .sum();
        assert_eq!(counts, 1001);
        assert_eq!(text.lines().count(), 1 + 1 + BINS + 1);
        let one = draw("motion", &[(0.5, false)]);
        assert!(one.contains("0.5000        1  ░"), "{one}");
        assert!(draw("motion", &[]).contains("0 clips"));
    }
}
