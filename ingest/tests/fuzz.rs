//! Mutated videos: every file gets its row, nothing hangs, and memory stays bounded.
//!
//! The mutants are of sample videos and, if the ffmpeg program is installed, of other containers
//! and codecs. Everything is seeded, so a failure can be repeated. `make test-slow` runs the large
//! number.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::{TestDir, code};

/// Limits of the decoders in the tests.
const LIMITS: [&str; 3] =
    ["ingest.decoder.memory_mb=1024", "ingest.decoder.silence_s=10", "ingest.decoder.total_s=60"];
/// Limit of the supervisor's resident memory, in MiB.
const SUPERVISOR_MB: u64 = 400;
/// Limit of one decoder's resident memory, in MiB.
const DECODER_MB: u64 = 1024;

/// Catches: the same bugs as `two_thousand_mutants`, with fewer mutants and in less time.
#[test]
fn some_mutants() {
    fuzz(60, 1);
}

/// Catches: a run crashes, hangs or uses unbounded memory, or a file has no row.
#[test]
#[ignore = "minutes: make test-slow"]
fn two_thousand_mutants() {
    fuzz(2000, 2);
}

fn fuzz(count: usize, seed: u64) {
    let dir = TestDir::with_samples(3);
    let originals = originals(&dir);
    let videos = dir.path("mutants");
    fs::create_dir(&videos).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for number in 0..count {
        let (name, bytes) = &originals[random.random_range(0..originals.len())];
        let mutant = mutant(bytes, &mut random);
        fs::write(videos.join(format!("{number:04}-{name}")), mutant).unwrap();
    }
    let videos = format!("data.videos=[\"{videos}\"]");
    let settings = [&[videos.as_str(), "ingest.threads=2"][..], &LIMITS].concat();
    let begun = Instant::now();
    let mut run =
        dir.command(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (mut supervisor, mut decoder) = (0, 0);
    let status = loop {
        supervisor = supervisor.max(resident_mb(run.id()));
        decoder = support::children(run.id()).into_iter().map(resident_mb).fold(decoder, u64::max);
        if let Some(status) = run.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(count as u64 * 5), "the run hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(matches!(status.code(), Some(0 | 2)), "{status}");
    let rows = dir.sql("select count(distinct source_path) from sources");
    assert_eq!(
        rows,
        format!("count(DISTINCT sources.source_path)\n{count}\n"),
        "every file has its row"
    );
    let reasons = dir.sql(
        "select coalesce(reason, 'used') as reason, count(*) as n from sources \
             group by 1 order by n desc",
    );
    eprintln!(
        "{count} mutants of {} videos in {:.0} s; peak memory {supervisor} MiB, \
         of a decoder {decoder} MiB\n{reasons}",
        originals.len(),
        begun.elapsed().as_secs_f64()
    );
    // Few mutants crash a decoder, and a decoder can still read many of them.
    let counted = |condition: &str| -> usize {
        let rows = dir.sql(&format!("select count(*) as n from sources where {condition}"));
        rows.lines().nth(1).unwrap().parse().unwrap()
    };
    assert!(
        counted("reason is null or reason in ('too_short', 'near_duplicate', 'filtered')")
            > count / 3
    );
    assert!(counted("reason in ('decoder_crashed', 'timeout')") <= 1 + count / 100);
    assert!(supervisor < SUPERVISOR_MB && decoder < DECODER_MB, "{supervisor} and {decoder} MiB");
    assert_eq!(code(&dir.start(&["verify"])), 0);
}

/// Returns the names and contents of undamaged videos.
fn originals(dir: &TestDir) -> Vec<(String, Vec<u8>)> {
    let sample = dir.path("videos/episode-00000.mp4");
    let mut videos = vec![(String::from("sample.mp4"), fs::read(&sample).unwrap())];
    // Many containers and codecs. This FFmpeg may not write all of them; those that fail are
    // skipped.
    let kinds: [(&str, &[&str]); 16] = [
        ("h264.mkv", &["-c:v", "libx264", "-bf", "3"]),
        ("h264.ts", &["-c:v", "libx264"]),
        ("h264.h264", &["-c:v", "libx264"]),
        ("fragmented.mp4", &["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov"]),
        ("hevc.mp4", &["-c:v", "libx265", "-x265-params", "log-level=none"]),
        ("av1.mkv", &["-c:v", "libsvtav1"]),
        ("vp8.webm", &["-c:v", "libvpx"]),
        ("vp9.webm", &["-c:v", "libvpx-vp9"]),
        ("mpeg2.mpg", &["-c:v", "mpeg2video"]),
        ("mpeg4.avi", &["-c:v", "mpeg4"]),
        ("mjpeg.mov", &["-c:v", "mjpeg"]),
        ("ffv1.mkv", &["-c:v", "ffv1"]),
        ("qtrle.mov", &["-c:v", "qtrle"]),
        ("flv.flv", &["-c:v", "flv1"]),
        ("theora.ogv", &["-c:v", "libtheora"]),
        ("gif.gif", &["-c:v", "gif"]),
    ];
    for (name, codec) in kinds {
        let path = dir.path(name);
        if transcoded(&sample, codec, &path) {
            videos.push((name.to_owned(), fs::read(&path).unwrap()));
        }
    }
    if videos.len() == 1 {
        eprintln!("skipped: other kinds of video, because the ffmpeg program is not installed");
    }
    videos
}

fn transcoded(from: &Utf8Path, codec: &[&str], to: &Utf8PathBuf) -> bool {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "quiet", "-nostdin", "-y", "-i", from.as_str(), "-t", "2", "-an"])
        .args(codec)
        .arg(to);
    ffmpeg.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Returns a copy with one kind of damage.
///
/// The damage is flipped bits, a run of one byte, a removed run, a repeated run, or a cut-off end.
fn mutant(bytes: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    // Half of the damage is at the start, where the structure is.
    let reach = if random.random_bool(0.5) { mutant.len().min(2048) } else { mutant.len() };
    let mut run = |mutant: &Vec<u8>, longest: usize| {
        let start = random.random_range(0..reach);
        start..(start + random.random_range(1..=longest)).min(mutant.len())
    };
    let range = run(&mutant, 4096);
    match random.random_range(0..6) {
        0 | 1 => {
            for _ in 0..random.random_range(1..64) {
                let at = random.random_range(0..reach);
                mutant[at] ^= 1 << random.random_range(0..8);
            }
        }
        2 => {
            let byte = [0, 0xff, 0x7f, 0x80][random.random_range(0..4)];
            mutant[range].fill(byte);
        }
        3 => drop(mutant.drain(range)),
        4 => {
            let piece = mutant[range.clone()].to_vec();
            mutant.splice(range.start..range.start, piece);
        }
        _ => mutant.truncate(range.end),
    }
    mutant
}

/// Returns the peak memory of a process in MiB; 0 if the process is gone.
fn resident_mb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kb| kb >> 10)
}
