//! The report: a table of times and memory, how they grow, and the goals.

#![allow(clippy::cast_precision_loss, reason = "no number here needs more than 52 bits")]

use crate::measured::Measured;

/// Names of the rows that have goals.
pub const NOTHING_TO_DO: &str = "run, nothing to do";
pub const NEW_SOURCES: &str = "100 new sources, beyond their decoding";
pub const TRAINING_STARTS: &str = "dynamics: until the first training step";

/// The size for which the goals of time and memory hold.
const GOAL_SIZE: usize = 1_000_000;
/// The largest peak of memory: 1.5 GiB.
const MOST_BYTES: f64 = 1.5 * (1 << 30) as f64;
/// The largest exponents of memory, and of the times with an exponent.
const MEMORY_GROWTH: f64 = 0.1;
const TIME_GROWTH: f64 = 1.1;

/// The measurements of all sizes.
#[derive(Default)]
pub struct Report {
    /// In the order of the first size: a command, and its measurement for each number of clips.
    rows: Vec<(String, Vec<(usize, Measured)>)>,
}

impl Report {
    /// Adds the measurement of a command on a dataset of `clips` clips.
    pub fn add(&mut self, clips: usize, command: &str, measured: Measured) {
        eprintln!("{clips} clips: {command}: {}", cell(&measured));
        match self.rows.iter_mut().find(|(name, _)| name == command) {
            Some((_, sizes)) => sizes.push((clips, measured)),
            None => self.rows.push((command.to_owned(), vec![(clips, measured)])),
        }
    }

    /// Prints the table of measurements, then the goals.
    pub fn print(&self, sizes: &[usize]) {
        let heads: String = sizes.iter().map(|clips| format!(" {clips} clips |")).collect();
        println!("| command |{heads} time grows with | memory grows with |");
        println!("|---|{}---|---|", "---|".repeat(sizes.len()));
        for (command, sizes) in &self.rows {
            let cells: String =
                sizes.iter().map(|(_, measured)| format!(" {} |", cell(measured))).collect();
            println!("| {command} |{cells} {} | {} |", shown(time(sizes)), shown(memory(sizes)));
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
        let row = |name: &str| self.rows.iter().find(|(command, _)| command == name);
        let seconds = |name: &str| {
            let (_, sizes) = row(name)?;
            let (_, at) = sizes.iter().find(|(clips, _)| *clips == GOAL_SIZE)?;
            Some(at.seconds)
        };
        let growth = |name: &str| time(&row(name)?.1);
        let largest = |of: &dyn Fn(&(String, Vec<(usize, Measured)>)) -> Option<f64>| {
            self.rows.iter().filter_map(of).max_by(f64::total_cmp)
        };
        let peak = largest(&|(_, sizes)| {
            let (_, at) = sizes.iter().find(|(clips, _)| *clips == GOAL_SIZE)?;
            Some(at.peak_bytes as f64 / MOST_BYTES * 1.5)
        });
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
            goal(
                "memory of every command: exponent",
                MEMORY_GROWTH,
                largest(&|row| memory(&row.1)),
            ),
            goal("nothing to do, time: exponent", TIME_GROWTH, growth(NOTHING_TO_DO)),
            goal("100 new sources, time: exponent", TIME_GROWTH, growth(NEW_SOURCES)),
        ]
    }
}

struct Goal {
    what: &'static str,
    wanted: f64,
    /// `None` if the size of the goal, or a second size, was not measured.
    measured: Option<f64>,
}

fn cell(measured: &Measured) -> String {
    format!("{:.2} s, {:.0} MB", measured.seconds, measured.peak_bytes as f64 / 1e6)
}

fn shown(exponent: Option<f64>) -> String {
    exponent.map_or("–".to_owned(), |exponent| format!("n^{exponent:.2}"))
}

fn time(sizes: &[(usize, Measured)]) -> Option<f64> {
    // Times below a hundredth of a second are noise.
    exponent(sizes.iter().map(|(clips, measured)| (*clips, measured.seconds.max(0.01))))
}

fn memory(sizes: &[(usize, Measured)]) -> Option<f64> {
    exponent(sizes.iter().map(|(clips, measured)| (*clips, measured.peak_bytes.max(1) as f64)))
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
