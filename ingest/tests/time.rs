//! Recordings with pauses, gaps, broken clocks and damage: where clips end, and what is kept.
//!
//! `ffmpeg` makes them from videos of the sample game. Without it, nothing is tested.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::process::Command;

use support::{TestDir, code, stderr};

/// Arguments of a fast encoder with a key frame every second.
const KEYS: &str = "-c:v libx264 -preset ultrafast -g 30";

/// Returns a directory with a video of `seconds` at `play.mp4`, and no videos to ingest.
///
/// Its picture scrolls, so it looks different after a while.
fn recorded(seconds: u32) -> Option<TestDir> {
    let here = Command::new("ffmpeg").arg("-version").output();
    if !here.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: the ffmpeg program is not installed");
        return None;
    }
    let mut dir = TestDir::new();
    dir.settings.push("sample.scrolling=true".to_owned());
    dir.sample(1, seconds, 3);
    fs::rename(dir.path("videos/episode-00000.mp4"), dir.path("play.mp4")).unwrap();
    fs::remove_file(dir.path("videos/episode-00000.actions.csv")).unwrap();
    dir.settings.push("ingest.near_duplicates=false".to_owned());
    dir.settings.push("ingest.width=64".to_owned());
    dir.settings.push("ingest.height=64".to_owned());
    Some(dir)
}

/// Runs `ffmpeg` in the directory, with arguments separated by spaces.
fn ffmpeg(dir: &TestDir, words: &str) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(words.split(' ')).current_dir(dir.path("."));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words}: {}", stderr(&output));
}

/// Joins files in the directory, byte by byte.
fn join(dir: &TestDir, parts: &[&str], name: &str) {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| fs::read(dir.path(part)).unwrap()).collect();
    fs::write(dir.path(name), bytes).unwrap();
}

/// Moves the time of one tag of an FLV file, by milliseconds.
fn move_time(dir: &TestDir, name: &str, tag: usize, by: i32) {
    let mut bytes = fs::read(dir.path(name)).unwrap();
    let number = |bytes: &[u8]| u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    // A header of 9 bytes. Then for each tag: 4 bytes, kind, size, time, 4 bytes, content.
    let mut at = 9 + 4;
    for _ in 0..tag {
        at += 11 + number(&bytes[at + 1..]) as usize + 4;
    }
    let time = number(&bytes[at + 4..]).strict_add_signed(by).to_be_bytes();
    bytes[at + 4..at + 7].copy_from_slice(&time[1..]);
    fs::write(dir.path(name), bytes).unwrap();
}

/// Replaces the edit list of an MP4 file with one track, whose header is at its end.
///
/// An edit is the length of a part in seconds, and its start in the recording.
fn edit(dir: &TestDir, name: &str, edits: &[(u32, u32)]) {
    let mut bytes = fs::read(dir.path(name)).unwrap();
    let find = |bytes: &[u8], name: &[u8]| {
        bytes.windows(4).rposition(|window| window == name).expect("such a box") - 4
    };
    let number =
        |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let rate = |bytes: &[u8], name: &[u8]| number(bytes, find(bytes, name) + 20);
    let (movie, media) = (rate(&bytes, b"mvhd"), rate(&bytes, b"mdhd"));
    let words = edits.iter().flat_map(|(lasts, begins)| [lasts * movie, begins * media, 1 << 16]);
    let count = u32::try_from(edits.len()).unwrap();
    let list = [0, count].into_iter().chain(words).flat_map(u32::to_be_bytes).collect::<Vec<_>>();
    let size = u32::try_from(list.len() + 8).unwrap();
    let list =
        [&(size + 8).to_be_bytes()[..], b"edts", &size.to_be_bytes(), b"elst", &list].concat();
    let at = find(&bytes, b"edts");
    let old = number(&bytes, at);
    bytes.splice(at..at + old as usize, list);
    for outer in [b"moov", b"trak"] {
        let at = find(&bytes, outer);
        let size = number(&bytes, at) + size + 8 - old;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    fs::write(dir.path(name), bytes).unwrap();
}

/// Returns the clips of a video by time stamps: length, and the reason of a dropped one.
fn clips(dir: &TestDir, name: &str) -> Vec<(usize, String)> {
    let (_, mut rows, _) = dir.state();
    rows.retain(|row| row.meta.source_path.ends_with(&format!("/{name}")));
    let clip =
        |row: genie_shards::ClipRow| (row.meta.frame_count(), row.reason.unwrap_or_default());
    rows.into_iter().map(clip).collect()
}

/// Asserts that a video has these clips, all kept, each within one frame.
#[track_caller]
fn assert_kept(dir: &TestDir, name: &str, expected: &[usize]) {
    let found = clips(dir, name);
    let fits = |(clip, expected): (&(usize, String), &usize)| {
        clip.1.is_empty() && clip.0.abs_diff(*expected) <= 1
    };
    let all = found.len() == expected.len() && found.iter().zip(expected).all(fits);
    assert!(all, "{name}: {found:?} instead of {expected:?}");
}

/// Catches: a recorder that writes no frame while nothing moves loses its clips, or they have other
/// scores than those of a recorder with a constant rate.
#[test]
fn a_variable_rate_has_the_scores_of_a_constant_one() {
    let Some(dir) = recorded(8) else { return };
    let still = "loop=loop=90:size=1:start=120,setpts=N/30/TB";
    let lossless = "-c:v libx264 -qp 0 -preset ultrafast";
    ffmpeg(&dir, &format!("-i play.mp4 -vf {still} {lossless} videos/constant.mp4"));
    let dropped = format!("{still},select='not(between(n,121,209))'");
    ffmpeg(
        &dir,
        &format!("-i play.mp4 -vf {dropped} -fps_mode vfr {lossless} videos/variable.mp4"),
    );
    let few = "select='not(mod(n,6))'";
    ffmpeg(&dir, &format!("-i play.mp4 -vf {few} -fps_mode vfr {lossless} videos/slow.mkv"));
    assert_eq!(code(&dir.run(&[])), 0);
    let (sources, rows, _) = dir.state();
    let row = |name: &str| rows.iter().find(|row| row.meta.source_path.ends_with(name)).unwrap();
    let (constant, variable) = (row("constant.mp4"), row("variable.mp4"));
    assert_eq!((constant.meta.frame_count(), &constant.reason), (110, &None));
    assert_eq!((variable.meta.frame_count(), &variable.reason), (110, &None));
    assert_eq!(constant.meta.scores, variable.meta.scores);
    assert_eq!(row("slow.mkv").reason.as_deref(), Some("distinct_share >= 0.7"));
    let rate = |name: &str| sources.iter().find(|row| row.source_path.ends_with(name)).unwrap().fps;
    assert_eq!([rate("constant.mp4"), rate("variable.mp4")], [Some(30.0); 2]);
}

/// Catches: lost seconds become stills in a clip; a clip spans lost seconds, two parts that an edit
/// list joins, or a clock that starts again or jumps, although the scene is the same.
#[test]
fn a_clip_ends_where_something_is_missing() {
    let Some(dir) = recorded(12) else { return };
    ffmpeg(&dir, &format!("-i play.mp4 -t 4 {KEYS} before.ts"));
    let after = format!("-ss 7 -i play.mp4 {KEYS}");
    // The clock starts again half a second later than it did, so that the clips have an order.
    for (name, offset) in [("lost", "7"), ("again", "0.5"), ("ahead", "7200")] {
        ffmpeg(&dir, &format!("{after} -output_ts_offset {offset} {name}.ts"));
        join(&dir, &["before.ts", &format!("{name}.ts")], &format!("videos/{name}.ts"));
    }
    let keeps_times = "-fps_mode vfr -c:v libx264 -preset ultrafast -g 600";
    let missing = "select='not(between(n,120,209))'";
    ffmpeg(&dir, &format!("-i play.mp4 -vf {missing} {keeps_times} videos/stalled.mkv"));
    ffmpeg(&dir, &format!("-i play.mp4 {KEYS} videos/edited.mp4"));
    edit(&dir, "videos/edited.mp4", &[(4, 0), (5, 7)]);
    assert_eq!(code(&dir.run(&[])), 0);
    for name in ["edited.mp4", "lost.ts", "again.ts", "ahead.ts", "stalled.mkv"] {
        assert_kept(&dir, name, &[40, 50]);
    }
    let own = dir.run(&["ingest.fps=0"]);
    assert_eq!(code(&own), 0);
    for name in ["edited.mp4", "lost.ts", "again.ts", "ahead.ts", "stalled.mkv"] {
        assert_kept(&dir, name, &[120, 150]);
    }
}

/// Catches: a clock that goes back by less than a second hides frames; one wrong time stamp adds
/// seconds of stills, or ends a clip; the second part of a recording is lost because its packets
/// have other identifiers.
#[test]
fn a_clock_that_goes_back_a_little_loses_nothing() {
    let Some(dir) = recorded(12) else { return };
    ffmpeg(&dir, &format!("-i play.mp4 -t 4 {KEYS} -muxdelay 0 before.ts"));
    for (name, offset) in [("half", "3.45"), ("more", "3.2"), ("second", "2.9")] {
        let after = format!("-ss 7 -i play.mp4 -t 5 {KEYS} -muxdelay 0 -output_ts_offset {offset}");
        ffmpeg(&dir, &format!("{after} {name}.ts"));
        join(&dir, &["before.ts", &format!("{name}.ts")], &format!("videos/{name}.ts"));
    }
    let others = format!("{KEYS} -muxdelay 0 -mpegts_start_pid 0x300 -output_ts_offset 4");
    ffmpeg(&dir, &format!("-ss 4 -i play.mp4 -t 5 {others} others.ts"));
    join(&dir, &["before.ts", "others.ts"], "videos/others.ts");
    ffmpeg(&dir, &format!("-i play.mp4 {KEYS} -bf 0 videos/wrong.flv"));
    for (tag, by) in [(60, 5000), (100, -700), (200, -5000), (260, 90_000)] {
        move_time(&dir, "videos/wrong.flv", tag, by);
    }
    assert_eq!(code(&dir.run(&[])), 0);
    for name in ["half.ts", "more.ts", "second.ts"] {
        assert_kept(&dir, name, &[40, 50]);
    }
    let lengths = |name: &str| clips(&dir, name).iter().map(|(frames, _)| frames).sum::<usize>();
    assert!((89..=91).contains(&lengths("others.ts")), "{:?}", clips(&dir, "others.ts"));
    assert_kept(&dir, "wrong.flv", &[120]);
}

/// Catches: a recording of a live stream that begins with sound alone has no video; a talk in a
/// folder of videos makes the exit code 2 every night, or one that the user names does not.
#[test]
fn a_video_may_begin_after_the_sound() {
    let Some(dir) = recorded(5) else { return };
    fs::create_dir_all(dir.path("videos")).unwrap();
    let sound = "-f lavfi -i sine=d=4 -c:a mp2";
    for (name, options) in [("plain.ts", ""), ("blu-ray.m2ts", "-mpegts_m2ts_mode 1 ")] {
        ffmpeg(&dir, &format!("{sound} {options}sound-{name}"));
        let both = format!("-i play.mp4 {sound} -map 0:v -map 1:a -t 5 {KEYS} -output_ts_offset 4");
        ffmpeg(&dir, &format!("{both} {options}both-{name}"));
        join(&dir, &[&format!("sound-{name}"), &format!("both-{name}")], &format!("videos/{name}"));
    }
    ffmpeg(&dir, &format!("{sound} videos/sound.ts"));
    let output = dir.run(&[]);
    assert_eq!(code(&output), 0);
    let counted = "1 leftovers of downloads or sound files";
    assert!(stderr(&output).contains(counted), "{}", stderr(&output));
    let found = |name: &str| clips(&dir, name).iter().map(|(frames, _)| *frames).sum::<usize>();
    assert!((48..=51).contains(&found("plain.ts")), "{:?}", clips(&dir, "plain.ts"));
    assert!((48..=51).contains(&found("blu-ray.m2ts")), "{:?}", clips(&dir, "blu-ray.m2ts"));
    assert_eq!(
        dir.sql("select reason from sources where reason is not null"),
        "reason\nno_video_stream\n"
    );
    let named = format!("data.videos=[\"{}\"]", dir.path("videos/sound.ts"));
    assert_eq!(code(&dir.run(&[&named])), 2);
}

/// Catches: every few frames of a burst of damage have a row of their own, and drown the others.
#[test]
fn a_burst_of_damage_is_one_row() {
    let Some(dir) = recorded(10) else { return };
    fs::create_dir_all(dir.path("videos")).unwrap();
    ffmpeg(&dir, "-i play.mp4 -c:v mpeg4 -q:v 4 -g 20 burst.avi");
    let noise = "-c copy -bsf:v noise=amount='if(between(n,90,180)*not(mod(n,12)),10,0)'";
    ffmpeg(&dir, &format!("-i burst.avi {noise} videos/burst.avi"));
    let begin = "-c copy -bsf:v noise=amount='if(between(n,6,8),10,0)'";
    ffmpeg(&dir, &format!("-i burst.avi {begin} videos/begin.avi"));
    assert_eq!(code(&dir.run(&[])), 0);
    let found = clips(&dir, "burst.avi");
    let reasons: Vec<&str> = found.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons, ["", "damaged", ""], "{found:?}");
    let whole = [found[0].0, found[2].0];
    assert!((31..=33).contains(&whole[0]) && (32..=40).contains(&whole[1]), "{found:?}");
    let found = clips(&dir, "begin.avi");
    assert!(
        matches!(&found[..], [(_, short), (_, damaged), (kept, reason)]
        if short == "too_short" && damaged == "damaged" && *kept > 80 && reason.is_empty()),
        "{found:?}"
    );
    // Without the cut, `ingest.keep` decides.
    assert_eq!(code(&dir.run(&["ingest.cut.damage=false", "ingest.keep="])), 0);
    let found = clips(&dir, "burst.avi");
    assert!(found.len() > 3 && found.iter().all(|(_, reason)| reason != "damaged"), "{found:?}");
}

/// Catches: a recorder that stops while nothing moves has the scores of a slow video.
#[test]
fn an_idle_end_is_not_slow() {
    let Some(dir) = recorded(5) else { return };
    fs::create_dir_all(dir.path("videos")).unwrap();
    let idle = "tpad=stop_mode=clone:stop_duration=4,select='not(between(n,151,268))'";
    let encoder = "-fps_mode vfr -c:v libx264 -qp 0 -preset ultrafast";
    ffmpeg(&dir, &format!("-i play.mp4 -vf {idle} {encoder} videos/idle.mkv"));
    assert_eq!(code(&dir.run(&[])), 0);
    assert_kept(&dir, "idle.mkv", &[90]);
}

/// Catches: the frames after lost or damaged data are kept although they refer to them, because the
/// decoder repairs them and says nothing; the whole frames before and after are not kept.
#[test]
fn frames_that_depend_on_lost_data_are_not_kept() {
    let Some(dir) = recorded(10) else { return };
    let keys = "-force_key_frames 6";
    let encoders = [
        ("h264", format!("-c:v libx264 -preset veryfast -g 600 -bf 2 {keys}")),
        ("baseline", format!("-c:v libx264 -preset ultrafast -tune zerolatency -g 600 {keys}")),
        ("hevc", format!("-c:v libx265 -x265-params log-level=none -g 600 -bf 2 {keys}")),
        ("mpeg2", format!("-c:v mpeg2video -q:v 4 -g 600 {keys}")),
        ("mpeg2b", format!("-c:v mpeg2video -q:v 4 -g 600 -bf 2 {keys}")),
    ];
    for (name, encoder) in &encoders {
        ffmpeg(&dir, &format!("-i play.mp4 {encoder} {name}.mp4"));
        // Nine frames of 300 are missing; no packet is damaged.
        let lost = "-c copy -bsf:v noise=drop='between(n,90,98)'";
        ffmpeg(&dir, &format!("-i {name}.mp4 {lost} videos/{name}.mkv"));
    }
    // Random bits in nine packets.
    ffmpeg(&dir, &format!("-i play.mp4 -c:v mpeg4 -q:v 4 -g 600 {keys} mpeg4.avi"));
    let noise = "-c copy -bsf:v noise=amount='if(between(n,90,98),10,0)'";
    ffmpeg(&dir, &format!("-i mpeg4.avi {noise} videos/mpeg4.avi"));
    assert_eq!(code(&dir.run(&[])), 0);
    let names = ["h264.mkv", "baseline.mkv", "hevc.mkv", "mpeg2.mkv", "mpeg2b.mkv", "mpeg4.avi"];
    for name in names {
        let length = damaged_frames(&dir, name);
        assert!((25..=31).contains(&length), "{name}: {length}");
    }
    let noted = dir.sql("select count(*) from sources where detail like '%depend on lost data%'");
    assert_eq!(noted, "count(*)\n6\n");
}

/// Length of the damaged clip of a file that lost frames at 3 s of 10, up to the key frame at 6 s.
///
/// The clips before and after it are kept, and there is no other damaged one.
fn damaged_frames(dir: &TestDir, name: &str) -> usize {
    let found = clips(dir, name);
    let [(before, kept), (length, reason), (after, last)] = &found[..] else {
        panic!("{name}: {found:?}")
    };
    assert!((28..=31).contains(before) && kept.is_empty(), "{name}: {found:?}");
    assert_eq!((*after, last.as_str()), (40, ""), "{name}: {found:?}");
    assert_eq!(reason, "damaged", "{name}: {found:?}");
    *length
}

/// Returns whether this `ffmpeg` has an encoder.
fn encodes(name: &str) -> bool {
    let listed = Command::new("ffmpeg").args(["-v", "error", "-encoders"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    listed.split_whitespace().any(|word| word == name)
}

/// Catches: frames of codecs without numbers are lost, and those after them are kept although they
/// show the wrong picture; or a recorder that was too slow, or that wrote nothing while nothing
/// moved, is said to have lost frames.
#[test]
fn frames_that_are_lost_without_a_trace_are_found() {
    let Some(dir) = recorded(10) else { return };
    fs::create_dir_all(dir.path("videos")).unwrap();
    let keys = "-g 600 -force_key_frames 6";
    let encoders = [
        ("vp8.webm", format!("libvpx -b:v 1M {keys}")),
        ("mpeg4.mp4", format!("mpeg4 -q:v 4 {keys}")),
        ("mpeg4b.mkv", format!("mpeg4 -q:v 4 -bf 2 {keys}")),
    ];
    let usable = encoders.iter().filter(|(_, words)| encodes(words.split(' ').next().unwrap()));
    let names: Vec<&str> = usable.clone().map(|(name, _)| *name).collect();
    assert!(names.len() >= 3, "{names:?}");
    for (name, encoder) in usable {
        ffmpeg(&dir, &format!("-i play.mp4 -c:v {encoder} {name}"));
        let lost = "-c copy -bsf:v noise=drop='between(n,90,98)'";
        ffmpeg(&dir, &format!("-i {name} {lost} videos/{name}"));
        let slow = "-vf select='not(between(n,90,98))' -fps_mode vfr -c:v";
        ffmpeg(&dir, &format!("-i play.mp4 {slow} {encoder} videos/slow-{name}"));
        let idle = "loop=loop=60:size=1:start=120,setpts=N/30/TB,select='not(between(n,121,179))'";
        ffmpeg(
            &dir,
            &format!("-i play.mp4 -vf {idle} -fps_mode vfr -c:v {encoder} videos/idle-{name}"),
        );
    }
    assert_eq!(code(&dir.run(&[])), 0);
    for name in names {
        damaged_frames(&dir, name);
        let no_damage = |name: String| {
            let found = clips(&dir, &name);
            assert!(found.iter().all(|(_, reason)| reason != "damaged"), "{name}: {found:?}");
        };
        no_damage(format!("slow-{name}"));
        no_damage(format!("idle-{name}"));
    }
}

/// Catches: pages of an Ogg file are lost, and the frames after them are kept; a second file that
/// was appended to the first one is lost without a word.
#[test]
fn lost_pages_and_appended_files_are_noticed() {
    let Some(dir) = recorded(8) else { return };
    fs::create_dir_all(dir.path("videos")).unwrap();
    for (name, encoder) in
        [("a.flv", KEYS), ("a.mp4", KEYS), ("a.ts", KEYS), ("a.asf", "-c:v wmv2")]
    {
        ffmpeg(&dir, &format!("-i play.mp4 {encoder} -bf 0 {name}"));
        join(&dir, &[name, name], &format!("videos/{name}"));
    }
    if encodes("libtheora") {
        ffmpeg(&dir, "-i play.mp4 -c:v libtheora -q:v 10 -g 60 a.ogv");
        let mut bytes = fs::read(dir.path("a.ogv")).unwrap();
        let begins = |at: &usize| bytes[*at..].starts_with(b"OggS");
        let pages: Vec<usize> = (0..bytes.len()).filter(begins).collect();
        let lost = pages.len() * 3 / 8;
        bytes.drain(pages[lost]..pages[lost + 1]);
        fs::write(dir.path("videos/lost.ogv"), bytes).unwrap();
    }
    assert_eq!(code(&dir.run(&[])), 0);
    let noted = "select split_part(source_path, 'videos/', 2) as name from sources \
                 where detail like '%another file begins at byte%' order by name";
    assert_eq!(dir.sql(noted), "name\na.asf\na.flv\na.mp4\n");
    if encodes("libtheora") {
        let found = clips(&dir, "lost.ogv");
        let kept: Vec<usize> = found.iter().filter(|clip| clip.1.is_empty()).map(|c| c.0).collect();
        let [before, after] = kept[..] else { panic!("{found:?}") };
        assert!((16..=30).contains(&before) && (39..=41).contains(&after), "{found:?}");
        assert!(found.iter().any(|(_, reason)| reason == "damaged"), "{found:?}");
    }
}

/// Catches: lost seconds of a game on one screen count as idle, because the picture hardly changes;
/// a pause of the recorder counts as lost.
#[test]
fn lost_seconds_of_one_screen_are_no_pause() {
    let Some(mut dir) = recorded(1) else { return };
    dir.settings.retain(|setting| !setting.starts_with("sample.scrolling"));
    for seed in 1..4 {
        dir.sample(1, 12, seed);
        fs::rename(dir.path("videos/episode-00000.mp4"), dir.path("play.mp4")).unwrap();
        fs::remove_file(dir.path("videos/episode-00000.actions.csv")).unwrap();
        let words = "-fps_mode vfr -c:v libx264 -preset ultrafast -g 600";
        let lost = "select='not(between(n,120,209))'";
        ffmpeg(&dir, &format!("-i play.mp4 -vf {lost} {words} lost{seed}.mkv"));
        let idle = "loop=loop=90:size=1:start=120,setpts=N/30/TB,select='not(between(n,121,209))'";
        ffmpeg(&dir, &format!("-i play.mp4 -vf {idle} {words} idle{seed}.mkv"));
    }
    for seed in 1..4 {
        for kind in ["lost", "idle"] {
            let name = format!("{kind}{seed}.mkv");
            fs::rename(dir.path(&name), dir.path(&format!("videos/{name}"))).unwrap();
        }
    }
    assert_eq!(code(&dir.run(&["ingest.keep="])), 0);
    for seed in 1..4 {
        assert_kept(&dir, &format!("lost{seed}.mkv"), &[40, 50]);
        assert_kept(&dir, &format!("idle{seed}.mkv"), &[150]);
    }
}

/// Catches: a last sample that claims an hour adds an hour of stills; the rate of the file is the
/// mean over that hour.
#[test]
fn the_last_frame_lasts_as_long_as_the_others() {
    let Some(dir) = recorded(4) else { return };
    ffmpeg(&dir, &format!("-i play.mp4 {KEYS} long.mp4"));
    let hour = "-bsf:v setts=duration=if(eq(N\\,119)\\,3600/TB\\,DURATION)";
    ffmpeg(&dir, &format!("-i long.mp4 -c copy {hour} videos/hour.mp4"));
    assert_eq!(code(&dir.run(&[])), 0);
    assert_kept(&dir, "hour.mp4", &[40]);
    assert_eq!(dir.sql("select duration_s, fps from sources"), "duration_s,fps\n4.0,30.0\n");
}

/// Catches: the last action of a sidecar that ends early counts until the end of the video; a
/// sidecar that lacks a few rows loses the actions; the catalog does not say so.
#[test]
fn frames_after_the_sidecar_have_no_actions() {
    let dir = TestDir::new();
    dir.sample(2, 8, 3);
    for (number, rows) in [(0, 121), (1, 238)] {
        let path = dir.path(&format!("videos/episode-{number:05}.actions.csv"));
        let lines = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = lines.lines().take(rows).collect();
        fs::write(&path, lines.join("\n")).unwrap();
    }
    let output = dir.run(&["ingest.near_duplicates=false"]);
    assert!(stderr(&output).contains("has 120 rows but the video has 240 frames"));
    let actions = dir.sql(
        "select frames, has_actions from clips order by split_part(source_path, 'episode', 2), \
         start_pts",
    );
    assert_eq!(actions, "frames,has_actions\n42,true\n38,false\n80,true\n");
    let detail = "select detail from sources where detail is not null";
    let expected = "the sidecar has 120 rows but the video has 240 frames, so its later frames \
                    have no actions";
    assert_eq!(dir.sql(detail), format!("detail\n\"{expected}\"\n"));
}

/// Catches: frozen seconds, or a pause with a cursor that blinks, stay in a clip, or the play
/// around them is dropped with them; a stretch comes back when the rules change.
#[test]
fn frozen_seconds_are_cut_out() {
    let Some(dir) = recorded(8) else { return };
    let frozen = "loop=loop=180:size=1:start=120,setpts=N/30/TB";
    ffmpeg(&dir, &format!("-i play.mp4 -vf {frozen} {KEYS} videos/frozen.mp4"));
    let cursor = "drawbox=x=10:y=10:w=6:h=6:color=white:t=fill:enable='lt(mod(n,20),10)'";
    let paused = format!("{frozen},{cursor}");
    ffmpeg(&dir, &format!("-i play.mp4 -vf {paused} {KEYS} videos/paused.mp4"));
    assert_eq!(code(&dir.run(&[])), 0);
    let expected = [(41, ""), (59, "still"), (40, "")];
    let check = |found: Vec<(usize, String)>| {
        let fits = found.len() == expected.len()
            && found.iter().zip(expected).all(|((frames, reason), (expected, why))| {
                frames.abs_diff(expected) <= 2 && reason == why
            });
        assert!(fits, "{found:?} instead of {expected:?}");
    };
    check(clips(&dir, "frozen.mp4"));
    check(clips(&dir, "paused.mp4"));
    assert_eq!(code(&dir.run(&["ingest.keep="])), 0);
    check(clips(&dir, "frozen.mp4"));
    assert_eq!(code(&dir.run(&["ingest.cut.still=0"])), 0);
    assert_eq!(clips(&dir, "frozen.mp4"), [(140, String::new())]);
}

/// Catches: a fade between two scenes stays in a clip, or its cut depends on how the recorder wrote
/// the black; play is lost although fades are not to be cut out.
#[test]
fn fades_between_scenes_are_cut_out() {
    let Some(dir) = recorded(8) else { return };
    let out = "[0]trim=0:4.5,fade=t=out:st=3:d=1[a]";
    let into = "[1]hflip,fade=t=in:st=0:d=1[b]";
    let scenes = format!("-i play.mp4 -i play.mp4 -filter_complex {out};{into};[a][b]concat");
    fs::create_dir_all(dir.path("videos")).unwrap();
    ffmpeg(&dir, &format!("{scenes} -fps_mode cfr {KEYS} videos/constant.mp4"));
    ffmpeg(&dir, &format!("{scenes},mpdecimate -fps_mode vfr {KEYS} videos/variable.mkv"));
    assert_eq!(code(&dir.run(&[])), 0);
    for name in ["constant.mp4", "variable.mkv"] {
        let found = clips(&dir, name);
        let expected = [(32, ""), (21, "fade"), (72, "")];
        let fits = |((frames, reason), (expected, why)): (&(usize, String), (usize, &str))| {
            frames.abs_diff(expected) <= 3 && reason == why
        };
        assert!(found.len() == 3 && found.iter().zip(expected).all(fits), "{name}: {found:?}");
    }
    assert_eq!(clips(&dir, "constant.mp4"), clips(&dir, "variable.mkv"));
    assert_eq!(code(&dir.run(&["ingest.cut.fade=0", "ingest.keep="])), 0);
    assert!(clips(&dir, "constant.mp4").iter().all(|(_, reason)| reason != "fade"));
}

/// Catches: a raw stream that states its rate is said to have none, or one without a rate is not.
#[test]
fn a_guessed_rate_is_noted() {
    let Some(dir) = recorded(4) else { return };
    fs::create_dir_all(dir.path("videos")).unwrap();
    ffmpeg(&dir, &format!("-i play.mp4 {KEYS} videos/a.h264"));
    ffmpeg(&dir, "-i play.mp4 -c:v libx265 -x265-params log-level=none videos/b.hevc");
    ffmpeg(&dir, "-i play.mp4 -c:v mpeg4 videos/c.m4v");
    ffmpeg(&dir, "-i play.mp4 -c:v mjpeg videos/d.mjpeg");
    assert_eq!(code(&dir.run(&[])), 0);
    let noted = dir.sql(
        "select coalesce(detail, '') like '%may be a guess' as noted from sources \
         order by source_path",
    );
    assert_eq!(noted, "noted\nfalse\nfalse\nfalse\ntrue\n");
}
