//! The panel of the ceiling of agreement.

use crate::page::numbers::{interval, percent};
use crate::report::schema::{Ceiling, CeilingShare, KeyReading, KeyReadingAtLag, KeyReadings};
use crate::statistics::bootstrap::Interval;

/// The panel.
pub struct CeilingView<'a> {
    pub of: &'a Ceiling,
    pub verdict: String,
    pub tables: Vec<ReadersView>,
}

/// What all readers say about one division of the keys.
pub struct ReadersView {
    pub title: &'static str,
    pub names: String,
    pub entropy: String,
    pub rows: Vec<ReaderRow>,
    /// One row for each reader and lag.
    pub lags: Vec<ReaderRow>,
}

pub struct ReaderRow {
    pub name: String,
    pub lag: String,
    pub nmi: String,
    pub information: String,
    pub accuracy: String,
    /// The intervals, as the tooltip of the row.
    pub hint: String,
}

pub fn ceiling_view(of: &Ceiling) -> CeilingView<'_> {
    let keys = readers("True actions", &of.keys);
    let directions = of.directions.as_ref().map(|found| readers("Directions", found));
    CeilingView {
        of,
        verdict: verdict(&of.keys),
        tables: [keys].into_iter().chain(directions).collect(),
    }
}

/// Says which share of the information the latent actions have.
pub fn verdict(keys: &KeyReadings) -> String {
    let (Some(narrow), Some(wide)) =
        (keys.of_narrow.information_share, keys.of_wide.information_share)
    else {
        return "The supervised networks read nothing about the true actions: the ceiling is not \
                known."
            .to_owned();
    };
    format!(
        "The latent actions have {} of the information that the same frames have about the true \
         actions, and {} of what more frames have.",
        percent(narrow),
        percent(wide)
    )
}

/// Formats a share and its interval.
pub fn share_text(share: Option<f64>, ci95: Option<Interval>) -> String {
    let Some(share) = share else { return "–".to_owned() };
    match ci95 {
        Some([lo, hi]) => format!("{} [{:.0}, {:.0}]", percent(share), lo * 100.0, hi * 100.0),
        None => percent(share),
    }
}

/// Names the frames that a reader sees.
fn frames(reading: &KeyReading) -> String {
    let first = match reading.frames_before {
        0 => "t".to_owned(),
        before => format!("t−{before}"),
    };
    format!("frames {first} to t+{}", reading.frames_after)
}

fn readers(title: &'static str, of: &KeyReadings) -> ReadersView {
    let all = [
        ("latent actions", Some(&of.latent)),
        ("supervised, the same frames", Some(&of.narrow)),
        ("supervised, one more frame", of.ahead.as_ref()),
        ("supervised, more frames", Some(&of.wide)),
    ];
    let all: Vec<_> = all.into_iter().filter_map(|(name, found)| Some((name, found?))).collect();
    let row = |name: &str, reading: &KeyReading, at: &KeyReadingAtLag| ReaderRow {
        name: format!("{name} ({})", frames(reading)),
        lag: at.lag.to_string(),
        nmi: format!("{:.3}", at.nmi),
        information: format!("{:.3}", at.information_nats),
        accuracy: percent(at.accuracy),
        hint: format!(
            "NMI {}; information {}; always the most common {}",
            interval(at.nmi_ci95, 3),
            interval(at.information_nats_ci95, 3),
            percent(at.accuracy_baseline)
        ),
    };
    let share = |name: &str, share: &CeilingShare| ReaderRow {
        name: name.to_owned(),
        lag: String::new(),
        nmi: share_text(share.nmi_share, share.nmi_share_ci95),
        information: share_text(share.information_share, share.information_share_ci95),
        accuracy: share_text(share.accuracy_share, share.accuracy_share_ci95),
        hint: "accuracy above always the most common".to_owned(),
    };
    let mut rows: Vec<_> =
        all.iter().map(|(name, reading)| row(name, reading, &reading.chosen)).collect();
    let shares = [
        ("latent actions, share of the same frames", Some(&of.of_narrow)),
        ("latent actions, share of one more frame", of.of_ahead.as_ref()),
        ("latent actions, share of more frames", Some(&of.of_wide)),
    ];
    rows.extend(shares.iter().filter_map(|(name, of)| Some(share(name, (*of)?))));
    let lags = all
        .iter()
        .flat_map(|(name, reading)| reading.lags.iter().map(|at| row(name, reading, at)))
        .collect();
    ReadersView {
        title,
        names: of.names.join(" | "),
        entropy: format!(
            "{:.2} nats; always the most common is right in {}",
            of.latent.chosen.entropy_nats,
            percent(of.latent.chosen.accuracy_baseline)
        ),
        rows,
        lags,
    }
}
