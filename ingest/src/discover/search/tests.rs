//! Tests of the search: directories, links, globs, lists, and what is skipped.

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
    let name = |found: &SourceFile| {
        let path = found.path.strip_prefix(place.path()).unwrap().display().to_string();
        found
            .reject
            .as_ref()
            .map_or(path.clone(), |reject| format!("{path}: {}", reject.reason.code()))
    };
    found.files.iter().map(name).collect()
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
    let marked = |place: &Path| {
        fs::write(place.join("list.txt"), "\u{feff}b.mp4\r\nsub/c.dat\r\n").unwrap();
    };
    assert_eq!(find(&files, &["@list.txt"], marked), ["b.mp4", "sub/c.dat"]);
}

/// Catches: a skipped file is not counted; a leftover of a download counts as a video although
/// the user named it, or the reverse.
#[test]
fn skipped_files_and_leftovers() {
    let place = tempfile::tempdir().unwrap();
    for name in ["a.m2t", "b.txt", "c.f140.m4a", "d.mp4.part", "e.mod"] {
        fs::write(place.path().join(name), "x").unwrap();
    }
    let directory = place.path().display().to_string();
    let leftovers = |entries: &[String]| {
        let found = discover(entries).unwrap();
        let marks = found.files.iter().map(|file| (file.leftover, file.guess));
        (marks.collect::<Vec<_>>(), found.skipped.report().unwrap_or_default())
    };
    let (marks, report) = leftovers(std::slice::from_ref(&directory));
    assert_eq!(marks, [(false, false), (true, false), (false, true)]);
    assert!(report.contains("1 .part, 1 .txt"), "{report}");
    let named = format!("{directory}/c.f140.m4a");
    assert_eq!(leftovers(&[named]), (vec![(false, false)], String::new()));
}
