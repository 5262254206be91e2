//! Publishes scores as files, of which only the last one is not full.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Manifest, QualityRow, quality_of_file, tables, write_quality};

/// Number of scores of a full file.
const FULL: u64 = 1 << 16;

/// Adds scores to the directory of a network.
pub struct ScorePublisher {
    dir: Utf8PathBuf,
    rows: Vec<QualityRow>,
    /// Published files whose rows are the first of `rows`; the next file replaces them.
    replaces: Vec<String>,
    /// Whether some of `rows` are not published.
    is_ahead: bool,
}

impl ScorePublisher {
    /// Reads the files that are not full. Make sure that nobody else writes to the directory.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn resume(dir: &Utf8Path) -> Result<Self> {
        let mut publisher =
            Self { dir: dir.to_owned(), rows: Vec::new(), replaces: Vec::new(), is_ahead: false };
        let manifest = Manifest::load(dir)?;
        for entry in manifest.table(tables::QUALITY).iter().filter(|entry| entry.rows < FULL) {
            publisher.rows.extend(quality_of_file(dir, entry)?);
            publisher.replaces.push(entry.file.clone());
        }
        Ok(publisher)
    }

    /// Adds a score, which is published later.
    pub fn push(&mut self, row: QualityRow) {
        self.rows.push(row);
        self.is_ahead = true;
    }

    /// Publishes all scores in one commit.
    ///
    /// The old file stays until `gc` removes it, because another process may be reading it.
    ///
    /// # Errors
    /// When they cannot be written. Then none of the new ones is published.
    pub fn publish(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.is_ahead) {
            return Ok(());
        }
        let entry = write_quality(&self.dir, &self.rows)?;
        Manifest::commit(&self.dir, |manifest| {
            for file in &self.replaces {
                manifest.remove(tables::QUALITY, file);
            }
            manifest.add(tables::QUALITY, entry.clone());
        })?;
        self.replaces.clear();
        if entry.rows >= FULL {
            self.rows.clear();
        } else {
            self.replaces.push(entry.file);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a run replaces the scores of the run before it, or every run leaves another file.
    #[test]
    fn runs_continue_the_last_file() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let row = |number: u32| QualityRow {
            clip_id: format!("{number:02}"),
            quality: 0.5,
            model: "one".to_owned(),
        };
        for run in 0..3 {
            let mut publisher = ScorePublisher::resume(dir).unwrap();
            for part in 0..2 {
                publisher.push(row(2 * run + part));
                publisher.publish().unwrap();
            }
            publisher.publish().unwrap();
        }
        let manifest = Manifest::load(dir).unwrap();
        let [entry] = manifest.table(tables::QUALITY) else { panic!("{manifest:?}") };
        assert_eq!(quality_of_file(dir, entry).unwrap(), (0..6).map(row).collect::<Vec<_>>());
    }
}
