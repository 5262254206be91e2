//! The files of units in the dataset: receipts, failures and attempts.
//!
//! `work/<step>/receipts/<unit>.json` says that a unit is done, `failures/<unit>.json` why it could
//! not be done, and `attempts/<unit>/<n>.json` that an executor began it. A receipt is created
//! once. The driver removes all of them when it has published the results.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The folder of a step's units in a dataset root.
#[derive(Debug, Clone)]
pub struct WorkFolder(Utf8PathBuf);

/// What an executor wrote when it had done a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The name of the executor.
    pub executor: String,
    /// The result of [`crate::UnitRunner::run`].
    pub result: Value,
}

/// What an executor wrote when it could not do a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnitFailure {
    pub executor: String,
    pub message: String,
}

impl WorkFolder {
    /// The name of the folder of all steps, in a dataset root.
    pub const NAME: &str = "work";

    /// The folder of `step` in a dataset root.
    #[must_use]
    pub fn new(root: &Utf8Path, step: &str) -> Self {
        Self(root.join(Self::NAME).join(step))
    }

    /// The name of the step.
    pub(crate) fn step(&self) -> &str {
        self.0.file_name().unwrap_or_default()
    }

    /// The receipt of a unit, if it is done.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn receipt(&self, unit: &str) -> Result<Option<Receipt>> {
        read(&self.file("receipts", unit))
    }

    /// Creates the receipt of a unit, unless another executor has created it.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(any(feature = "ballista", test))]
    pub(crate) fn create_receipt(&self, unit: &str, receipt: &Receipt) -> Result<()> {
        genie_store::create(&self.file("receipts", unit), serde_json::to_vec(receipt)?)?;
        Ok(())
    }

    /// Takes away why a unit could not be done, if an executor said so.
    ///
    /// # Errors
    /// If the file cannot be read or removed.
    pub(crate) fn take_failure(&self, unit: &str) -> Result<Option<UnitFailure>> {
        let path = self.file("failures", unit);
        let failure = read(&path)?;
        if failure.is_some() {
            genie_store::remove_file(&path)?;
        }
        Ok(failure)
    }

    /// Says why a unit could not be done.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(any(feature = "ballista", test))]
    pub(crate) fn write_failure(&self, unit: &str, failure: &UnitFailure) -> Result<()> {
        Ok(genie_store::write(&self.file("failures", unit), serde_json::to_vec(failure)?)?)
    }

    /// The names of the units with a receipt or a failure.
    ///
    /// # Errors
    /// If the folders cannot be listed.
    pub(crate) fn ended_units(&self) -> Result<HashSet<String>> {
        let mut names = HashSet::new();
        for kind in ["receipts", "failures"] {
            let files = self.files(kind)?;
            names.extend(files.iter().filter_map(|path| path.file_stem()).map(str::to_owned));
        }
        Ok(names)
    }

    /// The results of all units with a receipt.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn results(&self) -> Result<Vec<Value>> {
        let files = self.files("receipts")?;
        let receipts =
            files.iter().map(|path| read::<Receipt>(path)).collect::<Result<Vec<_>>>()?;
        Ok(receipts.into_iter().flatten().map(|receipt| receipt.result).collect())
    }

    /// All files of all steps in a dataset root, which killed runs left.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn leftovers(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
        let (mut files, mut folders) = (Vec::new(), vec![root.join(Self::NAME)]);
        while let Some(folder) = folders.pop() {
            let listing = genie_store::list(&folder)?;
            files.extend(listing.files);
            folders.extend(listing.directories);
        }
        Ok(files)
    }

    /// The folder of the attempts at a unit.
    #[cfg(any(feature = "ballista", test))]
    pub(crate) fn attempts(&self, unit: &str) -> Utf8PathBuf {
        self.0.join("attempts").join(unit)
    }

    /// Where the receipt of a unit is, for people.
    pub(crate) fn shown_receipt(&self, unit: &str) -> String {
        genie_store::shown(&self.file("receipts", unit))
    }

    /// Removes the files of all units. Call it when their results are published.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn remove(&self) -> Result<()> {
        Ok(genie_store::remove_dir(&self.0)?)
    }

    /// The finished files of one kind.
    fn files(&self, kind: &str) -> Result<Vec<Utf8PathBuf>> {
        let files = genie_store::list(&self.0.join(kind))?.files.into_iter();
        Ok(files.filter(|path| path.extension() == Some("json")).collect())
    }

    fn file(&self, kind: &str, unit: &str) -> Utf8PathBuf {
        self.0.join(kind).join(format!("{unit}.json"))
    }
}

/// Reads a JSON file, if it exists.
fn read<T: for<'a> Deserialize<'a>>(path: &Utf8Path) -> Result<Option<T>> {
    let Some(content) = genie_store::read(path)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&content);
    let parsed = parsed.with_context(|| {
        format!("{} is damaged: remove it, and run the command again", genie_store::shown(path))
    })?;
    Ok(Some(parsed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Catches: the second of two executors that did the same unit replaces the receipt, whose
    /// files the driver may have published.
    #[test]
    fn the_first_receipt_counts() {
        let guard = tempfile::tempdir().unwrap();
        let folder = WorkFolder::new(Utf8Path::from_path(guard.path()).unwrap(), "ingest");
        assert_eq!(folder.receipt("a").unwrap(), None);
        let receipt = |executor: &str| Receipt { executor: executor.to_owned(), result: json!(1) };
        folder.create_receipt("a", &receipt("first")).unwrap();
        folder.create_receipt("a", &receipt("second")).unwrap();
        assert_eq!(folder.receipt("a").unwrap(), Some(receipt("first")));
        assert_eq!(folder.ended_units().unwrap(), ["a".to_owned()].into());
        assert_eq!(folder.results().unwrap(), [json!(1)]);
        let files = WorkFolder::leftovers(Utf8Path::from_path(guard.path()).unwrap()).unwrap();
        assert_eq!(files, [folder.file("receipts", "a")]);
        folder.remove().unwrap();
        assert_eq!(folder.receipt("a").unwrap(), None);
    }

    /// Catches: a failure of an earlier run is reported again, although the unit can be done now.
    #[test]
    fn a_failure_is_reported_once() {
        let guard = tempfile::tempdir().unwrap();
        let folder = WorkFolder::new(Utf8Path::from_path(guard.path()).unwrap(), "ingest");
        let failure = UnitFailure { executor: "a".to_owned(), message: "disk full".to_owned() };
        folder.write_failure("u", &failure).unwrap();
        assert_eq!(folder.take_failure("u").unwrap(), Some(failure));
        assert_eq!(folder.take_failure("u").unwrap(), None);
    }
}
