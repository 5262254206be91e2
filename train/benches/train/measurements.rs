//! The numbers that a measuring process prints.
//!
//! The process prints one flat JSON object per group of training steps. Its last object contains
//! its peak memory. The processes of this crate and of PyTorch print the same keys.

use std::collections::BTreeMap;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// All measured numbers of all rounds, by name.
#[derive(Default)]
pub struct Measurements(BTreeMap<String, Vec<f64>>);

impl Measurements {
    /// Adds the numbers in the output of the process `who`, except those that are null.
    ///
    /// # Errors
    /// If the process failed, or its output is not JSON.
    pub fn add(&mut self, who: &str, output: Output) -> Result<()> {
        ensure!(output.status.success(), "{who} failed; its message is above");
        for line in String::from_utf8(output.stdout)?.lines() {
            let numbers: BTreeMap<String, Value> = serde_json::from_str(line)
                .with_context(|| format!("{who} printed a line that is not JSON: {line}"))?;
            for (name, value) in numbers {
                self.0.entry(name).or_default().extend(value.as_f64());
            }
        }
        Ok(())
    }

    /// The median of a number; NaN if there is none.
    pub fn median(&self, name: &str) -> f64 {
        let mut values = self.0.get(name).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
