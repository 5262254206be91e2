//! Commits of array mode: each source is published once, although other processes publish, too.
//!
//! Correctness does not depend on locks. Before a commit, this reads which sources have a decision.
//! The commit is made only if nobody else has committed by then.
//!
//! A store answers slowly, and all processes commit to one manifest. So groups of a dataset in a
//! store wait for each other, and one commit publishes those of half a minute.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{Manifest, ManifestFollower, NewEntries, SourceRow, sources_of_file, tables};

use super::partitions::CatalogLayout;
use super::publish::NewFiles;
use super::row_kinds::is_decided;
use crate::discover::SourceFile;

/// How long groups of a dataset in a store wait at most. A kill loses the work of this time.
const WAIT: Duration = Duration::from_secs(30);

/// Commits groups of sources to a dataset root to which other processes commit groups.
pub struct GroupCommits<'a> {
    root: &'a Utf8Path,
    /// Ids of the sources that this process may commit.
    ids: HashSet<String>,
    seen: Mutex<SeenSources>,
    waiting: Mutex<WaitingGroups>,
}

/// What was read of the catalog.
struct SeenSources {
    follower: ManifestFollower,
    /// The files that were read.
    files: HashSet<String>,
    /// Ids of sources with a decision.
    decided: HashSet<String>,
}

/// Groups whose files are written, and not yet committed.
struct WaitingGroups {
    groups: Vec<WrittenGroup>,
    last_commit: Instant,
    /// The number of groups that were dropped.
    dropped: usize,
}

/// The files of a group, and the ids of its sources.
struct WrittenGroup {
    files: NewFiles,
    ids: Vec<String>,
}

impl<'a> GroupCommits<'a> {
    /// Commits of groups that contain sources with these ids.
    pub fn new(root: &'a Utf8Path, ids: HashSet<String>) -> Self {
        let waiting = WaitingGroups { groups: Vec::new(), last_commit: Instant::now(), dropped: 0 };
        let seen = SeenSources {
            follower: ManifestFollower::new(root),
            files: HashSet::new(),
            decided: HashSet::new(),
        };
        Self { root, ids, seen: Mutex::new(seen), waiting: Mutex::new(waiting) }
    }

    /// The names of the groups that were published since the catalog was finalized.
    pub fn published(root: &Utf8Path) -> Result<HashSet<String>> {
        let layout = CatalogLayout::of(&Manifest::load(root)?);
        let name = |file: &str| {
            let name = file.strip_prefix("catalog/sources-")?.split_once('-')?.0;
            Some(name.to_owned())
        };
        Ok(layout.loose_sources.iter().filter_map(|entry| name(&entry.file)).collect())
    }

    /// Whether a row is that of a source that this process may commit.
    fn concern(&self, row: &SourceRow) -> bool {
        self.ids.contains(&row.source_id)
    }

    /// Publishes the files of a group, now or soon.
    pub fn add(&self, files: NewFiles, group: &[SourceFile]) -> Result<()> {
        let ids = group.iter().map(|source| source.id.to_string()).collect();
        let wait = if genie_store::is_mounted(self.root) { WAIT } else { Duration::ZERO };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.groups.push(WrittenGroup { files, ids });
        let is_due = waiting.last_commit.elapsed() >= wait;
        drop(waiting);
        if is_due { self.commit() } else { Ok(()) }
    }

    /// Publishes the groups that wait. Returns how many groups were dropped in all.
    ///
    /// A group is dropped if another process has published one of its sources.
    pub fn finish(&self) -> Result<usize> {
        self.commit()?;
        Ok(self.waiting.lock().unwrap_or_else(PoisonError::into_inner).dropped)
    }

    /// Publishes the groups that wait, in one commit.
    fn commit(&self) -> Result<()> {
        let waiting = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups = std::mem::take(&mut waiting().groups);
        let count = groups.len();
        while !groups.is_empty() {
            let version = self.drop_decided(&mut groups)?;
            let is_current = Cell::new(false);
            Manifest::commit(self.root, |edit| {
                is_current.set(edit.version() == version);
                if is_current.get() {
                    for group in &groups {
                        group.files.add_to(edit);
                    }
                }
            })?;
            if is_current.get() {
                break;
            }
        }
        let mut waiting = waiting();
        waiting.dropped += count - groups.len();
        waiting.last_commit = Instant::now();
        Ok(())
    }

    /// Drops groups with a source that has a decision. Returns the version that was read.
    fn drop_decided(&self, groups: &mut Vec<WrittenGroup>) -> Result<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let NewEntries { version, entries } = seen.follower.read_new(tables::SOURCES)?;
        for entry in entries {
            if seen.files.contains(&entry.file) {
                continue;
            }
            for row in sources_of_file(self.root, &entry)? {
                if is_decided(&row) && self.concern(&row) {
                    seen.decided.insert(row.source_id);
                }
            }
            seen.files.insert(entry.file);
        }
        groups.retain(|group| !group.ids.iter().any(|id| seen.decided.contains(id)));
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use camino::Utf8PathBuf;
    use genie_shards::Status;

    use super::*;

    fn source(id: &str) -> SourceFile {
        let path = Path::new(id);
        let (id, key) = (id.into(), "key".into());
        SourceFile { id, key, ..SourceFile::found(path, path, None, false) }
    }

    /// Writes the rows of a group with these sources, as a process does that decoded them.
    fn add(commits: &GroupCommits<'_>, name: &str, ids: &[&str]) {
        let group: Vec<SourceFile> = ids.iter().map(|id| source(id)).collect();
        let row = |source: &SourceFile| SourceRow { status: Status::Accepted, ..source.row() };
        let rows: Vec<SourceRow> = group.iter().map(row).collect();
        let files = NewFiles::write(commits.root, name, Vec::new(), &rows, &[]).unwrap();
        commits.add(files, &group).unwrap();
    }

    /// Catches: two processes that divide the videos differently publish a video twice; a group
    /// that was published is decoded again.
    #[test]
    fn each_source_is_published_once() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let ids = || ["a", "b", "c", "d"].map(str::to_owned).into();
        let (one, other) = (GroupCommits::new(&root, ids()), GroupCommits::new(&root, ids()));
        add(&one, "00000000000000aa", &["a", "b"]);
        add(&other, "00000000000000bb", &["b", "c"]);
        add(&other, "00000000000000dd", &["d"]);
        add(&one, "00000000000000cc", &["c"]);
        assert_eq!((one.finish().unwrap(), other.finish().unwrap()), (0, 1));
        let published = GroupCommits::published(&root).unwrap();
        let expected = ["00000000000000aa", "00000000000000cc", "00000000000000dd"];
        assert_eq!(published, expected.map(str::to_owned).into());
    }
}
