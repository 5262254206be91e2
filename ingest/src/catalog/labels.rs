//! Labels of clips: what people say about them, in `root/labels`.
//!
//! A label is a row that is never changed. [`append`] returns when the rows are published, so they
//! survive the end of the process and of the machine. The directory has its own manifest: labelling
//! and ingest do not wait for each other, and labels change no work key.
//!
//! | module | contents |
//! |---|---|
//! | `newest` | the newest label of each clip and person |
//! | `rules` | which names, labels and tags are allowed |

mod newest;
mod rules;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Entry, LabelRow, Manifest, labels_of_file, tables, write_labels};
use genie_stage::lock::{Lock, LockError};

pub use newest::NewestLabels;
pub use rules::{checked_tags, checked_who, judgement};

/// Number of files above which small ones are merged.
const FILES: usize = 64;
/// Longest time that a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks at the lock.
const PAUSE: Duration = Duration::from_millis(5);

/// The directory of labels of a dataset root.
pub fn label_dir(root: &Utf8Path) -> Utf8PathBuf {
    root.join("labels")
}

/// Waits until no other process of this machine writes labels, and keeps others waiting.
///
/// # Errors
/// If another process holds the lock for half a minute.
pub fn lock_labels(root: &Utf8Path) -> Result<Lock, LockError> {
    let (path, deadline) = (label_dir(root).join(".lock"), Instant::now() + PATIENCE);
    loop {
        match Lock::acquire(&path) {
            Err(LockError::Held { .. }) if Instant::now() < deadline => sleep(PAUSE),
            taken => return taken,
        }
    }
}

/// Publishes rows. When it returns, they are on the disk.
///
/// # Errors
/// If they cannot be written. Then none of them is published.
pub fn append(root: &Utf8Path, rows: &[LabelRow]) -> Result<()> {
    append_and_merge(root, rows, FILES)
}

fn append_and_merge(root: &Utf8Path, rows: &[LabelRow], most_files: usize) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let _lock = lock_labels(root)?;
    let dir = label_dir(root);
    let entry = write_labels(&dir, rows)?;
    Manifest::commit(&dir, |manifest| manifest.add(tables::LABELS, entry.clone()))?;
    // The labels are safe. A merge that fails is tried again with the next ones.
    if let Err(error) = merge(&dir, most_files) {
        tracing::warn!("labels: cannot merge small files: {error:#}");
    }
    Ok(())
}

/// Replaces many small files by one in a single commit. The old files stay until `gc`.
///
/// A file is merged if it has at most twice as many rows as all smaller ones together. So each row
/// is written again a number of times that grows with the logarithm of the number of rows.
fn merge(dir: &Utf8Path, most_files: usize) -> Result<()> {
    let mut entries: Vec<Entry> = Manifest::load(dir)?.table(tables::LABELS).to_vec();
    if entries.len() <= most_files {
        return Ok(());
    }
    entries.sort_by_key(|entry| entry.rows);
    let (mut rows, mut sum) = (Vec::new(), 0);
    let small = entries.iter().take_while(|entry| {
        let merged = sum == 0 || entry.rows <= 2 * sum;
        sum += entry.rows;
        merged
    });
    let small: Vec<&Entry> = small.collect();
    for entry in &small {
        rows.extend(labels_of_file(dir, entry)?);
    }
    rows.sort();
    rows.dedup();
    let merged = write_labels(dir, &rows)?;
    Manifest::commit(dir, |manifest| {
        for entry in &small {
            manifest.remove(tables::LABELS, &entry.file);
        }
        manifest.add(tables::LABELS, merged.clone());
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use genie_shards::Judgement;

    use super::*;

    fn row(at: i64, who: &str) -> LabelRow {
        let clip_id = format!("clip {at}");
        let label = Some(Judgement::Good);
        LabelRow { at, clip_id, who: who.to_owned(), label, tags: Vec::new() }
    }

    fn all(root: &Utf8Path) -> Vec<LabelRow> {
        let dir = label_dir(root);
        let manifest = Manifest::load(&dir).unwrap();
        let files = manifest.table(tables::LABELS).iter();
        let mut rows: Vec<_> =
            files.flat_map(|entry| labels_of_file(&dir, entry).unwrap()).collect();
        rows.sort();
        rows
    }

    /// Catches: two people who label at the same time lose labels; a merge loses or doubles rows;
    /// the number of files grows with the number of labels.
    #[test]
    fn nothing_is_lost_when_two_label_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        thread::scope(|scope| {
            for who in ["ana", "ben"] {
                scope.spawn(move || {
                    (0..40).for_each(|at| append_and_merge(root, &[row(at, who)], 8).unwrap());
                });
            }
        });
        let mut expected: Vec<_> =
            (0..40).flat_map(|at| ["ana", "ben"].map(|who| row(at, who))).collect();
        expected.sort();
        assert_eq!(all(root), expected);
        let files = Manifest::load(&label_dir(root)).unwrap().table(tables::LABELS).len();
        assert!(files <= 9, "{files} files");
    }

    /// Catches: a merge writes a file of its own name and then removes its entry.
    #[test]
    fn equal_rows_are_one_row() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for _ in 0..3 {
            append_and_merge(root, &[row(1, "ana")], 1).unwrap();
        }
        append_and_merge(root, &[row(2, "ana")], 1).unwrap();
        append_and_merge(root, &[row(2, "ana"), row(1, "ana")], 1).unwrap();
        assert_eq!(all(root), [row(1, "ana"), row(2, "ana")]);
    }
}
