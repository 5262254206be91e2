//! Finding the videos that `data.videos` names.
//!
//! An entry is a file, a directory (searched to the bottom, symbolic links followed, loops not), a glob, or `@LIST` with one
//! entry a line (relative to the list; `#` begins a comment). A name that exists is taken as it is, whatever characters are in
//! it; only then is it a glob. In directories and globs a video is what ends like one; files without an ending are
//! tried, and not counted as rejects if they are none. Hidden files and directories are skipped. The order is that of
//! the paths, each file once.

use std::collections::hash_map::{Entry, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use genie_stage::config::DataConfig;
use walkdir::WalkDir;

use crate::reject::{Reason, Reject};

/// Endings of video files. `m4a` is here because it is an MP4 like others, and whether it has pictures is not in its name.
const ENDINGS: [&str; 38] = [
    "mp4", "m4v", "m4a", "mov", "qt", "mkv", "webm", "avi", "divx", "flv", "f4v", "mpg", "mpeg",
    "m1v", "m2v", "vob", "ts", "m2ts", "mts", "3gp", "3g2", "wmv", "asf", "ogv", "ogg", "gif",
    "apng", "h263", "h264", "264", "h265", "265", "hevc", "ivf", "obu", "y4m", "mxf", "nut",
];
/// How deep lists may name lists.
const MAX_LISTS: u32 = 8;

/// A file to ingest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    pub path: PathBuf,
    /// Known to be unusable without a look inside.
    pub reject: Option<Reject>,
    /// Nothing says that it is a video: if it is none, it is not a reject.
    pub guess: bool,
}

/// The entries to search: the user's, or the sample videos.
pub fn videos(data: &DataConfig) -> Vec<String> {
    if data.videos.is_empty() {
        vec![data.root.join("videos").to_string()]
    } else {
        data.videos.clone()
    }
}

/// All files that the entries name.
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
    /// By the path without symbolic links, so that a file reached by two ways is one.
    found: HashMap<PathBuf, FoundFile>,
}

impl VideoSearch {
    /// Takes one entry; relative ones are relative to `base`.
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
            // A directory that may not be read matches nothing.
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
                "data.videos: {} is a list of lists of lists …: does it name itself?",
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

    /// Takes an existing path. `named`: the user gave this very path, so a file is one of theirs whatever its ending.
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
                    // Pipes and devices without a video's ending are nobody's videos.
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
            tracing::debug!("{error}: not followed");
        } else if path.extension().is_some_and(is_video) {
            self.add(path, Some(Reject::new(Reason::Missing, missing(path))), false);
        } else {
            tracing::warn!("{error}: skipped");
        }
    }

    fn add(&mut self, path: &Path, reject: Option<Reject>, guess: bool) {
        let reject = reject.or_else(|| match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some(Reject::new(Reason::NotAFile, "a pipe, device or socket, not a file")),
            Err(error) => Some(Reject::new(Reason::Unreadable, error)),
        });
        let found = FoundFile { path: path.to_owned(), reject, guess };
        match self.found.entry(identity(path)) {
            Entry::Vacant(place) => {
                place.insert(found);
            }
            // The shortest of several names, whatever order the file system lists them in.
            Entry::Occupied(mut known) if length(&found.path) < length(&known.get().path) => {
                known.insert(found);
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// Order of the names of one file.
fn length(path: &Path) -> (usize, &Path) {
    (path.components().count(), path)
}

/// The path without symbolic links; of one that leads nowhere, that of its directory and its name.
fn identity(path: &Path) -> PathBuf {
    let of_directory = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(of_directory).unwrap_or_else(|| path.to_owned())
}

fn missing(path: &Path) -> &'static str {
    if path.is_symlink() { "a symbolic link to nothing" } else { "nothing is there" }
}

fn is_video(ending: &OsStr) -> bool {
    ending.to_str().is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with the given empty files, and the names that `entries` find in it.
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

    /// Would catch sidecars, hidden files and text taken for videos, and an order that depends on the file system.
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

    /// Would catch an endless walk, and a file taken twice.
    #[test]
    fn links_are_followed_once() {
        let found = find(&["d/a.mp4"], &["", "d", "d/a.mp4"], |place| {
            symlink(place, place.join("d/loop")).unwrap();
            symlink(place.join("d/a.mp4"), place.join("d/link.mp4")).unwrap();
            symlink("nowhere", place.join("dangling.mp4")).unwrap();
        });
        assert_eq!(found, ["d/a.mp4", "dangling.mp4: missing"]);
    }

    /// Would catch a name in brackets taken for a pattern.
    #[test]
    fn globs_lists_and_plain_names() {
        let files = ["a[1].mp4", "a1.mp4", "b.mp4", "sub/c.dat", "list.txt"];
        assert_eq!(find(&files, &["a[1].mp4"], |_| ()), ["a[1].mp4"]);
        assert_eq!(find(&files, &["a*"], |_| ()), ["a1.mp4", "a[1].mp4"]);
        let list = |place: &Path| {
            fs::write(place.join("list.txt"), "# mine\nb.mp4\n\nsub/c.dat\ngone.mp4\n").unwrap()
        };
        assert_eq!(find(&files, &["@list.txt"], list), ["b.mp4", "gone.mp4: missing", "sub/c.dat"]);
    }
}
