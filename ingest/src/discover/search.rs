//! Finding the videos that `data.videos` names.
//!
//! An entry of `data.videos` is one of:
//! - a file;
//! - a directory. Ingest searches all its subdirectories and follows symbolic links, but no loops;
//! - a glob pattern;
//! - `@LIST`, a text file with one entry per line. Entries are relative to the list. A line that
//!   starts with `#` is a comment.
//!
//! An entry that exists as a path is that path, even if it contains characters of a glob pattern.
//!
//! Inside directories and globs a file with a video's extension is a video ([`super::names`]). A
//! file without an extension, or with one that other kinds of files also have, is tried, and is
//! ignored if it is not a video. Other files are skipped and counted. Hidden files and directories
//! are skipped. Each file is found once. The result is sorted by path.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use genie_catalog::one_line;
use genie_stage::config::DataConfig;
use walkdir::WalkDir;

use super::byte_order_mark::without_mark;
use super::names::{NameKind, kind};
use super::skipped::SkippedFiles;
use super::source_file::SourceFile;
use crate::reject::{Reason, Reject};

/// Maximum depth of lists inside lists.
const MAX_LISTS: u32 = 8;

/// The result of a search.
#[derive(Debug)]
pub struct Found {
    /// Sorted by path.
    pub files: Vec<SourceFile>,
    /// Files in directories that have another extension.
    pub skipped: SkippedFiles,
}

/// The entries to search: `data.videos`, or the sample videos of the root if it is empty.
///
/// # Errors
///
/// The root is in a store, and its sample videos cannot be fetched.
pub fn videos(data: &DataConfig) -> Result<Vec<String>> {
    if !data.videos.is_empty() {
        return Ok(data.videos.clone());
    }
    let samples = data.root.join("videos");
    genie_store::pull(&samples)?;
    Ok(vec![samples.to_string()])
}

/// Finds all files that the entries name.
///
/// # Errors
///
/// A glob pattern is invalid, a list cannot be read, or lists are nested too deeply. An entry that
/// does not exist is not an error: the result contains it with a reject.
pub fn discover(entries: &[String]) -> Result<Found> {
    let mut search = VideoSearch::default();
    for entry in entries {
        search.entry(OsStr::new(entry), Path::new(""), 0)?;
    }
    let VideoSearch { found: mut files, skipped, .. } = search;
    // Of several names the shortest wins, so the order in the file system has no effect.
    files.sort_by(|a, b| (a.identity, length(&a.path)).cmp(&(b.identity, length(&b.path))));
    files.dedup_by_key(|file| file.identity);
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(Found { files, skipped })
}

#[derive(Default)]
struct VideoSearch {
    /// A file with several names is here several times.
    found: Vec<SourceFile>,
    skipped: SkippedFiles,
    /// The directory of the last file that a search found, and its path without symbolic links.
    directory: Option<(PathBuf, PathBuf)>,
}

impl VideoSearch {
    /// Adds the files of one entry.
    ///
    /// A relative entry is relative to `base`. `lists` is the number of lists that contain it.
    fn entry(&mut self, entry: &OsStr, base: &Path, lists: u32) -> Result<()> {
        let path = base.join(entry);
        if fs::metadata(&path).is_ok() {
            self.path(&path, true);
        } else if let Some(list) = entry.as_bytes().strip_prefix(b"@") {
            self.list(&base.join(OsStr::from_bytes(list)), lists)?;
        } else if let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '['])) {
            let matches = glob::glob(pattern).with_context(|| {
                format!("data.videos: `{pattern}` is neither a file nor a valid glob pattern")
            })?;
            // A directory that cannot be read matches nothing.
            for path in matches.filter_map(Result::ok).filter(|path| !is_hidden(path)) {
                self.path(&path, false);
            }
        } else {
            self.add(&path, Some(Reject::new(Reason::Missing, missing(&path))), true);
        }
        Ok(())
    }

    fn list(&mut self, list: &Path, lists: u32) -> Result<()> {
        if lists >= MAX_LISTS {
            bail!(
                "data.videos: the list {} is inside {MAX_LISTS} other lists: \
                 check that no list names itself",
                list.display()
            );
        }
        let text = fs::read(list)
            .with_context(|| format!("data.videos: cannot read the list {}", list.display()))?;
        let base = list.parent().unwrap_or(Path::new("")).to_owned();
        for line in without_mark(&text).split(|&byte| byte == b'\n') {
            let line = line.trim_ascii();
            if !line.is_empty() && !line.starts_with(b"#") {
                self.entry(OsStr::from_bytes(line), &base, lists + 1)?;
            }
        }
        Ok(())
    }

    /// Adds the files of an existing path.
    ///
    /// `named`: an entry is this path, so a file is added even if its extension is not that of a
    /// video.
    fn path(&mut self, path: &Path, named: bool) {
        if path.is_dir() {
            return self.directory(path);
        }
        if named || kind(path) != NameKind::Other {
            self.add(path, None, named);
        } else {
            self.skipped.add(path);
        }
    }

    fn directory(&mut self, directory: &Path) {
        let walk = WalkDir::new(directory).follow_links(true).into_iter();
        for item in walk.filter_entry(|item| item.depth() == 0 || !is_hidden(item.path())) {
            match item {
                Ok(item) if item.file_type().is_dir() => {}
                Ok(item) if item.file_type().is_file() && !item.path_is_symlink() => {
                    self.regular(item.path());
                }
                Ok(item) => {
                    let regular = item.file_type().is_file();
                    // A pipe or device is only reported if it has a video's extension.
                    if regular || is_video(item.path()) {
                        self.path(item.path(), false);
                    }
                }
                Err(error) => self.walk_error(&error),
            }
        }
    }

    /// Adds a regular file that a search found. It is no link, but its directory may be one.
    ///
    /// It asks the file system nothing about the file, because there may be very many of them.
    fn regular(&mut self, path: &Path) {
        if kind(path) == NameKind::Other {
            return self.skipped.add(path);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.add(path, None, false);
        };
        if self.directory.as_ref().is_none_or(|(directory, _)| directory != parent) {
            let Ok(identity) = fs::canonicalize(parent) else {
                return self.add(path, None, false);
            };
            self.directory = Some((parent.to_owned(), identity));
        }
        let identity = self.directory.as_ref().map(|(_, identity)| identity.join(name));
        self.found.push(SourceFile::found(path, &identity.unwrap_or_default(), None, false));
    }

    fn walk_error(&mut self, error: &walkdir::Error) {
        let path = error.path().unwrap_or(Path::new(""));
        if error.loop_ancestor().is_some() {
            tracing::debug!("{}: the link is not followed", one_line(&error.to_string()));
        } else if is_video(path) {
            self.add(path, Some(Reject::new(Reason::Missing, missing(path))), false);
        } else {
            tracing::warn!("{}: the path is skipped", one_line(&error.to_string()));
        }
    }

    fn add(&mut self, path: &Path, reject: Option<Reject>, named: bool) {
        let reject = reject.or_else(|| match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some(Reject::new(
                Reason::NotAFile,
                "it is a pipe, device or socket, not a regular file",
            )),
            Err(error) => Some(Reject::new(Reason::Unreadable, error)),
        });
        self.found.push(SourceFile::found(path, &identity(path), reject, named));
    }
}

/// Sort key for the names of one file: the shortest name comes first.
fn length(path: &Path) -> (usize, &Path) {
    (path.components().count(), path)
}

/// The path without symbolic links.
///
/// For a link to nothing it is the directory without symbolic links, and the name.
fn identity(path: &Path) -> PathBuf {
    let of_directory = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(of_directory).unwrap_or_else(|| path.to_owned())
}

fn missing(path: &Path) -> &'static str {
    if path.is_symlink() { "it is a symbolic link to nothing" } else { "the path does not exist" }
}

fn is_video(path: &Path) -> bool {
    kind(path) == NameKind::Video
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests;
