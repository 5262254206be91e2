//! `report.json` as text.

use anyhow::{Result, bail};

use crate::report::schema::Report;

impl Report {
    /// Returns the report as pretty JSON.
    ///
    /// # Errors
    /// Fails if a number is not finite; the message names its key.
    pub fn to_json(&self) -> Result<String> {
        let value = serde_json::to_value(self)?;
        if let Some(key) = not_finite(&value, "") {
            bail!(
                "{key} is not a finite number: a model diverged, or there was nothing to measure; \
                 no report was written. Check the training metrics of the models in its lineage"
            );
        }
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }
}

/// Keys that may be `null` because there is no value.
const MAY_BE_ABSENT: [&str; 28] = [
    "action_agreement",
    "ceiling",
    "directions",
    "ahead",
    "of_ahead",
    "nmi_share",
    "information_share",
    "accuracy_share",
    "preset",
    "frechet_infinity",
    "effects",
    "speed",
    "consistency",
    "name",
    "name_share",
    "movement",
    "movement_share",
    "held",
    "recorded",
    "lpips",
    "lpips_baseline",
    "lpips_weights",
    "trust",
    "best",
    "long",
    "half_life",
    "half_life_at_least",
    "gain_db",
];

/// Returns the path of the first `null` whose key may not be `null`.
fn not_finite(value: &serde_json::Value, path: &str) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null => {
            let key = path.rsplit('.').next().unwrap_or(path);
            let headline_of_truth = path == "headline.nmi" || path == "headline.nmi_shuffled";
            let may_be_absent = key.ends_with("ci95")
                || key.starts_with("effect_")
                || MAY_BE_ABSENT.contains(&key)
                || headline_of_truth;
            (!may_be_absent).then(|| path.to_owned())
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, item)| not_finite(item, &format!("{path}[{i}]")))
        }
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if path == "lineage.config" { None } else { not_finite(item, &path) }
        }),
        _ => None,
    }
}
