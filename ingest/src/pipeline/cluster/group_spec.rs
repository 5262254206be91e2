//! What an executor must know about a group, and what it returns.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8PathBuf;
use genie_shards::Split;
use genie_stage::config::DataConfig;
use serde::{Deserialize, Serialize};

use crate::catalog::{NewFiles, source_key};
use crate::clips::sidecar_path;
use crate::config::IngestConfig;
use crate::discover::{FileStamp, SourceFile};

/// A group of sources to decode, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupSpec {
    pub data: DataConfig,
    pub config: IngestConfig,
    /// The directory of relative paths, on the driver.
    pub directory: String,
    pub sources: Vec<SourceSpec>,
}

/// A source, without what an executor reads beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// The bytes of the path, which may not be UTF-8.
    path: Vec<u8>,
    id: String,
    stamp: FileStamp,
    key: String,
    metadata_key: String,
    guess: bool,
    leftover: bool,
    named: bool,
    split: Option<Split>,
    note: Option<String>,
}

/// The files of a decoded group, and what is wrong with its sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupResult {
    pub files: NewFiles,
    /// Path, reason and detail of each source with a problem.
    pub problems: Vec<[String; 3]>,
}

impl SourceSpec {
    pub fn of(source: &SourceFile) -> Self {
        Self {
            path: source.path.as_os_str().as_bytes().to_vec(),
            id: source.id.to_string(),
            stamp: source.stamp,
            key: source.key.to_string(),
            metadata_key: source.metadata_key.to_string(),
            guess: source.guess,
            leftover: source.leftover,
            named: source.named,
            split: source.split,
            note: source.note.as_deref().map(str::to_owned),
        }
    }

    /// Finds the source and its sidecar on this machine.
    ///
    /// `config_key` is the key of the driver's config, `directory` the driver's directory.
    ///
    /// # Errors
    /// If this machine has another file under the path, or none.
    pub fn find(self, config_key: &genie_stage::key::Key, directory: &str) -> Result<SourceFile> {
        let path = PathBuf::from(OsString::from_vec(self.path));
        let shown = path.display();
        let advice = || {
            format!(
                "{shown} (relative paths begin at {directory} of the driver): all executors must \
                 see the videos under the driver's paths"
            )
        };
        let stamp = FileStamp::of(&path).with_context(|| format!("cannot find {}", advice()))?;
        ensure!(stamp == self.stamp, "this machine has another file as {}", advice());
        let sidecar = std::fs::read(sidecar_path(&path)).ok();
        ensure!(
            source_key(config_key.as_str(), sidecar.as_deref()) == self.key,
            "this machine has another file of true actions beside {}",
            advice()
        );
        Ok(SourceFile {
            id: self.id.into(),
            stamp,
            key: self.key.into(),
            metadata_key: self.metadata_key.into(),
            guess: self.guess,
            leftover: self.leftover,
            split: self.split,
            note: self.note.map(Into::into),
            ..SourceFile::found(&path, &path, None, self.named)
        })
    }
}

/// The working directory.
pub fn directory() -> Result<String> {
    let directory = std::env::current_dir().context("cannot find the working directory")?;
    Ok(Utf8PathBuf::from_path_buf(directory)
        .map_or_else(|path| path.to_string_lossy().into_owned(), Utf8PathBuf::into_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::config_key;

    /// Catches: an executor decodes another file than the driver hashed, or takes its actions from
    /// another sidecar.
    #[test]
    fn only_the_same_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        std::fs::write(&path, "video").unwrap();
        let key = config_key(0.1, &IngestConfig::default());
        let spec = SourceSpec {
            path: path.as_os_str().as_bytes().to_vec(),
            id: "aa".to_owned(),
            stamp: FileStamp::of(&path).unwrap(),
            key: key.to_string(),
            metadata_key: String::new(),
            guess: false,
            leftover: true,
            named: false,
            split: Some(Split::Train),
            note: None,
        };
        let found = spec.clone().find(&key, "/driver").unwrap();
        assert_eq!(SourceSpec::of(&found), spec);
        std::fs::write(sidecar_path(&path), "frame,action\n").unwrap();
        let error = spec.clone().find(&key, "/driver").map(drop).unwrap_err().to_string();
        assert!(error.contains("true actions"), "{error}");
        std::fs::write(&path, "another video").unwrap();
        let error = spec.clone().find(&key, "/driver").map(drop).unwrap_err().to_string();
        assert!(error.contains("another file as") && error.contains("/driver"), "{error}");
        std::fs::remove_file(&path).unwrap();
        let error = spec.find(&key, "/driver").map(drop).unwrap_err().to_string();
        assert!(error.contains("cannot find"), "{error}");
    }
}
