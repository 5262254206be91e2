//! A report on disk, with its windows.
//!
//! Reports of every schema are readable. Old reports without `windows.parquet` have no windows.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, MeasuredWindow, read_measured, tables};
use serde_json::Value;

use crate::report::schema::SCHEMA_VERSION;

/// A report to compare.
pub struct ComparedReport {
    /// `A` for the first report, `B` for the second, and so on.
    pub letter: String,
    /// The report's directory.
    pub dir: Utf8PathBuf,
    pub report: Value,
    /// The windows, with clip and first frame as the key, or why they are missing.
    pub windows: Result<WindowRows, String>,
    /// The windows on which agreement is measured.
    pub agreement: Result<WindowRows, String>,
}

/// Rows of windows by clip and first frame.
pub type WindowRows = BTreeMap<(String, u32), MeasuredWindow>;

impl ComparedReport {
    /// Reads a report, named by its directory, its `report.json`, or its key under `root`.
    ///
    /// `number` is the report's position on the command line.
    ///
    /// # Errors
    /// Fails if there is no finished report of that name, or if it cannot be read.
    pub fn open(number: usize, named: &str, root: &Utf8Path) -> Result<ComparedReport> {
        let path = find(named, root)?;
        let text = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
        let report: Value =
            serde_json::from_slice(&text).with_context(|| format!("{path} is not a report"))?;
        match report["schema_version"].as_u64() {
            Some(version) if version <= u64::from(SCHEMA_VERSION) => {}
            Some(later) => bail!(
                "{path} is of schema {later}, and this program knows schemas up to \
                 {SCHEMA_VERSION}: use the version that made it, or a later one"
            ),
            None => bail!("{path} is not a report: it has no schema_version"),
        }
        let dir = path.parent().unwrap_or(Utf8Path::new(".")).to_owned();
        let letter = char::from_u32('A' as u32 + number as u32).filter(char::is_ascii_uppercase);
        let letter = letter.map_or_else(|| format!("#{}", number + 1), String::from);
        let windows = windows(&dir);
        // Older reports, and those of true actions, measure agreement on the windows themselves.
        let agreement = match rows(&dir, tables::AGREEMENT) {
            Ok(rows) if rows.is_empty() => windows.clone(),
            found => found,
        };
        Ok(ComparedReport { letter, dir, report, windows, agreement })
    }

    /// Returns a value of the report as text; empty if it has none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> String {
        match self.report.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }
}

/// Finds the `report.json`.
fn find(named: &str, root: &Utf8Path) -> Result<Utf8PathBuf> {
    const FILE: &str = "report.json";
    let path = Utf8Path::new(named);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    genie_store::pull(&root.join("reports").join(named))?;
    for dir in [path.to_owned(), root.join("reports").join(named)] {
        if dir.join(FILE).is_file() {
            return Ok(dir.join(FILE));
        }
        if dir.is_dir() {
            bail!(
                "{dir} has no report.json: name the directory of a report, or finish it with \
                 `genie-evaluate run`"
            );
        }
    }
    bail!(
        "there is no report {named}: name its directory, its report.json, or its key under \
         {root}/reports"
    )
}

/// Reads a table of the report in `dir`.
fn rows(dir: &Utf8Path, table: &str) -> Result<WindowRows, String> {
    let read = || -> genie_shards::Result<Vec<MeasuredWindow>> {
        let manifest = Manifest::load(dir)?;
        let files = manifest.table(table).iter().map(|entry| read_measured(dir, entry));
        Ok(files.collect::<Result<Vec<_>, _>>()?.concat())
    };
    let rows = read().map_err(|error| error.to_string())?;
    Ok(rows.into_iter().map(|row| ((row.clip_id.clone(), row.first_frame), row)).collect())
}

fn windows(dir: &Utf8Path) -> Result<WindowRows, String> {
    let rows = rows(dir, tables::WINDOWS)?;
    if rows.is_empty() {
        return Err(format!(
            "{dir} has no windows.parquet: it was copied without windows.parquet, manifest.json \
             and manifest/, or made by a version before them"
        ));
    }
    Ok(rows)
}
