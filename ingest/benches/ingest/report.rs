//! The report: medians, Markdown tables and goals.

use crate::process::Measurement;

/// Several measurements of one contender.
#[derive(Default)]
pub struct Timings(pub Vec<Measurement>);

impl Timings {
    pub fn median(&self) -> f64 {
        median(self.0.iter().map(|run| run.seconds))
    }

    pub fn least(&self) -> f64 {
        self.0.iter().map(|run| run.seconds).fold(f64::INFINITY, f64::min)
    }

    pub fn most(&self) -> f64 {
        self.0.iter().map(|run| run.seconds).fold(0.0, f64::max)
    }

    /// Returns the median of the processor seconds.
    pub fn cpu(&self) -> f64 {
        median(self.0.iter().map(|run| run.cpu_seconds))
    }

    /// Returns the largest peak memory in MB.
    pub fn peak_mb(&self) -> f64 {
        self.0.iter().map(|run| run.peak_mb).fold(0.0, f64::max)
    }

    /// Returns the median, minimum and maximum of the seconds and the median CPU seconds, as cells.
    pub fn cells(&self) -> Vec<String> {
        [self.median(), self.least(), self.most(), self.cpu()]
            .map(|seconds| format!("{seconds:.2}"))
            .to_vec()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Prints a Markdown table with padded columns. All columns except the first are numbers.
pub fn table(heads: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count(), 4]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
    };
    println!();
    line(&heads.iter().map(|&head| head.to_owned()).collect::<Vec<_>>());
    line(
        &widths
            .iter()
            .enumerate()
            .map(|(column, &width)| {
                if column == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width - 1)) }
            })
            .collect::<Vec<_>>(),
    );
    for row in rows {
        line(row);
    }
    println!();
}

/// The goals and their results.
#[derive(Default)]
pub struct Goals {
    rows: Vec<Vec<String>>,
    wrong: Vec<String>,
}

impl Goals {
    /// Adds a goal of speed: at least `wanted` times as fast.
    pub fn at_least(&mut self, what: impl Into<String>, wanted: f64, found: f64) {
        self.add(what.into(), format!("≥ {wanted:.2}×"), format!("{found:.2}×"), found >= wanted);
    }

    /// Adds a goal of memory: at most `wanted`.
    pub fn at_most(&mut self, what: impl Into<String>, wanted: f64, found: f64, unit: &str) {
        self.add(
            what.into(),
            format!("≤ {wanted:.0} {unit}"),
            format!("{found:.1} {unit}"),
            found <= wanted,
        );
    }

    /// Records a goal that cannot be measured here.
    pub fn left_out(&mut self, what: impl Into<String>) {
        self.rows.push(vec![what.into(), "–".into(), "–".into(), "not measured".into()]);
    }

    /// Records wrong frames or pixels. They make the times meaningless.
    pub fn wrong(&mut self, what: String) {
        eprintln!("WRONG: {what}");
        self.wrong.push(what);
    }

    fn add(&mut self, what: String, wanted: String, found: String, met: bool) {
        self.rows.push(vec![what, wanted, found, if met { "met" } else { "MISSED" }.into()]);
    }

    /// Prints all goals. Returns whether frames and pixels were right.
    pub fn print(&self) -> bool {
        println!("### Goals");
        table(&["ours against", "goal", "measured", ""], &self.rows);
        for what in &self.wrong {
            println!("**Wrong:** {what}; the times of this run are meaningless.\n");
        }
        self.wrong.is_empty()
    }
}
