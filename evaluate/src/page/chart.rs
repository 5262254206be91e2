//! Charts as inline SVG: curves with interval bands, and bars.
//!
//! A report needs only two kinds of chart and must not load anything, so no chart library is used.
//! The charts follow the page's light and dark colours through CSS classes: `templates/report.html`
//! colours `.s0` to `.s3`, `.band` and `.axis`. The view box is about as wide as a phone, so
//! the text is readable there without zooming.

use std::fmt::Write;

use crate::report::schema::Point;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 38.0;

/// One curve of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    pub name: &'a str,
    pub points: &'a [Point],
}

/// Draws curves over t, with their intervals as bands.
///
/// With `with_zero` the scale includes zero and marks it.
#[must_use]
pub fn curves(title: &str, unit: &str, series: &[Series<'_>], with_zero: bool) -> String {
    let points = || series.iter().flat_map(|s| s.points);
    let Some(last_t) = points().map(|p| p.t).max() else { return String::new() };
    let first_t = points().map(|p| p.t).min().unwrap_or(last_t);
    let values = points().flat_map(|p| [p.mean].into_iter().chain(p.ci95.into_iter().flatten()));
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = if with_zero { (low.min(0.0), high.max(0.0)) } else { (low, high) };
    let ticks = ticks(low, high);
    let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
    let span_t = (last_t - first_t).max(1) as f64;
    let x = |t: usize| LEFT + (t - first_t) as f64 / span_t * (WIDTH - LEFT - RIGHT);
    let y = |v: f64| TOP + (high - v) / (high - low) * (HEIGHT - TOP - BOTTOM);

    let mut svg = open(title, HEIGHT);
    for &tick in &ticks {
        let class = if with_zero && tick.abs() < 1e-9 { "zero" } else { "grid" };
        level(&mut svg, class, y(tick), &label(tick));
    }
    let every = (last_t - first_t) / 8 + 1;
    for t in (first_t..=last_t).step_by(every) {
        let _ = write!(
            svg,
            r#"<text class="axis" text-anchor="middle" x="{:.1}" y="{}">{t}</text>"#,
            x(t),
            HEIGHT - BOTTOM + 16.0
        );
    }
    let _ = write!(
        svg,
        r#"<text class="axis" x="{LEFT}" y="{}">{unit} by frame t</text>"#,
        HEIGHT - 4.0
    );
    for (number, one) in series.iter().enumerate() {
        svg.push_str(&band(one.points, number, &x, &y));
    }
    for (number, one) in series.iter().enumerate() {
        let line: Vec<String> =
            one.points.iter().map(|p| format!("{:.1},{:.1}", x(p.t), y(p.mean))).collect();
        let _ = write!(svg, r#"<polyline class="line s{number}" points="{}"/>"#, line.join(" "));
        for p in one.points {
            let _ = write!(
                svg,
                "<circle class=\"dot s{number}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\">\
                 <title>{}, t = {}: {:.2} {unit}</title></circle>",
                x(p.t),
                y(p.mean),
                one.name,
                p.t,
                p.mean
            );
        }
    }
    svg + "</svg>"
}

/// Draws the band between the bounds of the intervals; nothing if there are none.
fn band(
    points: &[Point],
    number: usize,
    x: &dyn Fn(usize) -> f64,
    y: &dyn Fn(f64) -> f64,
) -> String {
    let bound =
        |which: usize, p: &Point| p.ci95.map(|ci| format!("{:.1},{:.1}", x(p.t), y(ci[which])));
    let upper = points.iter().filter_map(|p| bound(1, p));
    let lower = points.iter().rev().filter_map(|p| bound(0, p));
    let outline: Vec<String> = upper.chain(lower).collect();
    if outline.is_empty() {
        String::new()
    } else {
        format!(r#"<polygon class="band s{number}" points="{}"/>"#, outline.join(" "))
    }
}

/// Draws a column for each share, and a line at the value for equal shares.
pub fn bars(title: &str, shares: &[f64]) -> String {
    let height = 170.0;
    let most = shares.iter().copied().fold(0.0, f64::max).max(1e-9);
    let slot = (WIDTH - LEFT - RIGHT) / shares.len().max(1) as f64;
    let y = |share: f64| TOP + (1.0 - share / most) * (height - TOP - BOTTOM);
    let mut svg = open(title, height);
    for share in [0.0, most] {
        level(&mut svg, "grid", y(share), &format!("{:.0} %", share * 100.0));
    }
    for (code, &share) in shares.iter().enumerate() {
        let left = LEFT + code as f64 * slot;
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>action {code}: {:.1} %</title></rect>",
            left + slot * 0.15,
            y(share),
            slot * 0.7,
            y(0.0) - y(share),
            share * 100.0
        );
        if shares.len() <= 32 {
            let _ = write!(
                svg,
                r#"<text class="axis" text-anchor="middle" x="{:.1}" y="{}">{code}</text>"#,
                left + slot / 2.0,
                height - BOTTOM + 16.0
            );
        }
    }
    let even = 1.0 / shares.len().max(1) as f64;
    let _ = write!(
        svg,
        r#"<line class="even" x1="{LEFT}" x2="{}" y1="{:.1}" y2="{:.1}"/>"#,
        WIDTH - RIGHT,
        y(even),
        y(even)
    );
    let _ = write!(
        svg,
        "<text class=\"axis\" x=\"{LEFT}\" y=\"{}\">\
         share of each latent action (dashed: all equal)</text>",
        height - 4.0
    );
    svg + "</svg>"
}

/// Draws a line across the chart at height `y`, with a name at the axis.
fn level(svg: &mut String, class: &str, y: f64, name: &str) {
    let _ = write!(
        svg,
        r#"<line class="{class}" x1="{LEFT}" x2="{}" y1="{y:.1}" y2="{y:.1}"/>"#,
        WIDTH - RIGHT
    );
    let _ = write!(
        svg,
        r#"<text class="axis" text-anchor="end" x="{}" y="{:.1}">{name}</text>"#,
        LEFT - 6.0,
        y + 4.0
    );
}

fn open(title: &str, height: f64) -> String {
    format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">"#)
}

/// Returns about five round values that enclose low and high.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = (high - low).max(1e-3);
    let rough = span / 4.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|m| m * magnitude)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    (first..=last.max(first + 1)).map(|i| i as f64 * step).collect()
}

/// Formats the number of a tick without trailing zeros.
fn label(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: ticks are not round, or do not enclose the values; a constant curve has no scale.
    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(ticks(-0.3, 3.6), [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks(21.2, 21.2).len(), 2, "a constant curve has a scale too");
        assert!(ticks(0.0, 0.0)[0].abs() < 1e-12);
    }

    /// Catches: the band of a missing interval is NaN, which breaks the whole picture.
    #[test]
    fn a_curve_without_intervals_has_a_line_and_no_band() {
        let points = [Point { t: 1, mean: 2.0, ci95: None }, Point { t: 2, mean: 3.0, ci95: None }];
        let svg = curves("test", "dB", &[Series { name: "a", points: &points }], true);
        assert!(svg.contains("polyline") && !svg.contains("band") && !svg.contains("NaN"));
        assert!(svg.contains(r#"class="zero""#));
    }
}
