//! The report's main numbers, each beside what it must beat.
//!
//! Read from `report.json`, whose keys are a contract. A number that is missing or null (no true actions to compare
//! with, say) is left out: nothing is made up and nothing fails for it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// The step ahead at which the paper compares controllability.
const HEADLINE_T: u64 = 4;

/// A report and its numbers.
#[derive(Debug)]
pub struct ReportSummary {
    dir: Utf8PathBuf,
    report: Value,
}

impl ReportSummary {
    /// Reads the report in `dir`.
    pub fn read(dir: &Utf8Path) -> anyhow::Result<Self> {
        let path = dir.join("report.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let report =
            serde_json::from_str(&text).with_context(|| format!("{path} is not valid JSON"))?;
        Ok(Self { dir: dir.to_owned(), report })
    }

    /// Prints it on stdout.
    pub fn print(&self) -> io::Result<()> {
        io::stdout().write_all(self.to_string().as_bytes())
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        self.report.pointer(pointer)?.as_f64()
    }

    /// The entry for [`HEADLINE_T`] in a list of `{t, mean, ci95: [lo, hi]}`, as "+1.20 dB [0.80, 1.60]".
    fn delta(&self, list: &str) -> Option<String> {
        let entry = self
            .report
            .get(list)?
            .as_array()?
            .iter()
            .find(|entry| entry["t"].as_u64() == Some(HEADLINE_T))?;
        let mut text = format!("{:+.2} dB", entry["mean"].as_f64()?);
        if let (Some(low), Some(high)) = (entry["ci95"][0].as_f64(), entry["ci95"][1].as_f64()) {
            let _ = write!(text, " [{low:.2}, {high:.2}]");
        }
        Some(text)
    }

    fn tokenizer(&self) -> Option<String> {
        let psnr = self.number("/tokenizer/psnr_db")?;
        let mut text = format!("PSNR {psnr:.1} dB");
        if let Some(baseline) = self.number("/tokenizer/psnr_baseline_db") {
            let _ = write!(text, " (repeating the first frame: {baseline:.1} dB)");
        }
        if let Some(codes) = self.number("/tokenizer/codes_used") {
            let _ = write!(text, ", {codes} codes used");
        }
        Some(text)
    }

    fn actions(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(codes) = self.number("/lam/codes_used") {
            parts.push(format!("{codes} codes used"));
        }
        if let Some(nmi) = self.number("/action_agreement/nmi") {
            let shuffled = self.number("/action_agreement/nmi_shuffled");
            let beside = shuffled.map_or(String::new(), |s| format!(" (shuffled: {s:.3})"));
            parts.push(format!("NMI with the true actions {nmi:.3}{beside}"));
        }
        if let Some(accuracy) = self.number("/action_agreement/accuracy") {
            parts.push(format!("accuracy {:.0} %", accuracy * 100.0));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn control(&self) -> Option<String> {
        let random = self.delta("delta_psnr_db")?;
        let mut text = format!("ΔPSNR at t = {HEADLINE_T}: {random} over random actions");
        if let Some(shuffled) = self.delta("delta_psnr_time_shuffled_db") {
            let _ = write!(text, ", {shuffled} over its own in another order");
        }
        Some(text)
    }
}

impl std::fmt::Display for ReportSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = [
            ("tokenizer", self.tokenizer()),
            ("actions", self.actions()),
            ("control", self.control()),
        ];
        for (name, text) in rows {
            if let Some(text) = text {
                writeln!(f, "{name:<10} {text}")?;
            }
        }
        writeln!(f, "{:<10} {}", "numbers", self.dir.join("report.json"))?;
        writeln!(f, "{:<10} {}", "report", self.dir.join("report.html"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(report: Value) -> String {
        let dir = "data/demo/reports/abc".into();
        ReportSummary { dir, report }.to_string()
    }

    /// Would catch: numbers read from the wrong key, or from another t.
    #[test]
    fn every_number_is_beside_its_baseline() {
        let list = |mean: f64| json!([{"t": 1, "mean": 9.0, "ci95": [8.0, 10.0]}, {"t": 4, "mean": mean, "ci95": [0.5, 2.0]}]);
        let text = shown(json!({
            "tokenizer": {"psnr_db": 24.13, "psnr_baseline_db": 18.0, "codes_used": 312},
            "lam": {"codes_used": 5},
            "delta_psnr_db": list(1.25),
            "delta_psnr_time_shuffled_db": list(-0.5),
            "action_agreement": {"nmi": 0.31, "nmi_shuffled": 0.02, "accuracy": 0.625},
        }));
        assert_eq!(
            text,
            "tokenizer  PSNR 24.1 dB (repeating the first frame: 18.0 dB), 312 codes used\n\
             actions    5 codes used, NMI with the true actions 0.310 (shuffled: 0.020), accuracy 62 %\n\
             control    ΔPSNR at t = 4: +1.25 dB [0.50, 2.00] over random actions, \
             -0.50 dB [0.50, 2.00] over its own in another order\n\
             numbers    data/demo/reports/abc/report.json\n\
             report     data/demo/reports/abc/report.html\n"
        );
    }

    /// Would catch: a report on videos without true actions ending in an error, or in a number that nobody measured.
    #[test]
    fn what_is_null_or_missing_is_left_out() {
        let text = shown(json!({
            "tokenizer": {"psnr_db": null},
            "lam": {"codes_used": 5},
            "delta_psnr_db": [],
            "action_agreement": null,
        }));
        assert_eq!(
            text,
            "actions    5 codes used\n\
             numbers    data/demo/reports/abc/report.json\n\
             report     data/demo/reports/abc/report.html\n"
        );
    }
}
