//! Attempts at a unit: what an executor works on, so that its death is not forgotten.
//!
//! A video can end its executor, for example if the kernel kills the whole container for the memory
//! that a decoder needs. The executor cannot report that. So it notes what it works on in a file of
//! the dataset, and removes the file when the attempt ends in any other way.
//!
//! A file alone does not say that its executor is dead: it may stand still, or work on although the
//! driver gave the unit to another one. So the driver is asked whether it hears the executor.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// Says whether the driver has heard an executor, which has this name, in the last seconds.
pub(crate) type ExecutorLives = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// An attempt of this executor at a unit.
pub struct Attempt {
    file: Utf8PathBuf,
    note: Mutex<AttemptNote>,
    /// The files of the earlier attempts that had not ended when this one began.
    earlier: Vec<(Utf8PathBuf, AttemptNote)>,
    lives: ExecutorLives,
}

/// The content of the file of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    pub(crate) fn begin(folder: &Utf8Path, executor: &str, lives: &ExecutorLives) -> Result<Self> {
        // A file that an executor was writing when it died has another extension.
        let files = genie_store::list(folder)?.files.into_iter();
        let files = files.filter(|path| path.extension() == Some("json"));
        let mut earlier = Vec::new();
        for path in files {
            if let Some(note) = AttemptNote::read(&path)? {
                earlier.push((path, note));
            }
        }
        let note = AttemptNote { executor: executor.to_owned(), item: String::new() };
        let mut number = earlier.len() + 1;
        loop {
            let file = folder.join(format!("{number}.json"));
            if genie_store::create(&file, serde_json::to_vec(&note)?)? {
                return Ok(Self { file, note: Mutex::new(note), earlier, lives: lives.clone() });
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
    ///
    /// An executor that stood still, or could not reach the driver for a while, is not lost.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn lost(&self, item: &str) -> Result<usize> {
        let mut lost = 0;
        for (path, note) in self.earlier.iter().filter(|(_, note)| note.item == item) {
            // An attempt that has ended or gone on meanwhile was not lost.
            let is_unchanged = AttemptNote::read(path)?.as_ref() == Some(note);
            if is_unchanged && !(self.lives)(&note.executor) {
                lost += 1;
            }
        }
        Ok(lost)
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

impl AttemptNote {
    /// The content of a file, if it exists. A damaged one says nothing.
    fn read(path: &Utf8Path) -> Result<Option<Self>> {
        let content = genie_store::read(path)?;
        Ok(content.map(|content| serde_json::from_slice(&content).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an executor that was stopped, or has finished, counts as lost; two lost executors
    /// count as one; the wrong video is blamed.
    #[test]
    fn lost_attempts_are_counted_by_item() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().join("unit");
        let nobody: ExecutorLives = Arc::new(|_| false);
        let begin = |name: &str| Attempt::begin(&folder, name, &nobody).unwrap();
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
        let items = ["first", "good", "bad"];
        assert_eq!(items.map(|item| attempt.lost(item).unwrap()), [1, 0, 2]);
    }

    /// Catches: a video is rejected although the executors that worked on it only stood still: one
    /// is back, one has gone on, and one has ended its attempt since.
    #[test]
    fn an_executor_that_came_back_is_not_lost() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().join("unit");
        let lives: ExecutorLives = Arc::new(|name| name == "back");
        let begin = |name: &str| {
            let attempt = Attempt::begin(&folder, name, &lives).unwrap();
            attempt.works_on("video").unwrap();
            attempt
        };
        let [_back, gone_on, ended, _dead] = ["back", "gone on", "ended", "dead"].map(begin);
        let attempt = begin("asks");
        assert_eq!(attempt.lost("video").unwrap(), 3);
        gone_on.works_on("next").unwrap();
        ended.end().unwrap();
        assert_eq!(attempt.lost("video").unwrap(), 1);
    }
}
