//! Reasons why the numbers of two reports are not comparable.

use serde_json::Value;

use crate::compare::name::MetricName;
use crate::compare::side::ComparedReport;

/// Values of `report.json` that must be equal, and their names.
const SAME: [(&str, &str); 18] = [
    ("/lineage/data", "the clips"),
    ("/counts/windows", "the number of windows"),
    ("/counts/agreement_windows", "the number of windows for agreement"),
    ("/counts/window_frames", "the frames of a window"),
    ("/counts/height", "the height of a frame"),
    ("/counts/width", "the width of a frame"),
    ("/counts/prompt_frames", "the number of prompt frames"),
    ("/lineage/config/samples", "the number of draws of random actions"),
    ("/lineage/config/steps", "the sampler's steps"),
    ("/lineage/config/temperature", "the sampler's temperature"),
    ("/lineage/config/order", "the sampler's order"),
    ("/lineage/config/seed", "the seed"),
    ("/long/clips", "the number of clips of long rollouts"),
    ("/long/frames", "the frames of long rollouts"),
    ("/ceiling/training_steps", "the training steps of the ceiling"),
    ("/lineage/config/ceiling_middle", "the part of the frame that the ceiling sees"),
    ("/lpips_weights/hash", "the weights of LPIPS"),
    ("/schema_version", "the version of the report"),
];

/// Lists of the config that must be equal, and their names. Messages do not repeat the lists.
const SAME_LISTS: [(&str, &str); 3] = [
    ("/lineage/config/objects", "evaluate.objects"),
    ("/lineage/config/same_keys", "evaluate.same_keys"),
    ("/lineage/config/directions", "evaluate.directions"),
];

/// Keys of a distance that must be equal, and their names.
const SAME_DISTANCE: [(&str, &str); 4] = [
    ("encoder", "encoders"),
    ("preset", "presets"),
    ("real_clips", "numbers of real clips"),
    ("generated_clips", "numbers of generated clips"),
];

/// Returns sentences about differences between the ways in which two reports were measured.
///
/// A value that only one report has is ignored.
#[must_use]
pub fn between(a: &ComparedReport, b: &ComparedReport) -> Vec<String> {
    let differs = |(pointer, what): &(&str, &str)| {
        let (first, second) = (a.text(pointer), b.text(pointer));
        let both = !first.is_empty() && !second.is_empty();
        (both && first != second)
            .then(|| format!("{what} ({} and {})", short(&first), short(&second)))
    };
    let differ = |pointer: &str| {
        let (first, second) = (a.report.pointer(pointer), b.report.pointer(pointer));
        first.zip(second).is_some_and(|(first, second)| first != second)
    };
    let lists = SAME_LISTS.iter().filter(|(pointer, _)| differ(pointer));
    let found: Vec<String> =
        SAME.iter().filter_map(differs).chain(lists.map(|(_, what)| (*what).to_owned())).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let (a, b) = (&a.letter, &b.letter);
    vec![format!(
        "{a} and {b} were not measured in the same way, which may explain all differences: {}",
        found.join(", ")
    )]
}

/// Returns why the distances of `name` are not comparable; `None` if they are.
///
/// `None` also if `name` is not a number of a distance.
#[must_use]
pub fn of_distances(name: MetricName, a: &Value, b: &Value) -> Option<String> {
    let (a, b) = (name.distance(a)?, name.distance(b)?);
    let differs = |(key, what): &(&str, &str)| {
        (a[key] != b[key]).then(|| format!("different {what} ({} and {})", a[key], b[key]))
    };
    SAME_DISTANCE.iter().find_map(differs)
}

/// Shortens a hash to what distinguishes it from others.
fn short(text: &str) -> &str {
    if text.len() > 16 { &text[..text.floor_char_boundary(8)] } else { text }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn side(letter: &str, report: Value) -> ComparedReport {
        ComparedReport {
            letter: letter.into(),
            dir: "reports".into(),
            report,
            windows: Ok(BTreeMap::new()),
            agreement: Ok(BTreeMap::new()),
        }
    }

    /// Catches: shares of two different objects are compared without a warning, or old reports
    /// without the key always give one.
    #[test]
    fn lists_of_the_config_must_be_equal() {
        let with = |objects: Value| json!({"lineage": {"config": {"objects": objects}}});
        let player = side("A", with(json!([{"name": "player"}])));
        let platform = side("B", with(json!([{"name": "platform"}])));
        let old = side("B", json!({"lineage": {"config": {}}}));
        let found = between(&player, &platform);
        assert!(found.len() == 1 && found[0].ends_with("evaluate.objects"), "{found:?}");
        assert!(between(&player, &player).is_empty() && between(&player, &old).is_empty());
    }
}
