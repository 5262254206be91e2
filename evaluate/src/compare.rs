//! The `compare` command: reports side by side, with differences from the first one, and gates.
//!
//! | module | contents |
//! |---|---|
//! | `metric`, `name` | the numbers to compare: place in `report.json`, values per window, names |
//! | `side` | a report on disk, and its windows |
//! | `differences` | reasons why two reports, or two distances, are not comparable |
//! | `paired` | the interval of a difference |
//! | `table`, `text` | the comparison as numbers and as text |
//! | `gate` | the expressions of `--fail-if` |

mod differences;
mod gate;
mod metric;
mod name;
mod paired;
mod side;
mod table;
mod text;

use std::io::{self, Write};

use anyhow::Result;
use camino::Utf8Path;
use genie_stage::Exit;
use genie_stage::exit::{FAILED, Usage};
use serde_json::{Value, json};

use crate::compare::gate::Gate;
use crate::compare::metric::{METRICS, Metric};
use crate::compare::name::names;
use crate::compare::side::ComparedReport;
use crate::compare::table::{ComparisonTable, MetricCell, MetricLine};
use crate::long::is_mark;

/// Show reports side by side.
#[derive(clap::Args, Debug)]
#[command(after_help = help())]
pub struct CompareArgs {
    /// Reports by directory, report.json or key under `[data] root`; the first is the reference.
    #[arg(required = true, value_name = "REPORT")]
    reports: Vec<String>,
    /// Exit with 1 if this holds for the last report, or if its number is missing.
    ///
    /// Examples: "nmi < 0.2", or "change in nmi < -0.05" for the change from the first report. May
    /// be repeated.
    #[arg(long, value_name = "EXPRESSION")]
    fail_if: Vec<Gate>,
    /// Print JSON, with every frame of every curve.
    #[arg(long)]
    json: bool,
}

/// Lists the metrics for `--help`.
fn help() -> String {
    let of = |metric: &Metric| {
        if metric.field.is_curve() { format!("{}_T", metric.name) } else { metric.name.to_owned() }
    };
    format!(
        "Metrics (T is the number of a frame): {}",
        METRICS.iter().map(of).collect::<Vec<_>>().join(", ")
    )
}

/// Compares reports; the exit code says whether a gate failed.
///
/// # Errors
/// Fails if a report cannot be read.
pub fn run(args: &CompareArgs, root: &Utf8Path) -> Result<Exit> {
    if let (1, Some(gate)) = (args.reports.len(), args.fail_if.iter().find(|gate| gate.change)) {
        return Err(
            Usage(format!("`{gate}` needs two reports, and there is only one: name two")).into()
        );
    }
    let sides: Vec<ComparedReport> = args
        .reports
        .iter()
        .enumerate()
        .map(|(number, named)| ComparedReport::open(number, named, root))
        .collect::<Result<_>>()?;
    let table = ComparisonTable::new(&sides);
    let all: Vec<MetricLine> = names(&sides.iter().map(|side| &side.report).collect::<Vec<_>>())
        .into_iter()
        .map(|name| table.line(name))
        .collect();
    let warnings = warnings(&sides, &all);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let last = sides.last().map_or("", |side| &side.letter);
    let results: Vec<GateResult> =
        args.fail_if.iter().map(|gate| GateResult::of(gate, &table, last)).collect();
    let text = if args.json {
        serde_json::to_string_pretty(&json!({
            "reports": sides.iter().map(about).collect::<Vec<_>>(),
            "metrics": all,
            "warnings": warnings,
            "gates": results.iter().map(GateResult::to_json).collect::<Vec<_>>(),
        }))? + "\n"
    } else {
        let shown = |line: &MetricLine| {
            let gate = args.fail_if.iter().any(|gate| gate.name == line.metric);
            gate || line.metric.t.is_none_or(|t| is_shown(line.metric.metric, t, &sides[0].report))
        };
        text::render(&sides, &table, &all.into_iter().filter(shown).collect::<Vec<_>>())
    };
    let written = io::stdout().lock().write_all(text.as_bytes());
    for gate in &results {
        gate.log();
    }
    // The gates count first: a reader that closed the pipe (`… | head`) must not hide a failed
    // gate.
    if results.iter().any(|gate| gate.failed) {
        return Ok(Exit::Failed(FAILED));
    }
    written?;
    Ok(Exit::Done)
}

/// Returns whether the printed table shows frame `t` of a curve.
///
/// A curve over windows shows the headline's frame. A curve of long rollouts shows its marked
/// frames and its last frame.
fn is_shown(metric: &Metric, t: usize, report: &Value) -> bool {
    let is = |pointer, number: usize| {
        report.pointer(pointer).and_then(Value::as_u64) == Some(number as u64)
    };
    if metric.field.is_long() {
        is_mark(t) || is("/long/frames", t + 1)
    } else {
        is("/headline/t", t)
    }
}

/// A gate, and its result on the last report.
struct GateResult<'a> {
    gate: &'a Gate,
    value: Option<f64>,
    /// The number, or the reason why it is missing.
    text: String,
    failed: bool,
}

impl GateResult<'_> {
    fn of<'a>(gate: &'a Gate, table: &ComparisonTable<'_>, last: &str) -> GateResult<'a> {
        let MetricCell { value, ci95, change, change_ci95, note } =
            table.line(gate.name).cells.pop().unwrap_or_default();
        let (value, ci95) = if gate.change { (change, change_ci95) } else { (value, ci95) };
        let interval =
            ci95.map_or_else(String::new, |[low, high]| format!(" (95 %: {low:.4} to {high:.4})"));
        let text = match value {
            Some(value) => format!("{last} has {value:.4}{interval}"),
            None => format!("{last} cannot tell: {}", note.unwrap_or_default()),
        };
        GateResult { gate, value, text, failed: value.is_none_or(|value| gate.holds(value)) }
    }

    fn log(&self) {
        if self.failed {
            tracing::error!("failed: {}: {}", self.gate, self.text);
        } else {
            tracing::info!("passed: not {}: {}", self.gate, self.text);
        }
    }

    fn to_json(&self) -> Value {
        json!({ "fail_if": self.gate.to_string(), "value": self.value, "failed": self.failed })
    }
}

/// Returns the identity of a report, for `--json`.
fn about(side: &ComparedReport) -> Value {
    let ComparedReport { letter, dir, report, .. } = side;
    json!({
        "name": letter,
        "dir": dir,
        "schema_version": report["schema_version"],
        "lineage": report["lineage"],
        "counts": report["counts"],
    })
}

/// Returns the warnings that a reader needs before trusting differences.
fn warnings(sides: &[ComparedReport], lines: &[MetricLine]) -> Vec<String> {
    let Some((first, others)) = sides.split_first() else { return Vec::new() };
    let mut warnings = Vec::new();
    for other in others {
        warnings.extend(differences::between(first, other));
        let why = |line: &MetricLine| {
            differences::of_distances(line.metric, &first.report, &other.report)
        };
        for (line, why) in lines.iter().filter_map(|line| Some((line, why(line)?))) {
            warnings.push(format!(
                "{} and {} are not comparable by {}: {why}",
                first.letter, other.letter, line.metric
            ));
        }
    }
    warnings
}
