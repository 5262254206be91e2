//! The section `[data]`, which every stage reads: where the dataset is and what it contains.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::section::Section;

/// The path of the dataset, its videos, and its splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataConfig {
    /// The dataset root: the pipeline writes everything below it.
    #[schemars(with = "String")]
    pub root: Utf8PathBuf,
    /// Videos: files, directories, globs, or `@list.txt` with one of these per line.
    ///
    /// Empty: the procedural sample game.
    pub videos: Vec<String>,
    /// Fraction of the source videos that are held out for evaluation, in `[0, 1)`.
    pub held_out: f64,
    /// SQL condition on the columns of the table `clips`: which clips models train on. Empty: all.
    ///
    /// Held-out clips are excluded in any case.
    pub r#where: String,
    /// Memory for catalog queries and for the search for near-duplicates, in MiB, at least 64.
    ///
    /// A query that needs more writes temporary files. With a very small limit, it may end with an
    /// error instead. The results do not depend on this value.
    pub memory_mb: u64,
    /// Memory for the training data that is shuffled together, in MiB, from 1 to 1048576.
    ///
    /// Training data that fits is shuffled as a whole. Of larger data, half of this is shuffled
    /// together while the other half is read. Models depend on this value.
    pub shuffle_mb: u64,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            root: "data/demo".into(),
            videos: Vec::new(),
            held_out: 0.1,
            r#where: String::new(),
            memory_mb: 1024,
            shuffle_mb: 512,
        }
    }
}

impl Section for DataConfig {
    const NAME: &'static str = "data";

    fn check(&self) -> Result<(), String> {
        if self.root.as_str().is_empty() {
            return Err("root is empty; set it to a directory".into());
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return Err(format!(
                "held_out is {}; it must be at least 0 and below 1",
                self.held_out
            ));
        }
        if self.memory_mb < 64 {
            return Err(format!("memory_mb is {}; it must be at least 64", self.memory_mb));
        }
        if !(1..=1 << 20).contains(&self.shuffle_mb) {
            return Err(format!(
                "shuffle_mb is {}; it must be at least 1 and at most 1048576",
                self.shuffle_mb
            ));
        }
        Ok(())
    }
}
