//! The last runs of `encode` and `label`, from `tokens/runs.jsonl` and `actions/runs.jsonl`.
//!
//! Each line of these files is a JSON object that describes one run.

use std::fmt::Write as _;

use camino::Utf8Path;
use serde_json::Value;

/// The directories of the run histories, below the dataset root.
const HISTORIES: [&str; 2] = ["tokens", "actions"];
/// The number of runs that are shown of each history.
const LAST: usize = 3;

/// Reads the last runs of each step under `root`, oldest first.
///
/// A line that a killed run left incomplete is skipped.
#[must_use]
pub fn last(root: &Utf8Path) -> Vec<Value> {
    let of = |name: &str| {
        let text = genie_store::read(&root.join(name).join("runs.jsonl")).ok().flatten();
        let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
        let runs: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        runs[runs.len().saturating_sub(LAST)..].to_vec()
    };
    HISTORIES.iter().flat_map(|name| of(name)).collect()
}

/// The runs as a table; empty if there are no runs.
#[must_use]
pub fn table(runs: &[Value]) -> String {
    let mut text = String::new();
    if !runs.is_empty() {
        let _ = writeln!(
            text,
            "\n{:<21} {:<7} {:<8} {:>7} {:>8} {:>10} {:>7}",
            "last runs", "step", "ended", "clips", "windows", "windows/s", "failed"
        );
    }
    for run in runs {
        let word = |key: &str| run[key].as_str().unwrap_or("?").to_owned();
        let number = |key: &str| run[key].as_f64().unwrap_or_default();
        let finished = word("finished").chars().take(19).collect::<String>().replace('T', " ");
        let _ = writeln!(
            text,
            "{finished:<21} {:<7} {:<8} {:>7} {:>8} {:>10.1} {:>7}",
            word("step"),
            word("ended"),
            number("clips"),
            number("windows"),
            number("windows_per_second"),
            number("failed"),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Catches: an incomplete line hides all runs; the first runs are shown instead of the last;
    /// the table lacks the numbers that an operator monitors.
    #[test]
    fn the_last_runs_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        assert_eq!(table(&last(root)), "");
        fs::create_dir(root.join("tokens")).unwrap();
        let line = |clips: u32| {
            format!(
                "{{\"step\":\"tokens\",\"ended\":\"done\",\
                 \"finished\":\"2026-11-25T02:17:0{clips}.5Z\",\"seconds\":1.5,\
                 \"clips\":{clips},\"windows\":60,\"windows_per_second\":40.0,\
                 \"skipped\":1,\"failed\":0,\"tokenizer\":\"ab\"}}"
            )
        };
        let lines = (0..5).map(line).collect::<Vec<_>>().join("\n") + "\n{\"step\":\"tok";
        fs::write(root.join("tokens/runs.jsonl"), lines).unwrap();
        let runs = last(root);
        assert_eq!(
            runs.iter().map(|run| run["clips"].as_u64().unwrap()).collect::<Vec<_>>(),
            [2, 3, 4]
        );
        let text = table(&runs);
        assert!(
            text.contains(
                "2026-11-25 02:17:04   tokens  done           4       60       40.0       0"
            ),
            "{text}"
        );
    }
}
