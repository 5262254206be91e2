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
//! Inside directories and globs a file with a video's extension is a video. A file without an
//! extension is tried, and is ignored if it is not a video. Hidden files and directories are
//! skipped. Each file is found once. The result is sorted by path.

use std::collections::hash_map::{Entry, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use genie_stage::config::DataConfig;
use walkdir::WalkDir;

use crate::reject::{Reason, Reject};

/// Extensions of video files.
///
/// `m4a` is one of them: it is an MP4 file, and its name does not say whether it contains video.
const EXTENSIONS: [&str; 38] = [
    "mp4", "m4v", "m4a", "mov", "qt", "mkv", "webm", "avi", "divx", "flv", "f4v", "mpg", "mpeg",
    "m1v", "m2v", "vob", "ts", "m2ts", "mts", "3gp", "3g2", "wmv", "asf", "ogv", "ogg", "gif",
    "apng", "h263", "h264", "264", "h265", "265", "hevc", "ivf", "obu", "y4m", "mxf", "nut",
];
/// Maximum depth of lists inside lists.
const MAX_LISTS: u32 = 8;

/// A file that an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// The path as the entry names it.
    pub path: PathBuf,
    /// Why ingest cannot use the file, if that is known without opening it.
    pub reject: Option<Reject>,
    /// The file has no extension, and only a search found it. If it is not a video, it is ignored.
    pub guess: bool,
}

/// The entries to search: `data.videos`, or the sample videos of the root if it is empty.
pub fn videos(data: &DataConfig) -> Vec<String> {
    if data.videos.is_empty() {
        vec![data.root.join("videos").to_string()]
    } else {
        data.videos.clone()
    }
}

/// Finds all files that the entries name, sorted by path.
///
/// # Errors
///
/// A glob pattern is invalid, a list cannot be read, or lists are nested too deeply. An entry that
/// does not exist is not an error: the result contains it with a reject.
pub fn discover(entries: &[String]) -> Result<Vec<FoundFile>> {
    let mut search = VideoSearch::default();
    for entry in entries {
        search.entry(OsStr::new(entry), Path::new(""), 0)?;
    }
    let mut found: Vec<FoundFile> = search.found.into_values().collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

#[derive(Default)]
struct VideoSearch {
    /// Files by their path without symbolic links, so that a file with two names is found once.
    found: HashMap<PathBuf, FoundFile>,
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
            self.add(&path, Some(Reject::new(Reason::Missing, missing(&path))), false);
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
        for line in text.split(|&byte| byte == b'\n') {
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
            self.directory(path);
        } else if named || path.extension().is_some_and(is_video) {
            self.add(path, None, false);
        } else if path.extension().is_none() {
            self.add(path, None, true);
        }
    }

    fn directory(&mut self, directory: &Path) {
        let walk = WalkDir::new(directory).follow_links(true).into_iter();
        for item in walk.filter_entry(|item| item.depth() == 0 || !is_hidden(item.path())) {
            match item {
                Ok(item) if item.file_type().is_dir() => {}
                Ok(item) => {
                    let regular = item.file_type().is_file();
                    // A pipe or device is only reported if it has a video's extension.
                    if regular || item.path().extension().is_some_and(is_video) {
                        self.path(item.path(), false);
                    }
                }
                Err(error) => self.walk_error(&error),
            }
        }
    }

    fn walk_error(&mut self, error: &walkdir::Error) {
        let path = error.path().unwrap_or(Path::new(""));
        if error.loop_ancestor().is_some() {
            tracing::debug!("{error}: the link is not followed");
        } else if path.extension().is_some_and(is_video) {
            self.add(path, Some(Reject::new(Reason::Missing, missing(path))), false);
        } else {
            tracing::warn!("{error}: the path is skipped");
        }
    }

    fn add(&mut self, path: &Path, reject: Option<Reject>, guess: bool) {
        let reject = reject.or_else(|| match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some(Reject::new(
                Reason::NotAFile,
                "it is a pipe, device or socket, not a regular file",
            )),
            Err(error) => Some(Reject::new(Reason::Unreadable, error)),
        });
        let found = FoundFile { path: path.to_owned(), reject, guess };
        match self.found.entry(identity(path)) {
            Entry::Vacant(place) => {
                place.insert(found);
            }
            // Of several names the shortest wins, so the order in the file system has no effect.
            Entry::Occupied(mut known) if length(&found.path) < length(&known.get().path) => {
                known.insert(found);
            }
            Entry::Occupied(_) => {}
        }
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

fn is_video(extension: &OsStr) -> bool {
    extension
        .to_str()
        .is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Makes a directory with the given files and returns the names that `entries` find in it.
    fn find(files: &[&str], entries: &[&str], prepare: impl Fn(&Path)) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        for file in files {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        prepare(place.path());
        let entries: Vec<String> = entries
            .iter()
            .map(|entry| match entry.strip_prefix('@') {
                Some(list) => format!("@{}", place.path().join(list).display()),
                None => place.path().join(entry).display().to_string(),
            })
            .collect();
        let found = discover(&entries).unwrap();
        let name = |found: &FoundFile| {
            let path = found.path.strip_prefix(place.path()).unwrap().display().to_string();
            found
                .reject
                .as_ref()
                .map_or(path.clone(), |reject| format!("{path}: {}", reject.reason.code()))
        };
        found.iter().map(name).collect()
    }

    /// Catches: sidecars, hidden files or text files count as videos; the order depends on the file
    /// system.
    #[test]
    fn a_directory_is_searched() {
        let files = [
            "b/z.MP4",
            "b/a.webm",
            "a.mkv",
            "a.actions.csv",
            ".hidden.mp4",
            ".git/x.mp4",
            "noend",
            "b/readme.txt",
        ];
        assert_eq!(find(&files, &[""], |_| ()), ["a.mkv", "b/a.webm", "b/z.MP4", "noend"]);
    }

    /// Catches: a loop of links makes the search endless; a file is found twice.
    #[test]
    fn links_are_followed_once() {
        let found = find(&["d/a.mp4"], &["", "d", "d/a.mp4"], |place| {
            symlink(place, place.join("d/loop")).unwrap();
            symlink(place.join("d/a.mp4"), place.join("d/link.mp4")).unwrap();
            symlink("nowhere", place.join("dangling.mp4")).unwrap();
        });
        assert_eq!(found, ["d/a.mp4", "dangling.mp4: missing"]);
    }

    /// Catches: a name with brackets is read as a glob pattern.
    #[test]
    fn globs_lists_and_plain_names() {
        let files = ["a[1].mp4", "a1.mp4", "b.mp4", "sub/c.dat", "list.txt"];
        assert_eq!(find(&files, &["a[1].mp4"], |_| ()), ["a[1].mp4"]);
        assert_eq!(find(&files, &["a*"], |_| ()), ["a1.mp4", "a[1].mp4"]);
        let list = |place: &Path| {
            fs::write(place.join("list.txt"), "# mine\nb.mp4\n\nsub/c.dat\ngone.mp4\n").unwrap();
        };
        assert_eq!(find(&files, &["@list.txt"], list), ["b.mp4", "gone.mp4: missing", "sub/c.dat"]);
    }
}
