//! `genie-ingest run` with the built binary: alignment, splits, rejects, and no repeated work.

#![allow(clippy::cast_precision_loss, reason = "coordinates on a screen")]

#[path = "support/test_dir.rs"]
mod support;

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;

use genie_shards::{Clip, Split};
use support::{TestDir, code, contents, stderr};

const SIDE: usize = 128;

/// Returns the centre of the (red) player in a frame.
fn player(clip: &Clip, frame: usize) -> (f64, f64) {
    let pixels = clip.frames.frame(frame).unwrap();
    let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
    for (index, pixel) in pixels.chunks_exact(3).enumerate() {
        if pixel[0] > 190 && pixel[1] < 90 && pixel[2] < 110 {
            x += (index % SIDE) as f64;
            y += (index / SIDE) as f64;
            count += 1.0;
        }
    }
    assert!(
        count > 150.0,
        "frame {frame} of {} shows {count} pixels of the player",
        clip.source_path
    );
    (x / count, y / count)
}

/// Catches: actions are one frame early or late.
///
/// The sidecar's effect of a frame must match the motion of the pixels to the next frame.
#[test]
fn actions_are_aligned_with_frames() {
    let dir = TestDir::new();
    dir.sample(3, 12, 1);
    assert_eq!(
        code(&dir.run(&["ingest.width=128", "ingest.height=128", "ingest.clip_seconds=5"])),
        0
    );
    let clips = dir.clips(None);
    assert_eq!(clips.len(), 9, "12 seconds are clips of 5, 5 and 2");
    let mut seen = HashSet::new();
    for clip in &clips {
        let (actions, effects) = (clip.actions.as_ref().unwrap(), clip.effects.as_ref().unwrap());
        let (names, effect_names) =
            (clip.action_names.as_ref().unwrap(), clip.effect_names.as_ref().unwrap());
        assert_eq!(actions.len(), clip.frame_count());
        for frame in 0..clip.frame_count() - 1 {
            let (before, after) = (player(clip, frame), player(clip, frame + 1));
            // When the eye changes sides, the centre of red moves by half a pixel without the
            // player.
            let third =
                |distance: f64| if distance < -1.5 { -1 } else { i32::from(distance > 1.5) };
            let (right, down) = (third(after.0 - before.0), third(after.1 - before.1));
            let effect = effect_names[usize::from(effects[frame])].as_str();
            let action = names[usize::from(actions[frame])].as_str();
            let context = format!("{} frame {frame}: {action}, {effect}", clip.source_path);
            assert_eq!(
                right,
                i32::from(effect.contains("right")) - i32::from(effect.contains("left")),
                "{context}"
            );
            assert_eq!(
                down,
                i32::from(effect.contains("down")) - i32::from(effect.contains("up")),
                "{context}"
            );
            if down == 0 && right != 0 {
                seen.insert((action.to_owned(), right));
            }
        }
    }
    assert!(
        seen.contains(&("right".to_owned(), 1)) && seen.contains(&("left".to_owned(), -1)),
        "{seen:?}"
    );
}

/// Catches: a dataset has no held-out split, or a source is in both splits.
#[test]
fn both_splits_exist_and_no_source_is_in_both() {
    let dir = TestDir::with_samples(4);
    dir.run(&["data.held_out=0.0001", "ingest.clip_seconds=1.6"]);
    let sources =
        |split| dir.clips(split).iter().map(|clip| clip.source_id.clone()).collect::<HashSet<_>>();
    let (train, held_out) = (sources(Split::Train), sources(Split::HeldOut));
    assert_eq!((train.len(), held_out.len()), (3, 1));
    assert!(train.is_disjoint(&held_out));
}

/// Catches: a bad file ends the run or has no row.
#[test]
fn an_unusable_file_gets_a_row_with_a_reason() {
    let dir = TestDir::with_samples(3);
    let videos = dir.path("videos");
    let whole = fs::read(videos.join("episode-00000.mp4")).unwrap();
    fs::write(videos.join("cut.mp4"), &whole[..whole.len() / 2]).unwrap();
    fs::write(videos.join("text.mp4"), "a letter, not a video\n".repeat(100)).unwrap();
    fs::write(videos.join("empty.mp4"), "").unwrap();
    fs::write(videos.join("again.mp4"), &whole).unwrap();
    fs::write(videos.join("README"), "no video, and no file name extension").unwrap();
    let playlist =
        format!("#EXTM3U\n#EXTINF:3,\nfile:{videos}/episode-00001.mp4\n#EXT-X-ENDLIST\n");
    fs::write(videos.join("playlist.mp4"), playlist).unwrap();
    let script = "ffconcat version 1.0\nfile episode-00001.mp4\n";
    fs::write(videos.join("script.mp4"), script).unwrap();
    let short = TestDir::new();
    short.sample(1, 1, 7);
    fs::copy(short.path("videos/episode-00000.mp4"), videos.join("short.mp4")).unwrap();

    let output = dir.run(&[]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let reasons = dir.sql(
        "select source_path, reason from sources where status = 'rejected' order by source_path",
    );
    let reasons: Vec<&str> =
        reasons.lines().skip(1).map(|line| line.rsplit('/').next().unwrap()).collect();
    let expected = [
        "README,not_a_video",
        // Of two files with equal bytes, the one without a sidecar is the duplicate.
        "again.mp4,duplicate",
        "cut.mp4,unreadable",
        "empty.mp4,empty_file",
        "playlist.mp4,unreadable",
        "script.mp4,unreadable",
        "short.mp4,too_short",
        "text.mp4,unreadable",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(dir.clips(None).len(), 3);
    assert!(dir.clips(None).iter().all(|clip| clip.actions.is_some()));

    let before = contents(&dir.root());
    let again = dir.run(&[]);
    assert_eq!(code(&again), 2, "the same files give the same exit code");
    assert!(stderr(&again).contains("up to date"), "{}", stderr(&again));
    assert!(contents(&dir.root()) == before, "a second run changes nothing");
}

/// Catches: a large file that is no video is read whole, or a large video is rejected.
#[test]
fn a_large_file_is_hashed_only_if_it_is_a_video() {
    const LARGE: u32 = 256 << 20;
    let dir = TestDir::with_samples(2);
    // Both files end with a hole, so they need no space.
    let grow = |path: &camino::Utf8Path, tail: &[u8]| {
        let file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        (&file).write_all(tail).unwrap();
        file.set_len(file.metadata().unwrap().len() + u64::from(LARGE)).unwrap();
    };
    let empty_box = [(LARGE + 8).to_be_bytes(), *b"free"].concat();
    grow(&dir.path("videos/episode-00000.mp4"), &empty_box);
    grow(&dir.path("videos/letter.mp4"), b"a letter, not a video\n");
    assert_eq!(code(&dir.run(&[])), 2);
    let rows = dir.sql(
        "select split_part(source_path, 'videos/', 2), reason, source_id = '' from sources \
         order by 1",
    );
    let expected = "episode-00000.mp4,,false\nepisode-00001.mp4,,false\n\
                    letter.mp4,unreadable,true\n";
    assert_eq!(rows.split_once('\n').unwrap().1, expected);
    let again = dir.run(&[]);
    assert!(stderr(&again).contains("up to date"), "{}", stderr(&again));
}

/// Catches: results depend on the order in which workers finish, or on the threads of a decoder
/// that repairs a damaged file.
#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let dir = TestDir::with_samples(20);
    for number in 0..4 {
        let mut bytes = fs::read(dir.path(&format!("videos/episode-0000{number}.mp4"))).unwrap();
        let middle = bytes.len() / 2;
        fs::write(dir.path(&format!("videos/cut-{number}.mp4")), &bytes[..middle]).unwrap();
        bytes[middle..middle + 200].fill(0);
        fs::write(dir.path(&format!("videos/damaged-{number}.mp4")), bytes).unwrap();
    }
    let one = dir.path("one");
    let many = dir.path("many");
    for (root, threads) in [(&one, 1), (&many, 8)] {
        let output = dir.run(&[&format!("data.root={root}"), &format!("ingest.threads={threads}")]);
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        assert!(stderr(&output).contains("4 unreadable"), "{}", stderr(&output));
    }
    let relative = |root: &camino::Utf8Path| {
        let all = contents(root).into_iter();
        let named =
            all.map(|(path, bytes)| (path.strip_prefix(root.as_str()).unwrap().to_owned(), bytes));
        // The config contains root and threads. The run history contains times.
        let of_run = ["config.toml", "ingest.lock", "runs.jsonl"];
        named
            .filter(|(path, _)| !of_run.iter().any(|name| path.ends_with(name)))
            .collect::<Vec<_>>()
    };
    assert!(relative(&one).len() > 6, "more than one group");
    assert!(relative(&one) == relative(&many));
}

/// Catches: one dataset has clips of two sizes, or work is repeated without need.
#[test]
fn another_config_replaces_and_new_files_are_added() {
    let dir = TestDir::with_samples(3);
    assert_eq!(code(&dir.run(&[])), 0);
    let first: HashSet<String> = dir.clips(None).iter().map(|clip| clip.clip_id.clone()).collect();
    dir.sample(5, 3, 1);
    assert!(stderr(&dir.run(&[])).contains("5 clips (2 new)"));
    let second: HashSet<String> = dir.clips(None).iter().map(|clip| clip.clip_id.clone()).collect();
    assert!(first.is_subset(&second) && second.len() == 5);
    let wide = "ingest.width=64";
    let before = contents(&dir.root());
    let refused = dir.command(&[wide]).output().unwrap();
    assert_eq!(code(&refused), 64, "a forgotten config must not replace the clips");
    assert!(stderr(&refused).contains("ingest.width is 64 instead of 32"), "{}", stderr(&refused));
    assert!(contents(&dir.root()) == before);
    assert_eq!(code(&dir.run(&[wide])), 0);
    let third = dir.clips(None);
    assert_eq!(third.len(), 5);
    assert!(third.iter().all(|clip| clip.width == 64));
}

/// Catches: stale actions are kept, or a video with a bad sidecar is rejected.
#[test]
fn a_changed_sidecar_is_read_again() {
    let dir = TestDir::with_samples(3);
    dir.run(&[]);
    let before = dir.clips(None);
    let sidecar = dir.path("videos/episode-00001.actions.csv");
    let text = fs::read_to_string(&sidecar).unwrap();
    let rows = text.lines().enumerate().map(|(line, row)| match line {
        0 => "frame,action\n".to_owned(),
        _ => format!("{},9\n", row.split(',').next().unwrap()),
    });
    fs::write(&sidecar, rows.collect::<String>()).unwrap();
    assert_eq!(code(&dir.run(&[])), 0);
    let after = dir.clips(None);
    assert_eq!(after.len(), 3);
    for (old, new) in before.iter().zip(&after) {
        if new.source_path.contains("episode-00001") {
            assert!(new.actions.as_ref().unwrap().iter().all(|&action| action == 9));
            assert_eq!(
                (new.split, &new.clip_id),
                (old.split, &old.clip_id),
                "a source keeps its split"
            );
            assert!(new.effects.is_none());
        } else {
            assert_eq!(old, new, "the other clips stay");
        }
    }

    fs::write(&sidecar, "frame,action\n0,1\n1,up\n").unwrap();
    let output = dir.run(&[]);
    assert_eq!(code(&output), 0, "a bad sidecar does not reject the video");
    assert!(
        stderr(&output).contains("episode-00001.actions.csv, line 3: action is `up`"),
        "{}",
        stderr(&output)
    );
    let clips = dir.clips(None);
    assert_eq!(clips.len(), 3);
    assert_eq!(clips.iter().filter(|clip| clip.actions.is_none()).count(), 1);
}

/// Catches: two runs write to one root, or a run without videos reports success.
#[test]
fn a_locked_root_and_an_empty_directory() {
    let dir = TestDir::with_samples(1);
    fs::create_dir_all(dir.root()).unwrap();
    let lock = fs::File::create(dir.root().join("ingest.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(code(&dir.run(&[])), 75);
    drop(lock);
    assert_eq!(code(&dir.run(&[])), 0);

    let nothing = TestDir::new();
    fs::create_dir_all(nothing.path("videos")).unwrap();
    let output = nothing.run(&[]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("no videos in"), "{}", stderr(&output));
}

/// Catches: status reports "done" too early or never.
#[test]
fn status_follows_the_work() {
    let dir = TestDir::with_samples(2);
    let state = |dir: &TestDir| {
        let output = dir.start(&["status", "--json"]);
        let steps: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        steps[0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&dir), "missing");
    dir.run(&[]);
    assert_eq!(state(&dir), "done");
    dir.sample(3, 3, 1);
    assert_eq!(state(&dir), "partial");
}

/// Catches: a modified file counts as unchanged, or a touched file is decoded again.
///
/// A touched file must not be read again in every later run.
#[test]
fn size_and_time_only_save_reading() {
    let dir = TestDir::with_samples(3);
    dir.run(&[]);
    let modified = |number: u32| {
        let row = format!(
            "select modified_ns from sources where source_path like '%episode-{number:05}%'"
        );
        dir.sql(&row)
    };
    let (video, other) =
        (dir.path("videos/episode-00000.mp4"), dir.path("videos/episode-00001.mp4"));
    let before = modified(0);
    let later =
        fs::metadata(&video).unwrap().modified().unwrap() + std::time::Duration::from_mins(1);
    fs::File::options().write(true).open(&video).unwrap().set_modified(later).unwrap();
    let touched = dir.run(&[]);
    assert!(stderr(&touched).contains("up to date"), "{}", stderr(&touched));
    assert_ne!(modified(0), before, "the new time is recorded, or every run would read the file");

    let elsewhere = dir.path("videos/elsewhere.mp4");
    fs::rename(dir.path("videos/episode-00002.mp4"), &elsewhere).unwrap();
    fs::rename(
        dir.path("videos/episode-00002.actions.csv"),
        dir.path("videos/elsewhere.actions.csv"),
    )
    .unwrap();
    let moved = dir.run(&[]);
    assert!(stderr(&moved).contains("up to date: 3 sources"), "{}", stderr(&moved));
    assert_eq!(
        dir.sql("select count(*) from sources where source_path like '%elsewhere%'"),
        "count(*)\n1\n"
    );

    // The same size, another time, one bit changed in the middle.
    let mut bytes = fs::read(&other).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&other, bytes).unwrap();
    let changed = dir.run(&[]);
    assert!(stderr(&changed).contains("(1 new)"), "{}", stderr(&changed));
}

/// Catches: a run without new files takes longer as the dataset grows.
#[test]
#[ignore = "a minute: make test-slow"]
fn ten_thousand_known_files_take_less_than_two_seconds() {
    let dir = TestDir::with_samples(1);
    let video = fs::read(dir.path("videos/episode-00000.mp4")).unwrap();
    for number in 0..10_000_u32 {
        let mut copy = video.clone();
        copy.extend([0, 0, 0, 12]);
        copy.extend(*b"free");
        copy.extend(number.to_be_bytes());
        let directory = dir.path(&format!("videos/{}", number / 500));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{number}.mp4")), copy).unwrap();
    }
    assert_eq!(code(&dir.run(&["ingest.keep="])), 0);
    let begun = std::time::Instant::now();
    let output = dir.run(&["ingest.keep="]);
    let took = begun.elapsed();
    assert!(stderr(&output).contains("up to date: 10001 sources"), "{}", stderr(&output));
    eprintln!("nothing to do for 10,001 files: {:.2} s", took.as_secs_f64());
    assert!(took.as_secs_f64() < 2.0, "{took:?}");
}
