//! What a measuring process answers: a line for each run of steps, a flat JSON object of numbers, and a last one with its memory. The same of ours and of PyTorch.

use std::collections::BTreeMap;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Every number that was answered, by name, of all rounds.
#[derive(Default)]
pub struct Answers(BTreeMap<String, Vec<f64>>);

impl Answers {
    /// Takes in what a process printed; what it could not tell is null, and left out.
    ///
    /// # Errors
    /// When it failed, or printed something else; `who` it is.
    pub fn add(&mut self, who: &str, output: Output) -> Result<()> {
        ensure!(output.status.success(), "{who} failed: its message is above");
        for line in String::from_utf8(output.stdout)?.lines() {
            let answer: BTreeMap<String, Value> =
                serde_json::from_str(line).with_context(|| format!("{who} printed {line}"))?;
            for (name, value) in answer {
                self.0.entry(name).or_default().extend(value.as_f64());
            }
        }
        Ok(())
    }

    /// The median of a number; NaN where none was told.
    pub fn median(&self, name: &str) -> f64 {
        let mut values = self.0.get(name).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
