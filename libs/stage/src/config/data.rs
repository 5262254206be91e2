//! The section `[data]`, which every stage reads: where the dataset is and what it contains.

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::section::Section;

/// The path of the dataset, its videos, and its splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataConfig {
    /// The dataset root, a directory or `s3://BUCKET/PREFIX`: everything is written below it.
    ///
    /// S3 needs a program that was built with it. Credentials and endpoint come from the usual
    /// environment variables, such as `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`
    /// and `AWS_ENDPOINT_URL`.
    #[schemars(with = "String")]
    #[serde(serialize_with = "shown")]
    pub root: Utf8PathBuf,
    /// Directory for this machine's copies of files of a dataset in S3.
    ///
    /// Empty: `genie/roots` in the user's cache directory (`XDG_CACHE_HOME`, or `~/.cache`).
    #[schemars(with = "String")]
    pub cache: Utf8PathBuf,
    /// Space for copies of shards of a dataset in S3, in GiB, at least 1.
    ///
    /// Above it, the copies that were not used for the longest time are removed.
    pub cache_gb: u64,
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

/// Writes the URL of a root in S3, and not the directory that it is mounted on.
fn shown<S: Serializer>(root: &Utf8Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&genie_store::shown(root))
}

impl DataConfig {
    /// The same dataset for a process with another working directory: a directory becomes absolute.
    ///
    /// # Errors
    /// If the working directory cannot be found.
    pub fn for_other_machines(&self) -> std::io::Result<Self> {
        let mut data = self.clone();
        if !genie_store::is_mounted(&data.root) {
            data.root = camino::absolute_utf8(&data.root)?;
        }
        Ok(data)
    }

    /// Mounts a root in S3: then `root` is the directory that stands for it. Sends no request.
    ///
    /// # Errors
    /// If the environment is wrong, or the directory cannot be created.
    pub fn mounted(mut self) -> genie_store::Result<Self> {
        if genie_store::is_url(self.root.as_str()) {
            let bytes = self.cache_gb.saturating_mul(1 << 30);
            self.root = genie_store::mount(self.root.as_str(), &self.cache, bytes)?;
        }
        Ok(self)
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            root: "data/demo".into(),
            cache: Utf8PathBuf::new(),
            cache_gb: 20,
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
        genie_store::check_root(self.root.as_str()).map_err(|error| error.to_string())?;
        if self.cache_gb == 0 {
            return Err("cache_gb is 0; it must be at least 1".into());
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
