//! The report: a table of times and memory, how they grow, and the goals.

#![allow(clippy::cast_precision_loss, reason = "no number here needs more than 52 bits")]

use crate::measured::Measured;

/// Names of the rows that have goals.
pub const NOTHING_TO_DO: &str = "run, nothing to do";
pub const NEW_SOURCES: &str = "100 new sources, beyond their decoding";
pub const TRAINING_STARTS: &str = "dynamics: until the first training step";

/// The size for which the goals of time and memory hold.
const GOAL_SIZE: usize = 1_000_000;
/// A GiB in units of 10⁶ bytes.
const GIB_IN_MB: f64 = 1_073.741_824;
/// Goals: the largest exponent of the memory, and of the times that have such a goal.
const MEMORY_GROWTH: f64 = 0.1;
const TIME_GROWTH: f64 = 1.1;

/// The measurements of all sizes.
#[derive(Default)]
pub struct Report {
    /// One row for each command, in the order in which the first size was measured.
    rows: Vec<Row>,
}

/// A command, and its measurement for each number of clips.
struct Row {
    command: String,
    sizes: Vec<(usize, Measured)>,
}

impl Report {
    /// Adds the measurement of a command on a dataset of `clips` clips.
    pub fn add(&mut self, clips: usize, command: &str, measured: Measured) {
        eprintln!("{clips} clips: {command}: {}", cell(&measured));
        if let Some(row) = self.rows.iter_mut().find(|row| row.command == command) {
            row.sizes.push((clips, measured));
        } else {
            let sizes = vec![(clips, measured)];
            self.rows.push(Row { command: command.to_owned(), sizes });
        }
    }

    /// Prints the table of measurements, then the goals.
    pub fn print(&self, sizes: &[usize]) {
        let heads: Vec<String> = sizes.iter().map(|clips| format!(" {clips} clips |")).collect();
        println!("| command |{} time grows with | memory grows with |", heads.concat());
        println!("|---|{}---|---|", "---|".repeat(sizes.len()));
        for row in &self.rows {
            let cells: Vec<String> = sizes
                .iter()
                .map(|clips| {
                    row.at(*clips).map_or(" – |".to_owned(), |at| format!(" {} |", cell(at)))
                })
                .collect();
            let (time, memory) = (shown(time(&row.sizes)), shown(memory(&row.sizes)));
            println!("| {} |{} {time} | {memory} |", row.command, cells.concat());
        }
        println!("\nGrowth n^x: the exponent x is fitted over all sizes, by least squares.\n");
        println!("| goal | wanted | measured | |\n|---|---|---|---|");
        for Goal { what, wanted, measured, .. } in self.goals() {
            let verdict = match measured {
                None => "not measured",
                Some(measured) if measured < wanted => "met",
                Some(_) => "MISSED",
            };
            let measured = measured.map_or("–".to_owned(), |measured| format!("{measured:.2}"));
            println!("| {what} | < {wanted} | {measured} | {verdict} |");
        }
    }

    /// Whether no measured goal is missed.
    pub fn goals_are_met(&self) -> bool {
        self.goals().iter().all(|goal| goal.measured.is_none_or(|measured| measured < goal.wanted))
    }

    fn goals(&self) -> Vec<Goal> {
        let row = |name: &str| self.rows.iter().find(|row| row.command == name);
        let seconds = |name: &str| Some(row(name)?.at(GOAL_SIZE)?.seconds);
        let growth = |name: &str| time(&row(name)?.sizes);
        let largest = |values: Vec<f64>| values.into_iter().max_by(f64::total_cmp);
        let peaks = self.rows.iter().filter_map(|row| row.at(GOAL_SIZE));
        let peak = largest(peaks.map(|at| at.peak_mb() / GIB_IN_MB).collect());
        let memory = largest(self.rows.iter().filter_map(|row| memory(&row.sizes)).collect());
        let goal = |what, wanted, measured| Goal { what, wanted, measured };
        vec![
            goal("10⁶ clips, nothing to do: seconds", 2.0, seconds(NOTHING_TO_DO)),
            goal(
                "10⁶ clips, 100 new sources, beyond decoding: seconds",
                60.0,
                seconds(NEW_SOURCES),
            ),
            goal("10⁶ clips, training starts: seconds", 10.0, seconds(TRAINING_STARTS)),
            goal("10⁶ clips, every command: GiB", 1.5, peak),
            goal("memory of every command: exponent", MEMORY_GROWTH, memory),
            goal("nothing to do, time: exponent", TIME_GROWTH, growth(NOTHING_TO_DO)),
            goal("100 new sources, time: exponent", TIME_GROWTH, growth(NEW_SOURCES)),
        ]
    }
}

impl Row {
    /// The measurement on a dataset of `clips` clips.
    fn at(&self, clips: usize) -> Option<&Measured> {
        self.sizes.iter().find(|(size, _)| *size == clips).map(|(_, measured)| measured)
    }
}

struct Goal {
    what: &'static str,
    wanted: f64,
    /// `None` if the size of the goal, or a second size, was not measured.
    measured: Option<f64>,
}

fn cell(measured: &Measured) -> String {
    format!("{:.2} s, {:.0} MB", measured.seconds, measured.peak_mb())
}

fn shown(exponent: Option<f64>) -> String {
    exponent.map_or("–".to_owned(), |exponent| format!("n^{exponent:.2}"))
}

fn time(sizes: &[(usize, Measured)]) -> Option<f64> {
    // Times below a hundredth of a second are noise.
    exponent(sizes.iter().map(|(clips, measured)| (*clips, measured.seconds.max(0.01))))
}

fn memory(sizes: &[(usize, Measured)]) -> Option<f64> {
    exponent(sizes.iter().map(|(clips, measured)| (*clips, measured.peak_mb())))
}

/// The slope of a line through the logarithms; `None` for fewer than two sizes.
fn exponent(values: impl Iterator<Item = (usize, f64)>) -> Option<f64> {
    let points: Vec<(f64, f64)> = values.map(|(n, value)| ((n as f64).ln(), value.ln())).collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (spread > 0.0).then(|| slope / spread)
}
