//! Versions: the small files of which the newest one says what is published.
//!
//! Version n of a manifest is the file `manifest/<name>.json`. The name is the number counted down
//! from the largest one, in hex, so the newest version comes first in a listing. A version file is
//! created once and never changes. It contains the newest changes and names the segments with the
//! older ones.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    change::{Change, newest},
    entry::Entry,
    marker::{self, Marker},
    segment,
};
use crate::{
    error::{Error, Result},
    formats::MANIFEST_FORMAT,
};

/// A version of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    format: u32,
    /// 1 for the first version; 0 for what is published without a version.
    #[serde(rename = "version")]
    pub(crate) number: u64,
    /// Files in the folder of the version, oldest first.
    pub(crate) segments: Vec<Entry>,
    /// The newest changes, sorted by key.
    pub(crate) changes: Vec<Change>,
}

impl Version {
    pub(crate) fn new(number: u64, segments: Vec<Entry>, changes: Vec<Change>) -> Self {
        Self { format: MANIFEST_FORMAT, number, segments, changes }
    }

    /// The folder of the versions and segments of a directory.
    pub(crate) fn folder(dir: &Utf8Path) -> Utf8PathBuf {
        dir.join("manifest")
    }

    /// Path of this version's file.
    pub(crate) fn path(&self, dir: &Utf8Path) -> Utf8PathBuf {
        Self::folder(dir).join(self.name())
    }

    /// Name of this version's file.
    fn name(&self) -> String {
        format!("{:016x}.json", u64::MAX - self.number)
    }

    /// Reads the newest version of a directory.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or has a later format.
    pub(crate) fn newest(dir: &Utf8Path) -> Result<Self> {
        loop {
            if let Some(version) = Self::newest_file(dir)? {
                return Ok(version);
            }
            match Marker::read(dir)? {
                Marker::Entries(entries) => return Ok(Self::new(0, Vec::new(), entries)),
                // Since the listing, another process may have created the first version.
                Marker::Versions if !files(dir)?.is_empty() => {}
                Marker::Versions => return Err(marker::without_versions(dir)),
            }
        }
    }

    /// The files of this version and of its segments.
    pub(crate) fn files(&self, dir: &Utf8Path) -> Vec<Utf8PathBuf> {
        self.segment_files(dir).into_iter().chain([self.path(dir)]).collect()
    }

    /// The files of this version's segments.
    pub(crate) fn segment_files(&self, dir: &Utf8Path) -> Vec<Utf8PathBuf> {
        let folder = Self::folder(dir);
        self.segments.iter().map(|segment| folder.join(&segment.file)).collect()
    }

    /// What is published in this version: no change is a removal.
    ///
    /// # Errors
    /// If a segment cannot be read or is damaged.
    pub(crate) fn published(&self, dir: &Utf8Path) -> Result<Vec<Change>> {
        let folder = Self::folder(dir);
        let mut changes = Vec::new();
        for part in &self.segments {
            changes.append(&mut segment::read(&folder, part)?);
        }
        changes.extend_from_slice(&self.changes);
        changes = newest(changes);
        changes.retain(|change| !change.removed);
        Ok(changes)
    }

    /// The version after this one, with the given changes. Its segments are written.
    ///
    /// # Errors
    /// If a segment cannot be read or written, or this version has the largest number.
    pub(crate) fn next(&self, dir: &Utf8Path, changes: Vec<Change>) -> Result<Self> {
        let changes = newest(self.changes.iter().cloned().chain(changes).collect());
        let number = self.number.checked_add(1).ok_or_else(|| {
            let problem = "has the largest number, so no version can follow; restore the folder \
                           that it is in from a backup"
                .to_owned();
            Error::Damaged { path: self.path(dir), problem }
        })?;
        let mut next = Self::new(number, self.segments.clone(), changes);
        let folder = Self::folder(dir);
        segment::compact(&folder, next.number, &mut next.segments, &mut next.changes)?;
        Ok(next)
    }

    /// The content of this version's file.
    pub(crate) fn to_text(&self, dir: &Utf8Path) -> Result<String> {
        let json = |source| Error::Json { path: self.path(dir), source };
        Ok(serde_json::to_string_pretty(self).map_err(json)? + "\n")
    }

    /// Reads the file of the newest version, if there is one.
    fn newest_file(dir: &Utf8Path) -> Result<Option<Self>> {
        while let Some(path) = files(dir)?.into_iter().next() {
            // Without the file, a newer version replaced it since the listing.
            if let Some(text) = genie_store::read(&path)? {
                return Self::parse(&text, &path).map(Some);
            }
        }
        Ok(None)
    }

    fn parse(text: &[u8], path: &Utf8Path) -> Result<Self> {
        marker::check_format(text, path)?;
        let json = |source| Error::Json { path: path.to_owned(), source };
        let version: Self = serde_json::from_slice(text).map_err(json)?;
        // With a wrong name, the next commit would try to create a version that exists.
        if version.number == 0 || path.file_name() != Some(version.name().as_str()) {
            let problem = format!(
                "contains version {}, which does not belong under this name; restore the folder \
                 that it is in from a backup",
                version.number
            );
            return Err(Error::Damaged { path: path.to_owned(), problem });
        }
        version.changes.iter().try_for_each(|change| change.entry.check_path(path))?;
        Ok(version)
    }
}

/// The version files of a directory, the newest one first.
pub(crate) fn files(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = genie_store::list(&Version::folder(dir))?.files;
    let is_number = |name: &str| u64::from_str_radix(name, 16).is_ok() && name.len() == 16;
    files
        .retain(|path| path.extension() == Some("json") && path.file_stem().is_some_and(is_number));
    Ok(files)
}
