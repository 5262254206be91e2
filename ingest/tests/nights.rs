//! Several nights: recordings grow, move, are replaced and restored, and downloads leave litter.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::process::Stdio;

use genie_shards::Split;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::{TestDir, code, stderr};

/// A directory with recordings in `pool`, and the first three of them in `videos`.
fn recorded(episodes: u32) -> TestDir {
    let mut dir = TestDir::with_samples(episodes);
    dir.settings.push("data.held_out=0.5".to_owned());
    fs::rename(dir.path("videos"), dir.path("pool")).unwrap();
    fs::create_dir(dir.path("videos")).unwrap();
    for number in 0..3 {
        fs::write(dir.path(&format!("videos/{number}.mp4")), pool(&dir, number)).unwrap();
    }
    dir
}

fn pool(dir: &TestDir, number: u32) -> Vec<u8> {
    fs::read(dir.path(&format!("pool/episode-{number:05}.mp4"))).unwrap()
}

/// Appends an empty box to a video, so that the hash of the new content leads to this split.
fn with_split(video: &[u8], split: Split) -> Vec<u8> {
    let variant = |number: u32| [video, &[0, 0, 0, 12], b"free", &number.to_be_bytes()].concat();
    let is_held = |video: &[u8]| blake3::hash(video).as_bytes()[0] < 128;
    let wanted = split == Split::HeldOut;
    (0..100).map(variant).find(|video| is_held(video) == wanted).unwrap()
}

fn other(split: Split) -> Split {
    if split == Split::Train { Split::HeldOut } else { Split::Train }
}

/// Returns the splits of the clips of a file, and checks that it has exactly one row.
fn splits(dir: &TestDir, name: &str) -> Vec<Split> {
    let of_file = |path: &str| path.ends_with(&format!("/{name}"));
    let (sources, clips, shards) = dir.state();
    let rows = sources.iter().filter(|row| of_file(&row.source_path)).count();
    assert_eq!(rows, 1, "{name}: {sources:#?}");
    let splits: Vec<Split> = clips
        .iter()
        .filter(|row| row.kept && of_file(&row.meta.source_path))
        .map(|row| row.meta.split)
        .collect();
    let stored = shards.iter().filter(|clip| of_file(&clip.source_path)).map(|clip| clip.split);
    assert_eq!(stored.collect::<Vec<_>>(), splits, "catalog and shards agree");
    splits
}

/// Runs a night that must end with this code.
fn night(dir: &TestDir, ends: i32) -> String {
    let output = dir.run(&[]);
    let said = stderr(&output);
    assert_eq!(code(&output), ends, "{said}");
    let again = dir.run(&[]);
    assert_eq!(code(&again), ends, "the same command ends with the same code");
    assert!(stderr(&again).contains("up to date"), "{}", stderr(&again));
    said
}

/// Catches: a recording that grows is twice in the dataset, or moves to the other split.
#[test]
fn a_recording_that_grows_has_one_row_and_one_split() {
    let dir = recorded(3);
    night(&dir, 0);
    let first = splits(&dir, "0.mp4")[0];
    let mut whole = pool(&dir, 0);
    for _ in 0..2 {
        whole = with_split(&whole, other(first));
        fs::write(dir.path("videos/0.mp4"), &whole).unwrap();
        assert!(night(&dir, 0).contains("3 sources with 3 clips (1 new)"));
        assert_eq!(splits(&dir, "0.mp4"), [first]);
    }

    // A file that is cut off does not replace it: it may be a copy in progress.
    fs::write(dir.path("videos/0.mp4"), &whole[..whole.len() / 2]).unwrap();
    night(&dir, 2);
    let rows = "select reason from sources where source_path like '%/0.mp4' order by reason";
    assert_eq!(dir.sql(rows), "reason\nunreadable\n\"\"\n");
    fs::write(dir.path("videos/0.mp4"), &whole).unwrap();
    night(&dir, 0);
    assert_eq!(splits(&dir, "0.mp4"), [first]);

    // A file that is deleted stays in the dataset, also if another file disappears for a night.
    fs::remove_file(dir.path("videos/0.mp4")).unwrap();
    fs::rename(dir.path("videos/1.mp4"), dir.path("1.mp4")).unwrap();
    night(&dir, 0);
    assert_eq!(splits(&dir, "0.mp4"), [first]);
    fs::rename(dir.path("1.mp4"), dir.path("videos/1.mp4")).unwrap();
    night(&dir, 0);
    assert_eq!(dir.clips(None).len(), 3);
}

/// Catches: a file that grew has two rows, because a later run names its directory otherwise.
#[test]
fn another_name_of_the_directory_is_the_same_file() {
    let dir = recorded(3);
    night(&dir, 0);
    let first = splits(&dir, "0.mp4");
    let grown = with_split(&pool(&dir, 0), other(first[0]));
    fs::write(dir.path("videos/0.mp4"), grown).unwrap();
    std::os::unix::fs::symlink(dir.path("videos"), dir.path("link")).unwrap();
    let output = dir.run(&[&format!("data.videos=[\"{}\"]", dir.path("link"))]);
    assert!(stderr(&output).contains("3 sources with 3 clips (1 new)"), "{}", stderr(&output));
    assert_eq!(splits(&dir, "0.mp4"), first);
    let paths = dir.sql("select count(*) from sources where source_path like '%/link/%'");
    assert_eq!(paths, "count(*)\n3\n");
}

/// Catches: a renamed file keeps its old path in rows or shards, or is decoded again; a new
/// recording under an old name replaces the old one, although that was only renamed.
#[test]
fn renamed_files_take_their_rows_with_them() {
    let dir = recorded(4);
    night(&dir, 0);
    let first = [0, 1].map(|number| splits(&dir, &format!("{number}.mp4")));
    let path = |name: &str| dir.path(&format!("videos/{name}.mp4"));
    fs::rename(path("0"), path("old")).unwrap();
    assert!(night(&dir, 0).contains("(0 new)"));
    assert_eq!(splits(&dir, "old.mp4"), first[0]);

    // A new recording under the name of one that moved on, as log rotation does.
    fs::rename(path("old"), path("older")).unwrap();
    let new = with_split(&pool(&dir, 3), other(first[0][0]));
    fs::write(path("old"), new).unwrap();
    assert!(night(&dir, 0).contains("4 sources with 4 clips (1 new)"));
    assert_eq!(splits(&dir, "older.mp4"), first[0]);
    assert_eq!(splits(&dir, "old.mp4"), [other(first[0][0])], "it inherits nothing");

    // Two files change places.
    fs::rename(path("1"), path("x")).unwrap();
    fs::rename(path("older"), path("1")).unwrap();
    fs::rename(path("x"), path("older")).unwrap();
    night(&dir, 0);
    assert_eq!([splits(&dir, "1.mp4"), splits(&dir, "older.mp4")], first);
    assert_eq!(
        dir.sql("select count(*) from sources where source_path like '%/0.mp4'"),
        "count(*)\n0\n"
    );
}

/// Catches: the content of an overwritten file stays although nothing has it; it is lost although
/// a copy has it; the row of a copy that was overwritten stays.
#[test]
fn an_overwritten_file_lives_on_in_its_copy() {
    let dir = recorded(4);
    let path = |name: &str| dir.path(&format!("videos/{name}.mp4"));
    fs::copy(path("0"), path("copy")).unwrap();
    night(&dir, 0);
    let first = splits(&dir, "0.mp4");
    fs::copy(path("1"), path("0")).unwrap();
    assert!(
        night(&dir, 0).contains("3 sources with 3 clips (0 new), 0 filtered, 0 rejected, 1 dup")
    );
    assert_eq!(splits(&dir, "copy.mp4"), first, "the copy is the source now");
    assert_eq!(splits(&dir, "0.mp4"), [], "it is a copy of another file");
    fs::copy(path("1"), path("copy")).unwrap();
    assert!(
        night(&dir, 0).contains("2 sources with 2 clips (0 new), 0 filtered, 0 rejected, 2 dup")
    );
    fs::write(path("0"), pool(&dir, 3)).unwrap();
    assert!(
        night(&dir, 0).contains("3 sources with 3 clips (1 new), 0 filtered, 0 rejected, 1 dup")
    );
    assert_eq!(dir.state().0.len(), 4);
}

/// Catches: a killed run forgets which split a replaced file had, or keeps both contents.
#[test]
fn a_killed_night_is_repeated_with_the_same_result() {
    let dir = recorded(3);
    night(&dir, 0);
    let first = splits(&dir, "0.mp4");
    let root = dir.root();
    let copy = |from: &camino::Utf8Path, to: &camino::Utf8Path| {
        let _ = fs::remove_dir_all(to);
        let done =
            std::process::Command::new("cp").args(["-a", from.as_str(), to.as_str()]).status();
        assert!(done.unwrap().success());
    };
    copy(&root, &dir.path("before"));
    fs::write(dir.path("videos/0.mp4"), with_split(&pool(&dir, 0), other(first[0]))).unwrap();
    fs::write(dir.path("videos/1.actions.csv"), "frame,action\n0,1\n").unwrap();
    night(&dir, 0);
    let expected = dir.state();
    assert_eq!(splits(&dir, "0.mp4"), first);

    let mut random = ChaCha8Rng::seed_from_u64(3);
    for round in 0..12 {
        copy(&dir.path("before"), &root);
        let mut run = dir.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(random.random_range(0..400)));
        let _ = run.kill();
        run.wait().unwrap();
        night(&dir, 0);
        assert!(dir.state() == expected, "round {round}");
    }
}

/// Catches: a source of the training split is held out on a later night, so models are measured on
/// what they were trained on; a new video does not fill the empty split.
#[test]
fn a_source_stays_in_its_split() {
    let dir = recorded(4);
    let path = |name: &str| dir.path(&format!("videos/{name}.mp4"));
    for (number, split) in [(0, Split::HeldOut), (1, Split::Train), (2, Split::Train)] {
        fs::write(path(&number.to_string()), with_split(&pool(&dir, number), split)).unwrap();
    }
    night(&dir, 0);
    assert_eq!(dir.clips(Split::HeldOut).len(), 1);
    fs::copy(path("1"), path("0")).unwrap();
    assert!(night(&dir, 0).contains("no clip is held out"));
    assert_eq!([splits(&dir, "1.mp4"), splits(&dir, "2.mp4")], [[Split::Train], [Split::Train]]);
    fs::write(path("3"), with_split(&pool(&dir, 3), Split::Train)).unwrap();
    assert!(!night(&dir, 0).contains("no clip is held out"));
    assert_eq!(splits(&dir, "3.mp4"), [Split::HeldOut], "a new video fills the empty split");
}

/// Catches: a content that was overwritten for a night changes its split, at its path or at another
/// one, so models are measured on what they were trained on; so does a longer version of it.
#[test]
fn what_comes_back_has_its_split_again() {
    let dir = recorded(4);
    let path = |name: &str| dir.path(&format!("videos/{name}.mp4"));
    night(&dir, 0);
    let first = [0, 1].map(|number| splits(&dir, &format!("{number}.mp4"))[0]);
    let grown = |number: usize, length: usize| {
        let mut video = pool(&dir, u32::try_from(number).unwrap());
        for _ in 0..length {
            video = with_split(&video, other(first[number]));
        }
        video
    };
    fs::write(path("0"), grown(0, 1)).unwrap();
    fs::write(path("1"), grown(1, 1)).unwrap();
    night(&dir, 0);
    fs::copy(path("2"), path("0")).unwrap();
    fs::write(path("1"), pool(&dir, 3)).unwrap();
    night(&dir, 0);
    fs::write(path("0"), grown(0, 1)).unwrap();
    fs::write(path("old"), grown(1, 1)).unwrap();
    night(&dir, 0);
    assert_eq!(splits(&dir, "0.mp4"), [first[0]], "at its path");
    assert_eq!(splits(&dir, "old.mp4"), [first[1]], "at another path");
    fs::copy(path("2"), path("0")).unwrap();
    night(&dir, 0);
    fs::write(path("0"), grown(0, 2)).unwrap();
    night(&dir, 0);
    assert_eq!(splits(&dir, "0.mp4"), [first[0]], "a longer version");
}

/// Catches: the row of a file stays at a path where a directory is now.
#[test]
fn a_directory_takes_the_place_of_a_file() {
    let dir = recorded(3);
    night(&dir, 0);
    let first = splits(&dir, "0.mp4");
    fs::rename(dir.path("videos/0.mp4"), dir.path("moved")).unwrap();
    fs::create_dir(dir.path("videos/0.mp4")).unwrap();
    fs::rename(dir.path("moved"), dir.path("videos/0.mp4/in.mp4")).unwrap();
    assert!(
        night(&dir, 0).contains("3 sources with 3 clips (0 new), 0 filtered, 0 rejected, 0 dup")
    );
    assert_eq!(splits(&dir, "in.mp4"), first);
}

/// Catches: a copy in progress over a good file removes the clips of the whole one; a file that was
/// no video in two ways has a row for each.
#[test]
fn half_a_file_does_not_replace_the_whole_one() {
    let dir = recorded(3);
    night(&dir, 0);
    let path = dir.path("videos/0.mp4");
    let before = dir.sql("select clip_id from clips order by clip_id");
    let whole = fs::read(&path).unwrap();
    for half in [&whole[..whole.len() / 2], &[]] {
        fs::write(&path, half).unwrap();
        night(&dir, 2);
        assert_eq!(dir.sql("select clip_id from clips order by clip_id"), before);
        let rows = "select count(*) from sources where source_path like '%/0.mp4'";
        assert_eq!(dir.sql(rows), "count(*)\n2\n", "the whole one, and the problem of today");
    }
    fs::write(&path, &whole).unwrap();
    night(&dir, 0);
    assert_eq!(dir.sql("select clip_id from clips order by clip_id"), before);
}

/// Catches: a line break or an escape sequence in a file's name reaches the terminal.
#[test]
fn a_name_with_a_line_break_is_one_line() {
    let dir = recorded(3);
    fs::write(dir.path("videos/a\nwarning: \u{1b}[31mb.mp4"), "no video").unwrap();
    fs::write(dir.path("videos/c.\nd"), "no video").unwrap();
    let said = night(&dir, 2);
    assert!(said.contains(r"videos/a\nwarning: \u{1b}[31mb.mp4: unreadable"), "{said}");
    assert!(said.contains(r"skipped 1 files") && said.contains(r"1 .\nd"), "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains("\nwarning: b"), "{said}");
}

/// Catches: leftovers of a download make the exit code 2 every night; an unusable leftover that the
/// user names is passed over; skipped files are not reported; an `.info.json` that cannot be read
/// leaves no trace in the catalog.
#[test]
fn a_directory_of_downloads() {
    let dir = recorded(3);
    let path = |name: &str| dir.path(&format!("videos/{name}"));
    let whole = pool(&dir, 0);
    fs::write(path("0.temp.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(path("0.f140.m4a"), "no video").unwrap();
    fs::write(path("9.mp4.part"), &whole[..whole.len() / 2]).unwrap();
    fs::write(path("1.f137.mp4"), pool(&dir, 1)).unwrap();
    fs::write(path("1.en.vtt"), "WEBVTT").unwrap();
    fs::File::create(path("reserved.temp.mp4")).unwrap().set_len(1 << 40).unwrap();
    fs::write(path("2.info.json"), "{\"title\": \"speedrun of a").unwrap();
    let said = night(&dir, 0);
    assert!(said.contains("1 duplicates, 3 leftovers of downloads or sound files"), "{said}");
    assert!(said.contains("its first MiB is zeros"), "a terabyte of nothing is not read: {said}");
    assert!(said.contains("skipped 2 files") && said.contains("1 .part, 1 .vtt"), "{said}");
    let detail = dir.sql("select detail from sources where source_path like '%/2.mp4'");
    assert!(detail.contains("cannot read all of 2.info.json: it ends early"), "{detail}");
    let named = format!("data.videos=[\"{}\"]", path("0.temp.mp4"));
    assert_eq!(code(&dir.run(&[&named])), 2);
    fs::write(path("2.info.json"), "{\"title\": \"speedrun\"}").unwrap();
    night(&dir, 0);
    let detail = dir.sql("select count(*) from sources where detail like '%info.json%'");
    assert_eq!(detail, "count(*)\n0\n", "the note is true no longer");
}
