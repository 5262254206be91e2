//! The comparison as text: a legend, the table, and the reasons for missing cells.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::compare::metric::Metric;
use crate::compare::side::ComparedReport;
use crate::compare::table::{ComparisonTable, MetricLine};
use crate::statistics::bootstrap::Interval;

const NONE: &str = "–";

/// Renders the comparison; every line ends in a newline.
#[must_use]
pub fn render(
    sides: &[ComparedReport],
    table: &ComparisonTable<'_>,
    lines: &[MetricLine],
) -> String {
    let mut text = String::new();
    for side in sides {
        let word = |pointer| side.text(pointer);
        let _ = writeln!(
            text,
            "{}  {}: dynamics model {}, {} windows of {} recordings",
            side.letter,
            side.dir,
            word("/lineage/dynamics"),
            word("/counts/windows"),
            word("/counts/sources"),
        );
    }
    text.push('\n');
    text += &aligned(&rows(sides, lines));
    let first = &sides[0].letter;
    for (number, side) in sides.iter().enumerate() {
        let letter = &side.letter;
        if let Some(why) = table.unpaired(number) {
            let _ = writeln!(text, "\n{letter} − {first} has no intervals: {why}");
        }
        for (note, metrics) in notes(lines, number, table.unpaired(number)) {
            let what = if number == 0 { String::new() } else { format!(" − {first}") };
            let _ = writeln!(text, "\n{letter}{what}, {}: {note}", metrics.join(", "));
        }
    }
    text
}

/// Returns the header and the lines, one string for each cell.
fn rows(sides: &[ComparedReport], lines: &[MetricLine]) -> Vec<Vec<String>> {
    let mut header = vec![String::new(), sides[0].letter.clone()];
    for side in &sides[1..] {
        header.extend([
            side.letter.clone(),
            format!("{} − {}", side.letter, sides[0].letter),
            "95 %".to_owned(),
        ]);
    }
    if sides.len() == 1 {
        header.push("95 %".to_owned());
    }
    let row = |line: &MetricLine| {
        let metric = line.metric.metric;
        let plain =
            |value: Option<f64>| value.map_or(NONE.to_owned(), |value| number(metric, value, ""));
        let signed =
            |value: Option<f64>| value.map_or(NONE.to_owned(), |value| number(metric, value, "+"));
        let mut row = vec![line.metric.to_string(), plain(line.cells[0].value)];
        for cell in &line.cells[1..] {
            row.extend([
                plain(cell.value),
                signed(cell.change),
                interval(metric, cell.change_ci95, "+"),
            ]);
        }
        if sides.len() == 1 {
            row.push(interval(metric, line.cells[0].ci95, ""));
        }
        row
    };
    std::iter::once(header).chain(lines.iter().map(row)).collect()
}

/// Formats a number with its metric's decimals; `plus` is the sign of positive numbers.
///
/// A number that rounds to zero has no sign.
fn number(metric: &Metric, value: f64, plus: &str) -> String {
    let digits = format!("{:.*}", metric.decimals, value.abs());
    let zero = digits.chars().all(|c| matches!(c, '0' | '.'));
    let sign = match value {
        _ if zero => "",
        _ if value < 0.0 => "−",
        _ => plus,
    };
    sign.to_owned() + &digits
}

fn interval(metric: &Metric, interval: Option<Interval>, plus: &str) -> String {
    interval.map_or(NONE.to_owned(), |bounds| {
        let [low, high] = bounds.map(|bound| number(metric, bound, plus));
        format!("[{low}, {high}]")
    })
}

/// Aligns columns: the first to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "   {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

/// Returns the reasons why cells of report `number` are empty, each with its metrics.
///
/// It leaves out the reason `known`, which is printed once for the whole report.
fn notes(
    lines: &[MetricLine],
    number: usize,
    known: Option<&str>,
) -> BTreeMap<String, Vec<String>> {
    let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        if let Some(note) =
            line.cells[number].note.as_ref().filter(|note| Some(note.as_str()) != known)
        {
            notes.entry(note.clone()).or_default().push(line.metric.to_string());
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::name::MetricName;

    /// Catches: a sign before zero; a minus sign is missing or doubled; a count is shown with
    /// decimals.
    #[test]
    fn numbers_have_their_signs_and_digits() {
        let of = |name: &str, value: f64, plus: &str| {
            number(MetricName::parse(name).unwrap().metric, value, plus)
        };
        assert_eq!(
            [of("psnr_4", 20.125, ""), of("psnr_4", -0.5, "+"), of("psnr_4", 0.5, "+")],
            ["20.12", "−0.50", "+0.50"]
        );
        assert_eq!(
            [of("psnr_4", -0.001, ""), of("psnr_4", 0.001, "+"), of("nmi", 0.001, "+")],
            ["0.00", "0.00", "+0.001"]
        );
        assert_eq!([of("lam_codes_used", 6.0, ""), of("lam_codes_used", -2.0, "+")], ["6", "−2"]);
    }
}
