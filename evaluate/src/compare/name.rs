//! Names of the numbers to compare.

use std::fmt;

use genie_stage::config::nearest;
use serde_json::Value;

use crate::compare::metric::{METRICS, Metric, ReportField};
use crate::statistics::bootstrap::Interval;

/// One number: a metric and, for a curve, its frame.
#[derive(Clone, Copy)]
pub struct MetricName {
    pub metric: &'static Metric,
    pub t: Option<usize>,
}

impl fmt::Debug for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.metric.name)?;
        self.t.map_or(Ok(()), |t| write!(f, "_{t}"))
    }
}

impl PartialEq for MetricName {
    fn eq(&self, other: &MetricName) -> bool {
        (self.metric.name, self.t) == (other.metric.name, other.t)
    }
}

impl MetricName {
    /// Parses a name.
    ///
    /// # Errors
    /// Fails if there is no such number; the message has the nearest name.
    pub fn parse(text: &str) -> Result<MetricName, String> {
        let curve = |metric: &Metric| metric.field.is_curve();
        if let Some(metric) = METRICS.iter().find(|metric| metric.name == text && !curve(metric)) {
            return Ok(MetricName { metric, t: None });
        }
        let (stem, t) = text.rsplit_once('_').unwrap_or_default();
        if let (Some(metric), Ok(t)) =
            (METRICS.iter().find(|metric| metric.name == stem && curve(metric)), t.parse())
        {
            return Ok(MetricName { metric, t: Some(t) });
        }
        // For a curve, suggest the frame that the text ends in, or the paper's frame 4.
        let t: usize = text.rsplit('_').next().and_then(|end| end.parse().ok()).unwrap_or(4);
        let known: Vec<String> = METRICS
            .iter()
            .map(|metric| {
                if curve(metric) { format!("{}_{t}", metric.name) } else { metric.name.to_owned() }
            })
            .collect();
        Err(match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => format!("there is no metric `{text}`; did you mean `{near}`?"),
            None => format!("there is no metric `{text}`; choose one of {}", known.join(", ")),
        })
    }

    /// Returns the number in a report, and its interval.
    #[must_use]
    pub fn value(self, report: &Value) -> Option<(f64, Option<Interval>)> {
        let (value, interval) = match self.metric.field {
            ReportField::Number(pointer) => {
                (report.pointer(pointer)?, report.pointer(&format!("{pointer}_ci95")))
            }
            ReportField::Curve(_) | ReportField::LongDistance(_) => {
                let points = self.metric.field.points(report)?;
                let point = points
                    .iter()
                    .find(|point| point["t"].as_u64().map(|t| t as usize) == self.t)?;
                (&point["mean"], Some(&point["ci95"]))
            }
            ReportField::Distance(_, key) => {
                let distance = self.distance(report)?;
                (&distance[key], distance.get(format!("{key}_ci95")))
            }
        };
        let interval = interval.and_then(|ci95| serde_json::from_value(ci95.clone()).ok());
        Some((value.as_f64()?, interval))
    }

    /// Returns the distance that the number belongs to, if the report has it.
    #[must_use]
    pub fn distance(self, report: &Value) -> Option<&Value> {
        let ReportField::Distance(is, _) = self.metric.field else { return None };
        report["distances"].as_array()?.iter().find(|distance| is(distance))
    }
}

/// Lists all numbers that at least one of the reports has.
#[must_use]
pub fn names(reports: &[&Value]) -> Vec<MetricName> {
    let frames = |field: ReportField| {
        let points = reports.iter().filter_map(|report| field.points(report)).flatten();
        let mut frames: Vec<usize> =
            points.filter_map(|point| Some(point["t"].as_u64()? as usize)).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    };
    let of = |metric: &'static Metric| {
        if metric.field.is_curve() {
            frames(metric.field).into_iter().map(|t| MetricName { metric, t: Some(t) }).collect()
        } else {
            vec![MetricName { metric, t: None }]
        }
    };
    METRICS
        .iter()
        .flat_map(of)
        .filter(|name| reports.iter().any(|report| name.value(report).is_some()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a curve without a frame, or a number with a frame, counts as a metric; the error
    /// for a misspelt name has no suggestion.
    #[test]
    fn names_are_known_or_helped() {
        for name in [
            "delta_psnr_4",
            "delta_psnr_time_shuffled_15",
            "psnr_1",
            "psnr_copy_last_2",
            "fvd",
            "effect_nmi",
        ] {
            assert_eq!(MetricName::parse(name).unwrap().to_string(), name);
        }
        for (wrong, near) in [
            ("delta_psnr", "delta_psnr_4"),
            ("delta_pnsr_7", "delta_psnr_7"),
            ("nmi_4", "nmi"),
            ("codes_used", "codes_used`?"),
            ("perplexity", "perplexity`?"),
            ("FVD", "fvd"),
        ] {
            let message = MetricName::parse(wrong).unwrap_err();
            assert!(message.contains("did you mean") && message.contains(near), "{message}");
        }
        assert!(
            MetricName::parse("quality")
                .unwrap_err()
                .contains("clip_distance, clip_kernel_distance")
        );
    }

    /// Catches: docs/report.md does not list a new number.
    #[test]
    fn the_page_lists_every_name() {
        let page = include_str!("../../../docs/report.md");
        for Metric { name, field, .. } in METRICS {
            let shown = if field.is_curve() { format!("`{name}_T`") } else { format!("`{name}`") };
            assert!(page.contains(&shown), "docs/report.md has no {shown}");
        }
    }

    /// Catches: a name hides another one (`psnr_copy_last` is not a frame of `psnr`); two metrics
    /// have the same name.
    #[test]
    fn every_name_is_its_own() {
        for metric in METRICS {
            let name = MetricName { metric, t: metric.field.is_curve().then_some(3) };
            assert_eq!(MetricName::parse(&name.to_string()).unwrap(), name);
        }
    }
}
