//! The measurement of a network as JSON and as a page of text.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::labels::MajorityLabel;
use super::measure::{Discrimination, MeasuredValue};

/// What is known of a trained network: `quality.json` in its directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Key of the network, for `ingest.quality`.
    pub model: String,
    pub trained_on: LabelCounts,
    pub held_out: LabelCounts,
    #[serde(flatten)]
    pub discrimination: Discrimination,
}

/// Numbers of labelled clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCounts {
    pub good: usize,
    pub bad: usize,
    pub sources: usize,
}

impl LabelCounts {
    /// Counts clips, which are sorted by source.
    pub fn of(clips: &[MajorityLabel]) -> Self {
        let good = clips.iter().filter(|clip| clip.good).count();
        let sources = clips.chunk_by(|one, other| one.source_id == other.source_id).count();
        Self { good, bad: clips.len() - good, sources }
    }
}

impl QualityReport {
    /// The page, for people.
    pub fn page(&self) -> String {
        let Self { model, trained_on, held_out, discrimination } = self;
        let counts = |LabelCounts { good, bad, sources }: &LabelCounts| {
            format!("{good} good and {bad} bad clips of {sources} sources")
        };
        let mut page = format!(
            "quality network {model}\ntrained on   {}\nmeasured on  {}, which are held out\n\n\
             AUC          {}\n\n",
            counts(trained_on),
            counts(held_out),
            shown(&discrimination.auc)
        );
        page += "kept above   clips  precision            recall\n";
        for row in &discrimination.thresholds {
            let (precision, recall) = (shown(&row.precision), shown(&row.recall));
            // Writing to a string cannot fail.
            let _ =
                writeln!(page, "{:<12} {:>5}  {precision:<20} {recall}", row.quality, row.clips);
        }
        page += "\nquality      clips  mean quality         share of good clips\n";
        for row in &discrimination.calibration {
            let mean = row.mean_quality.map_or("-".to_owned(), |mean| format!("{mean:.3}"));
            let bin = format!("{} to {}", row.from, row.to);
            let _ = writeln!(page, "{bin:<12} {:>5}  {mean:<20} {}", row.clips, shown(&row.good));
        }
        page
    }
}

/// A number with its interval.
fn shown(measured: &MeasuredValue) -> String {
    let value = measured.value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let ci95 = measured.ci95.map(|[low, high]| format!(" [{low:.3}, {high:.3}]"));
    value + &ci95.unwrap_or_default()
}
