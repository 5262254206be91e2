//! What stands between two reports: that they were not made in the same way, of the same clips, or by the same encoder.

use serde_json::Value;

use crate::compare::name::MetricName;
use crate::compare::side::ComparedReport;

/// What must be the same for numbers to compare, and how it is called.
const SAME: [(&str, &str); 13] = [
    ("/lineage/data", "the clips"),
    ("/counts/windows", "the number of windows"),
    ("/counts/window_frames", "the frames of a window"),
    ("/counts/height", "the height of a frame"),
    ("/counts/width", "the width of a frame"),
    ("/counts/prompt_frames", "the frames that rollouts are given"),
    ("/lineage/config/samples", "the draws of random actions"),
    ("/lineage/config/steps", "the sampler's steps"),
    ("/lineage/config/temperature", "the sampler's temperature"),
    ("/lineage/config/order", "the sampler's order"),
    ("/lineage/config/seed", "the seed"),
    ("/lpips_weights/hash", "the weights of LPIPS"),
    ("/schema_version", "the version of the report"),
];

/// What must be the same for two distances to compare.
const SAME_DISTANCE: [(&str, &str); 4] = [
    ("encoder", "encoders"),
    ("preset", "presets"),
    ("real_clips", "numbers of real clips"),
    ("generated_clips", "numbers of generated clips"),
];

/// Sentences on what differs between how two reports were made. What only one of them tells is passed over.
#[must_use]
pub fn between(a: &ComparedReport, b: &ComparedReport) -> Vec<String> {
    let differs = |(pointer, what): &(&str, &str)| {
        let (first, second) = (a.words(pointer), b.words(pointer));
        let told = !first.is_empty() && !second.is_empty();
        (told && first != second)
            .then(|| format!("{what} ({} and {})", short(&first), short(&second)))
    };
    let found: Vec<String> = SAME.iter().filter_map(differs).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let (a, b) = (&a.letter, &b.letter);
    vec![format!(
        "{a} and {b} were not measured in the same way, which may be all that their numbers differ by: {}",
        found.join(", ")
    )]
}

/// Why the distances that `name` is of do not compare; `None` where they do, or `name` is of none.
#[must_use]
pub fn of_distances(name: MetricName, a: &Value, b: &Value) -> Option<String> {
    let (a, b) = (name.distance(a)?, name.distance(b)?);
    let differs = |(key, what): &(&str, &str)| {
        (a[key] != b[key]).then(|| format!("other {what} ({} and {})", a[key], b[key]))
    };
    SAME_DISTANCE.iter().find_map(differs)
}

/// Enough of a hash to tell it from another.
fn short(words: &str) -> &str {
    if words.len() > 16 { &words[..words.floor_char_boundary(8)] } else { words }
}
