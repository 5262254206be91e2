//! The report's main numbers, each beside its baseline.
//!
//! They are read from `report.json`, whose keys are a contract. A number that is missing or null
//! (for example because the videos have no true actions) is omitted.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// The number of generated frames at which the paper compares controllability.
const CONTROL_T: u64 = 4;

/// A report, shown by its main numbers.
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

    /// Prints the numbers on stdout.
    pub fn print(&self) -> io::Result<()> {
        io::stdout().write_all(self.to_string().as_bytes())
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        self.report.pointer(pointer)?.as_f64()
    }

    /// The entry for [`CONTROL_T`] in a list of `{t, mean, ci95: [lo, hi]}`.
    ///
    /// It is shown as "+1.20 dB [0.80, 1.60]".
    fn delta(&self, list: &str) -> Option<String> {
        let entry = self
            .report
            .get(list)?
            .as_array()?
            .iter()
            .find(|entry| entry["t"].as_u64() == Some(CONTROL_T))?;
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
        let mut text = format!("ΔPSNR at t = {CONTROL_T}: {random} over random actions");
        if let Some(shuffled) = self.delta("delta_psnr_time_shuffled_db") {
            let _ = write!(text, ", {shuffled} over the same actions in another order");
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

    /// Catches: numbers are read from the wrong key, or from another t.
    #[test]
    fn every_number_is_beside_its_baseline() {
        let list = |mean: f64| {
            json!([
                {"t": 1, "mean": 9.0, "ci95": [8.0, 10.0]},
                {"t": 4, "mean": mean, "ci95": [0.5, 2.0]},
            ])
        };
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
             actions    5 codes used, NMI with the true actions 0.310 (shuffled: 0.020), \
             accuracy 62 %\n\
             control    ΔPSNR at t = 4: +1.25 dB [0.50, 2.00] over random actions, \
             -0.50 dB [0.50, 2.00] over the same actions in another order\n\
             numbers    data/demo/reports/abc/report.json\n\
             report     data/demo/reports/abc/report.html\n"
        );
    }

    /// Catches: a report without true actions gives an error, or a number that was not measured.
    #[test]
    fn null_or_missing_numbers_are_omitted() {
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
