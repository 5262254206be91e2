//! The file `manifest.json`, which stops programs that do not know the folder `manifest`.
//!
//! Up to format 1, this file was the manifest. A program of that time treats a directory without it
//! as empty, and rejects one with a later format. So a directory with versions has a
//! `manifest.json` of the current format without entries.
//!
//! Entries in this file count only while there is no version. The first commit raises the format of
//! the file and keeps its entries, creates the first version, and then removes the entries here. So
//! at every moment each program finds the same files, or rejects the directory.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::json;

use super::{change::Change, entry::Entry};
use crate::{
    error::{Error, Result},
    formats::MANIFEST_FORMAT,
};

/// What `manifest.json` says.
pub(crate) enum Marker {
    /// While there is no version, these files are published.
    Entries(Vec<Change>),
    /// There are versions.
    Versions,
}

/// The content of `manifest.json`.
#[derive(Deserialize)]
struct Content {
    format: u32,
    tables: Option<BTreeMap<String, Vec<Entry>>>,
}

/// The field that all formats have.
#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

impl Marker {
    /// Reads `manifest.json`. Without the file, nothing is published.
    pub(crate) fn read(dir: &Utf8Path) -> Result<Self> {
        let path = path(dir);
        let Some(content) = read(&path)? else { return Ok(Self::Entries(Vec::new())) };
        let Some(tables) = content.tables else { return Ok(Self::Versions) };
        let mut entries = Vec::new();
        for (table, files) in tables {
            for entry in files {
                entry.check_path(&path)?;
                entries.push(Change::add(&table, entry));
            }
        }
        Ok(Self::Entries(entries))
    }
}

/// The content that `manifest.json` must have before the first version; `None` if it has it.
pub(crate) fn before_versions(dir: &Utf8Path) -> Result<Option<String>> {
    let found = read(&path(dir))?;
    if found.as_ref().is_some_and(|content| content.format == MANIFEST_FORMAT) {
        return Ok(None);
    }
    let tables = found.and_then(|content| content.tables).unwrap_or_default();
    Ok(Some(format!("{:#}\n", json!({ "format": MANIFEST_FORMAT, "tables": tables }))))
}

/// The content that `manifest.json` must have beside a version; `None` if it has it.
pub(crate) fn beside_versions(dir: &Utf8Path) -> Option<String> {
    let wanted = format!("{:#}\n", json!({ "format": MANIFEST_FORMAT, "versions": "manifest/" }));
    let found = genie_store::read(&path(dir));
    found.ok().flatten().is_none_or(|found| found != wanted.as_bytes()).then_some(wanted)
}

/// The error for a directory whose versions are lost.
pub(crate) fn without_versions(dir: &Utf8Path) -> Error {
    let problem = "the list of published files is in the folder `manifest` beside this file, but \
                   that has no version; restore it from a backup, or copy it with this file"
        .to_owned();
    Error::Damaged { path: path(dir), problem }
}

/// Refuses a file of the manifest that a later program wrote.
pub(crate) fn check_format(text: &[u8], path: &Utf8Path) -> Result<()> {
    let json = |source| Error::Json { path: path.to_owned(), source };
    // Only the format first: a later one may differ in everything else.
    let found = serde_json::from_slice::<AnyFormat>(text).map_err(json)?.format;
    if found <= u64::from(MANIFEST_FORMAT) {
        return Ok(());
    }
    let (path, what) = (path.to_owned(), "a manifest");
    Err(Error::Newer { path, what, found, known: MANIFEST_FORMAT })
}

/// Path of `manifest.json`.
pub(crate) fn path(dir: &Utf8Path) -> Utf8PathBuf {
    dir.join("manifest.json")
}

fn read(path: &Utf8Path) -> Result<Option<Content>> {
    let Some(bytes) = genie_store::read(path)? else { return Ok(None) };
    check_format(&bytes, path)?;
    let content = serde_json::from_slice(&bytes);
    content.map(Some).map_err(|source| Error::Json { path: path.to_owned(), source })
}
