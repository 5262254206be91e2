//! Untrusted videos: decoders that die, hang or need too much memory, and unusual files.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::{TestDir, code, stderr};

/// Runs over one long and some short videos, and sends a signal to the decoder of the long one.
fn meddled(dir: &TestDir, settings: &[&str], signal: Signal) -> Output {
    dir.sample(5, 2, 1);
    fs::rename(dir.path("videos"), dir.path("short")).unwrap();
    dir.sample(1, 900, 2);
    fs::rename(dir.path("videos/episode-00000.mp4"), dir.path("short/long.mp4")).unwrap();
    let videos = format!("data.videos=[\"{}\"]", dir.path("short"));
    let mut settings = settings.to_vec();
    settings.extend([videos.as_str(), "ingest.threads=1"]);
    let run = dir.command(&settings).stderr(Stdio::piped()).spawn().unwrap();
    let long = dir.path("short/long.mp4");
    let decoder = support::wait_for(Duration::from_secs(20), || {
        support::children(run.id())
            .into_iter()
            .find(|&child| support::has_open(child, long.as_std_path()))
    });
    support::send(decoder, signal);
    run.wait_with_output().unwrap()
}

/// Catches: a crash in FFmpeg ends the run, or other files are lost.
#[test]
fn a_decoder_that_dies_costs_one_row() {
    let dir = TestDir::new();
    let output = meddled(&dir, &[], Signal::ABORT);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let rows = dir.sql("select reason, detail from sources where status = 'rejected'");
    assert!(rows.contains("decoder_crashed,the decoder process ended with signal: 6"), "{rows}");
    assert_eq!(dir.clips(None).len(), 5, "the clips of earlier files are kept");
    assert_eq!(dir.sql("select count(*) from clips"), "count(*)\n5\n");
    assert_eq!(code(&dir.start(&["verify"])), 0);
}

/// Catches: a hang in FFmpeg hangs the run.
#[test]
fn a_decoder_that_hangs_costs_one_row() {
    let dir = TestDir::new();
    let output = meddled(&dir, &["ingest.decoder.silence_s=1"], Signal::STOP);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    let rows = dir.sql("select reason, detail from sources where status = 'rejected'");
    assert!(rows.contains("timeout,the decoder was silent for 1 s"), "{rows}");
    assert_eq!(dir.clips(None).len(), 5);

    // A later run retries it only on request.
    let videos = format!("data.videos=[\"{}\"]", dir.path("short"));
    let again = dir.run(&[&videos]);
    assert!(code(&again) == 2 && stderr(&again).contains("up to date"), "{}", stderr(&again));
    let retried = dir.command(&[&videos]).args(["--retry", "timeout,changed"]).output().unwrap();
    assert_eq!(code(&retried), 0, "{}", stderr(&retried));
    assert!(dir.clips(None).len() > 50);
}

/// Catches: one decoder takes a whole night.
#[test]
fn a_decoder_that_is_slow_costs_one_row() {
    let dir = TestDir::new();
    dir.sample(1, 240, 1);
    let output = dir.run(&[
        "ingest.decoder.total_s=1",
        "ingest.fps=60",
        "ingest.width=320",
        "ingest.height=320",
    ]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(dir.sql("select reason from sources").contains("timeout"));
    assert!(dir.clips(None).is_empty());
}

/// Catches: clips of a half-written file are stored under the hash of the earlier content.
#[test]
fn a_file_that_changes_while_it_is_read() {
    let dir = TestDir::new();
    dir.sample(1, 900, 1);
    let video = dir.path("videos/episode-00000.mp4");
    let whole = fs::read(&video).unwrap();
    let run = dir.command(&[]).stderr(Stdio::piped()).spawn().unwrap();
    support::wait_for(Duration::from_secs(20), || {
        support::children(run.id())
            .into_iter()
            .find(|&child| support::has_open(child, video.as_std_path()))
    });
    let mut longer = whole.clone();
    longer.extend_from_slice(b"\0\0\0\x08free");
    fs::write(&video, &longer).unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(dir.sql("select reason from sources").contains("changed"));
    assert!(dir.clips(None).is_empty());
    let again = dir.run(&[]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(
        dir.sql("select status, count(*) from sources group by status"),
        "status,count(*)\naccepted,1\n"
    );
}

/// Catches: a directory walk never ends, or a name breaks a row, a line or a shell command.
///
/// A read must not block on a pipe either.
#[test]
fn traps_in_the_file_system() {
    let dir = TestDir::with_samples(6);
    let videos = dir.path("videos");
    let rename = |from: u32, to: &std::ffi::OsStr| {
        let from = videos.join(format!("episode-{from:05}.mp4"));
        fs::rename(from, videos.as_std_path().join(to)).unwrap();
    };
    rename(0, "with spaces and 'quotes' \"double\" $(echo x) & % #1 🎮.mp4".as_ref());
    rename(1, "a\nnew line,and a comma.mp4".as_ref());
    rename(2, std::ffi::OsStr::from_bytes(b"not \xff\xfe UTF-8.mp4"));
    rename(3, std::ffi::OsStr::from_bytes(b"not \xff\xfd UTF-8.mp4"));
    rename(4, "-v --set=x concat:a|b http:.mp4".as_ref());
    symlink(&videos, videos.join("loop")).unwrap();
    symlink("itself.mp4", videos.join("itself.mp4")).unwrap();
    symlink("nowhere", videos.join("dangling.mp4")).unwrap();
    assert!(Command::new("mkfifo").arg(videos.join("pipe.mp4")).status().unwrap().success());
    fs::create_dir(videos.join("directory.mp4")).unwrap();

    let output = dir.run(&[]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert_eq!(dir.clips(None).len(), 6);
    let reasons = dir.sql("select reason, count(*) from sources group by reason order by reason");
    assert_eq!(reasons, "reason,count(*)\nmissing,2\nnot_a_file,1\n,6\n");
    let again = dir.run(&[]);
    assert!(stderr(&again).contains("up to date"), "{}", stderr(&again));
}

/// Catches: an unreadable file ends the run. Root can read every file, so the test skips then.
#[test]
fn a_file_without_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TestDir::with_samples(3);
    let video = dir.path("videos/episode-00001.mp4");
    fs::set_permissions(&video, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&video).is_ok() {
        eprintln!("skipped: this user can read every file");
        return;
    }
    assert_eq!(code(&dir.run(&[])), 2);
    assert!(dir.sql("select reason from sources").contains("unreadable"));
}

/// Catches: a file header causes unbounded allocation.
///
/// The memory limit must have an effect, and videos must be decodable under it.
#[test]
fn memory_is_limited() {
    let dir = TestDir::with_samples(1);
    // A Y4M header that promises frames of 5 GB in a file of 100 bytes, and one of 288 MB in a
    // sparse file that has the bytes.
    fs::write(dir.path("videos/huge.y4m"), "YUV4MPEG2 W65535 H53000 F30:1 C420\nFRAME\n0123456789")
        .unwrap();
    let large = fs::File::create(dir.path("videos/large.y4m")).unwrap();
    std::io::Write::write_all(&mut &large, b"YUV4MPEG2 W16000 H12000 F30:1 C420\nFRAME\n").unwrap();
    large.set_len(300 << 20).unwrap();
    let reasons = |memory: &str| {
        // Only the memory is limited here, not the number of pixels.
        let output = dir.run(&[memory, "ingest.decoder.max_megapixels=10000"]);
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        assert!(!dir.clips(None).is_empty(), "a file that needs little memory is decoded");
        dir.sql(
            "select split_part(source_path, 'videos/', 2), reason from sources \
             order by source_path",
        )
    };
    let limited = reasons("ingest.decoder.memory_mb=256");
    assert!(limited.contains("episode-00000.mp4,\n"), "{limited}");
    assert!(
        !limited.contains("huge.y4m,\n") && !limited.contains("huge.y4m,decoder_crashed"),
        "{limited}"
    );
    assert!(!limited.contains("large.y4m,too_short"), "decoded with too little memory: {limited}");
    fs::remove_dir_all(dir.root()).unwrap();
    let unlimited = reasons("ingest.decoder.memory_mb=4096");
    assert!(
        unlimited.contains("large.y4m,too_short"),
        "with enough memory it is decoded: {unlimited}"
    );
}

/// Catches: a GIF of 100 bytes costs a minute and a gigabyte for each frame.
///
/// The limit must not depend on where the size is stated, and must be configurable.
#[test]
fn frames_are_limited() {
    let dir = TestDir::with_samples(1);
    let mut gif = b"GIF89a\x80\x3e\x80\x3e\xf0\x00\x00\x00\x00\x00\xff\xff\xff".to_vec();
    for _ in 0..20 {
        gif.extend(b"\x21\xf9\x04\x00\x0a\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00");
        gif.extend(b"\x00\x02\x02\x44\x01\x00");
    }
    gif.push(b';');
    fs::write(dir.path("videos/bomb.gif"), gif).unwrap();
    let large = b"YUV4MPEG2 W2000 H1000 F30:1 C420\nFRAME\n";
    fs::write(dir.path("videos/large.y4m"), [&large[..], &vec![0; 3_000_000]].concat()).unwrap();
    let reasons = |settings: &[&str]| {
        assert_eq!(code(&dir.run(settings)), 2);
        dir.sql("select split_part(source_path, 'videos/', 2), reason from sources order by 1")
    };
    let limited = reasons(&[]);
    let expected = "bomb.gif,frame_too_large\nepisode-00000.mp4,\nlarge.y4m,too_short\n";
    assert!(limited.ends_with(expected), "{limited}");
    fs::remove_dir_all(dir.root()).unwrap();
    let limited = reasons(&["ingest.decoder.max_megapixels=1"]);
    let expected = "bomb.gif,frame_too_large\nepisode-00000.mp4,\nlarge.y4m,frame_too_large\n";
    assert!(limited.ends_with(expected), "{limited}");
}
