//! The files that a run was asked for, found by path and by content.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use genie_shards::SourceRow;

use super::source_file::{SourceFile, path_hash};

/// The files that a run was asked for.
///
/// Beside the files, it needs 48 bytes for each of them.
pub struct SourceFiles {
    /// Sorted by path.
    files: Vec<SourceFile>,
    /// By the path in the catalog. Several paths that are not UTF-8 can have the same name there.
    by_name: HashIndex,
    /// By content, those that have one.
    by_content: HashIndex,
    by_identity: HashIndex,
}

impl SourceFiles {
    /// `files` are sorted by path.
    pub fn new(files: Vec<SourceFile>) -> Self {
        let numbered = || (0_u32..).zip(&files);
        let by_name = HashIndex::new(
            numbered().map(|(number, file)| (name_hash(&file.path.to_string_lossy()), number)),
        );
        let by_identity =
            HashIndex::new(numbered().map(|(number, file)| (head(&file.identity), number)));
        let with_content = numbered().filter(|(_, file)| !file.id.is_empty());
        let mut by_content =
            HashIndex::new(with_content.map(|(number, file)| (head(file.id.as_bytes()), number)));
        // Nothing moves, unless two hashes begin alike.
        by_content.0.sort_by_key(|(_, number)| &*files[*number as usize].id);
        Self { files, by_name, by_content, by_identity }
    }

    /// All files, sorted by path.
    pub fn all(&self) -> &[SourceFile] {
        &self.files
    }

    /// The files with a path of the catalog.
    pub fn at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.numbers_at(path).map(|number| &self.files[number])
    }

    /// The numbers of the files with a path of the catalog.
    pub fn numbers_at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = usize> + 'a {
        let numbers = self.by_name.get(name_hash(path));
        numbers.filter(move |number| self.files[*number].path.to_string_lossy() == path)
    }

    /// The file that is this path without symbolic links.
    pub fn with_identity(&self, path: &Path) -> Option<&SourceFile> {
        let hash = path_hash(path);
        let mut files = self.by_identity.get(head(&hash)).map(|number| &self.files[number]);
        files.find(|file| file.identity == hash)
    }

    /// The files with a content hash, sorted by path.
    pub fn with_content<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a SourceFile> {
        self.numbers_with_content(id).map(|number| &self.files[number])
    }

    /// The numbers of the files with a content hash.
    pub fn numbers_with_content<'a>(&'a self, id: &'a str) -> impl Iterator<Item = usize> + 'a {
        let numbers = self.by_content.get(head(id.as_bytes()));
        numbers.filter(move |number| &*self.files[*number].id == id)
    }

    /// Whether one of the files has this content.
    pub fn has(&self, id: &str) -> bool {
        self.with_content(id).next().is_some()
    }

    /// The files of each content, in the order of content hashes; those of one sorted by path.
    pub fn contents(&self) -> impl Iterator<Item = Vec<&SourceFile>> {
        let id = |(_, number): &(u64, u32)| &self.files[*number as usize].id;
        let same = self.by_content.0.chunk_by(move |a, b| id(a) == id(b));
        same.map(|same| same.iter().map(|(_, number)| &self.files[*number as usize]).collect())
    }

    /// The number of the file with the path and the content of a row.
    pub fn number_of(&self, row: &SourceRow) -> Option<usize> {
        let mut numbers = self.numbers_at(&row.source_path);
        numbers.find(|number| {
            let id = &*self.files[*number].id;
            !id.is_empty() && id == row.source_id
        })
    }

    /// Whether a row has the path or the content of one of the files.
    pub fn concern(&self, row: &SourceRow) -> bool {
        self.numbers_at(&row.source_path).next().is_some() || self.has(&row.source_id)
    }
}

/// Numbers of files by a hash. Several files can have one hash.
struct HashIndex(Vec<(u64, u32)>);

impl HashIndex {
    fn new(hashes: impl Iterator<Item = (u64, u32)>) -> Self {
        let mut hashes: Vec<(u64, u32)> = hashes.collect();
        hashes.sort_unstable();
        Self(hashes)
    }

    /// The numbers with a hash.
    fn get(&self, hash: u64) -> impl Iterator<Item = usize> {
        let first = self.0.partition_point(|(other, _)| *other < hash);
        let same = self.0[first..].iter().take_while(move |(other, _)| *other == hash);
        same.map(|(_, number)| *number as usize)
    }
}

fn name_hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// The first eight bytes of a hash as a number. The order of such numbers is that of the hashes.
fn head(hash: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(hash).for_each(|(to, byte)| *to = *byte);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn file(path: &[u8], id: &str) -> SourceFile {
        let path = Path::new(OsStr::from_bytes(path));
        SourceFile {
            id: id.into(),
            ..SourceFile::found(path, &Path::new("/d").join(path), None, false)
        }
    }

    /// Catches: a file is found under another one's path or content, because hashes or the first
    /// bytes are equal; files of one content are not in the order of their paths; a file without a
    /// known content counts as one with an empty content.
    #[test]
    fn files_are_found_by_path_and_content() {
        let (same, other) = ("0123456789", "0123456788");
        let odd = [&b"e\xff"[..], b"e\xfe"];
        let files = SourceFiles::new(vec![
            file(b"a", same),
            file(b"b", other),
            file(b"c", same),
            file(b"d", ""),
            file(odd[1], "9"),
            file(odd[0], ""),
        ]);
        let paths = |files: Vec<&SourceFile>| -> Vec<Vec<u8>> {
            files.iter().map(|file| file.path.as_os_str().as_bytes().to_vec()).collect()
        };
        assert_eq!(paths(files.with_content(same).collect()), [b"a", b"c"]);
        assert_eq!(paths(files.at("e\u{fffd}").collect()), [odd[1], odd[0]]);
        assert!(files.has(other) && !files.has("") && !files.has("0123456787"));
        let contents: Vec<_> = files.contents().map(paths).collect();
        assert_eq!(
            contents,
            [paths(files.at("b").collect()), vec![b"a".into(), b"c".into()], vec![odd[1].into()]]
        );
        assert_eq!(&*files.with_identity(Path::new("/d/b")).unwrap().path, Path::new("b"));
        assert!(files.with_identity(Path::new("b")).is_none());
        let row = |path: &str, id: &str| SourceRow {
            source_path: path.to_owned(),
            source_id: id.to_owned(),
            ..SourceRow::default()
        };
        assert_eq!(files.number_of(&row("c", same)), Some(2));
        for (path, id) in [("c", other), ("d", ""), ("x", same)] {
            assert_eq!(files.number_of(&row(path, id)), None, "{path} {id}");
        }
        assert!(files.concern(&row("x", other)) && files.concern(&row("d", "x")));
        assert!(!files.concern(&row("x", "")));
    }
}
