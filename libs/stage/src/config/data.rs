//! The section `[data]`, which every stage reads: where the dataset is and what it is made of.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::Section;

/// `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataConfig {
    /// The dataset root: everything the pipeline makes lies under it.
    pub root: Utf8PathBuf,
    /// Videos: files, directories, globs, or `@list.txt` with one of these a line. Empty: the procedural sample game.
    pub videos: Vec<String>,
    /// The fraction of source videos kept for evaluation and never trained on.
    pub held_out: f64,
    /// Which of the other clips models are trained on: SQL over the columns of the table `clips`. Empty: all.
    pub r#where: String,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { root: "data/demo".into(), videos: Vec::new(), held_out: 0.1, r#where: String::new() }
    }
}

impl Section for DataConfig {
    const NAME: &'static str = "data";

    fn check(&self) -> Result<(), String> {
        if self.root.as_str().is_empty() {
            return Err("root is empty: name a directory".into());
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return Err(format!(
                "held_out is {}: it is a fraction, at least 0 and below 1",
                self.held_out
            ));
        }
        Ok(())
    }
}
