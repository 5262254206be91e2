//! Attempts at a unit: what an executor works on, so that its death is not forgotten.
//!
//! A video can end its executor, for example if the kernel kills the whole container for the memory
//! that a decoder needs. The executor cannot report that. So it notes what it works on in a file of
//! the dataset, and removes the file when the attempt ends in any other way.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// An attempt of this executor at a unit.
#[derive(Debug)]
pub struct Attempt {
    file: Utf8PathBuf,
    note: Mutex<AttemptNote>,
    /// How many executors were lost while they worked on each item.
    lost: BTreeMap<String, usize>,
}

/// The content of the file of an attempt.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct AttemptNote {
    executor: String,
    /// What the executor works on; empty before the first item.
    item: String,
}

impl Attempt {
    /// Begins an attempt. `folder` has the files of the earlier ones.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    #[cfg(any(feature = "ballista", test))]
    pub(crate) fn begin(folder: &camino::Utf8Path, executor: &str) -> Result<Self> {
        let mut lost = BTreeMap::new();
        // A file that an executor was writing when it died has another extension.
        let files = genie_store::list(folder)?.files.into_iter();
        let earlier: Vec<_> = files.filter(|path| path.extension() == Some("json")).collect();
        for path in &earlier {
            // An attempt that has ended meanwhile is not lost.
            let Some(content) = genie_store::read(path)? else { continue };
            let note: AttemptNote = serde_json::from_slice(&content).unwrap_or_default();
            if !note.item.is_empty() {
                *lost.entry(note.item).or_default() += 1;
            }
        }
        let note = AttemptNote { executor: executor.to_owned(), item: String::new() };
        let mut number = earlier.len() + 1;
        loop {
            let file = folder.join(format!("{number}.json"));
            if genie_store::create(&file, serde_json::to_vec(&note)?)? {
                return Ok(Self { file, note: Mutex::new(note), lost });
            }
            number += 1;
        }
    }

    /// Notes that the executor begins to work on an item of the unit.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn works_on(&self, item: &str) -> Result<()> {
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        item.clone_into(&mut note.item);
        Ok(genie_store::write(&self.file, serde_json::to_vec(&*note)?)?)
    }

    /// How many executors were lost while they worked on an item of the unit.
    #[must_use]
    pub fn lost(&self, item: &str) -> usize {
        self.lost.get(item).copied().unwrap_or(0)
    }

    /// Forgets the attempt: the executor was not lost.
    ///
    /// # Errors
    /// If the file cannot be removed.
    #[cfg(any(feature = "ballista", test))]
    pub(crate) fn end(self) -> Result<()> {
        Ok(genie_store::remove_file(&self.file)?)
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    /// Catches: an executor that was stopped, or has finished, counts as lost; two lost executors
    /// count as one; the wrong video is blamed.
    #[test]
    fn lost_attempts_are_counted_by_item() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().join("unit");
        let begin = |name: &str| Attempt::begin(&folder, name).unwrap();
        let lost = |executor: &str, items: &[&str]| {
            let attempt = begin(executor);
            for item in items {
                attempt.works_on(item).unwrap();
            }
        };
        lost("a", &["first", "bad"]);
        lost("b", &["first"]);
        lost("c", &["first", "good", "bad"]);
        lost("d", &[]);
        // What an executor leaves that dies while it writes its next note.
        let unfinished = r#"{"executor": "c", "item": "good"}"#;
        std::fs::write(folder.join(".3.json-abc.tmp"), unfinished).unwrap();
        let stopped = begin("e");
        stopped.works_on("bad").unwrap();
        stopped.end().unwrap();
        let attempt = begin("f");
        assert_eq!(["first", "good", "bad"].map(|item| attempt.lost(item)), [1, 0, 2]);
    }
}
