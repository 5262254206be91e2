//! The comparison as numbers: every metric of every report, and its difference from the first.

use serde::Serialize;

use crate::compare::differences::of_distances;
use crate::compare::name::MetricName;
use crate::compare::paired::Paired;
use crate::compare::side::{ComparedReport, WindowRows};
use crate::statistics::bootstrap::Interval;

/// A metric in all reports.
#[derive(Debug, Serialize)]
pub struct MetricLine {
    #[serde(serialize_with = "as_text")]
    pub metric: MetricName,
    /// One cell for each report.
    pub cells: Vec<MetricCell>,
}

/// A metric in one report.
#[derive(Debug, Default, Serialize)]
pub struct MetricCell {
    /// `null` if the report does not have it.
    pub value: Option<f64>,
    pub ci95: Option<Interval>,
    /// The value minus the first report's value.
    ///
    /// `null` if one of the two is missing, or if the two are not comparable.
    pub change: Option<f64>,
    pub change_ci95: Option<Interval>,
    /// The reason if `change` or `change_ci95` is missing.
    pub note: Option<String>,
}

fn as_text<S: serde::Serializer>(name: &MetricName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

/// Reports side by side; each is compared with the first.
pub struct ComparisonTable<'a> {
    sides: &'a [ComparedReport],
    /// The first report paired with each of the others, or why it cannot be paired.
    paired: Vec<Result<Paired<'a>, String>>,
    /// The same for the windows on which agreement is measured.
    agreement: Vec<Result<Paired<'a>, String>>,
}

impl<'a> ComparisonTable<'a> {
    /// Pairs the windows of the first report with those of the others.
    #[must_use]
    pub fn new(sides: &'a [ComparedReport]) -> ComparisonTable<'a> {
        const DRAWS: usize = 1000;
        let pairs = |of: fn(&'a ComparedReport) -> &'a Result<WindowRows, String>| {
            let rows = |side| of(side).as_ref().map_err(Clone::clone);
            let pair = |other| Paired::new(rows(&sides[0])?, rows(other)?, DRAWS);
            sides.iter().skip(1).map(pair).collect()
        };
        let (paired, agreement) = (pairs(|side| &side.windows), pairs(|side| &side.agreement));
        ComparisonTable { sides, paired, agreement }
    }

    /// Returns why report `number` has no intervals, if its windows cannot be paired.
    #[must_use]
    pub fn unpaired(&self, number: usize) -> Option<&str> {
        self.paired.get(number.checked_sub(1)?)?.as_ref().err().map(String::as_str)
    }

    /// Returns the line of one metric.
    #[must_use]
    pub fn line(&self, metric: MetricName) -> MetricLine {
        MetricLine {
            metric,
            cells: (0..self.sides.len()).map(|number| self.cell(metric, number)).collect(),
        }
    }

    fn cell(&self, name: MetricName, number: usize) -> MetricCell {
        let (first, side) = (&self.sides[0], &self.sides[number]);
        let Some((value, ci95)) = name.value(&side.report) else {
            return MetricCell { note: Some(why_missing(name, side)), ..MetricCell::default() };
        };
        let cell = MetricCell { value: Some(value), ci95, ..MetricCell::default() };
        if number == 0 {
            return cell;
        }
        let Some((before, _)) = name.value(&first.report) else {
            return MetricCell { note: Some(why_missing(name, first)), ..cell };
        };
        if let Some(note) = of_distances(name, &first.report, &side.report) {
            return MetricCell { note: Some(note), ..cell };
        }
        let change = value - before;
        let paired = if name.metric.per_window.is_agreement() {
            &self.agreement[number - 1]
        } else {
            &self.paired[number - 1]
        };
        let paired = paired.as_ref().map_err(Clone::clone);
        let (change_ci95, note) = match paired.and_then(|paired| paired.interval(name, change)) {
            Ok(interval) => (Some(interval), None),
            Err(note) => (None, Some(note)),
        };
        MetricCell { change: Some(change), change_ci95, note, ..cell }
    }
}

/// Returns why a report lacks a number.
fn why_missing(name: MetricName, side: &ComparedReport) -> String {
    format!("{} has no {name}: {}", side.letter, name.metric.needs)
}
