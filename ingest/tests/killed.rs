//! Runs that are killed, stopped or out of disk space: nothing is half-visible, lost or duplicated.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use support::{TestDir, code, stderr};

/// Settings for a run with several groups, clips that are not kept, and a split to balance.
const SETTINGS: [&str; 3] = ["ingest.clip_seconds=1.6", "data.held_out=0.0001", "ingest.threads=2"];

fn dataset() -> TestDir {
    let dir = TestDir::with_samples(40);
    fs::copy(dir.path("videos/episode-00001.mp4"), dir.path("videos/copy.mp4")).unwrap();
    fs::write(dir.path("videos/bad.mp4"), "no video").unwrap();
    dir
}

/// Catches: half a group is committed, rows have no clips, or clips have no rows.
///
/// The split must not depend on the time of the kill. The next run must not repeat or omit work.
#[test]
fn killed_at_any_moment_a_rerun_gives_the_same() {
    let dir = dataset();
    let begun = Instant::now();
    assert_eq!(code(&dir.run(&SETTINGS)), 2);
    let whole = begun.elapsed();
    let expected = dir.state();
    assert_eq!(expected.2.len(), 40, "{:?}", expected.0);

    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut interrupted = 0;
    for round in 0..50 {
        fs::remove_dir_all(dir.root()).unwrap();
        // Kill twice in some rounds: the rerun may be killed as well.
        for _ in 0..=(round % 3 / 2) {
            let mut run =
                dir.command(&SETTINGS).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(whole.mul_f64(random.random_range(0.0..1.1)));
            let _ = run.kill();
            interrupted += u32::from(run.wait().unwrap().code().is_none());
        }
        let verified = dir.start(&["verify"]);
        assert_eq!(
            code(&verified),
            0,
            "round {round}: published files are damaged: {}",
            stderr(&verified)
        );
        let rerun = dir.run(&SETTINGS);
        assert_eq!(code(&rerun), 2, "round {round}: {}", stderr(&rerun));
        assert!(dir.state() == expected, "round {round}");
    }
    assert!(interrupted >= 20, "only {interrupted} of the runs were killed before their end");

    // `gc` finds and removes the leftovers.
    assert_eq!(code(&dir.start(&["gc", "--older-than", "0"])), 0);
    let left = dir.start(&["gc", "--older-than", "0", "--dry-run"]);
    assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
    assert!(dir.state() == expected);
}

/// Catches: a stop ends as a failure, or a decoder process outlives its run.
#[test]
fn no_decoder_outlives_its_run() {
    let dir = TestDir::new();
    dir.sample(2, 1500, 1);
    for (signal, ends) in [(Signal::TERM, 143), (Signal::KILL, -1)] {
        let run = dir.command(&[]).stderr(Stdio::piped()).spawn().unwrap();
        let limit = Duration::from_secs(20);
        let decoder = support::wait_for(limit, || support::children(run.id()).first().copied());
        support::send(run.id(), signal);
        let output = run.wait_with_output().unwrap();
        assert_eq!(code(&output), ends, "{signal:?}: {}", stderr(&output));
        let is_gone = || !Path::new(&format!("/proc/{decoder}/exe")).exists();
        support::wait_for(limit, || is_gone().then_some(()));
    }
    assert_eq!(code(&dir.run(&[])), 0);
}

/// Catches: a manifest names truncated files, or the error message does not name the full disk.
#[test]
fn a_full_disk_is_reported_and_nothing_is_half_visible() {
    let dir = dataset();
    let expected = {
        assert_eq!(code(&dir.run(&SETTINGS)), 2);
        dir.state()
    };
    fs::remove_dir_all(dir.root()).unwrap();
    fs::create_dir(dir.root()).unwrap();
    let mount = |options: &str| {
        let words = ["-t", "tmpfs", "-o", options, "tmpfs", dir.root().as_str()].map(str::to_owned);
        Command::new("mount")
            .args(words)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount("size=100k") {
        eprintln!("skipped: this user cannot mount a small disk");
        return;
    }
    let unmount = Unmount(dir.root().to_string());
    let output = dir.run(&SETTINGS);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("No space left on device"), "{}", stderr(&output));
    let verified = dir.start(&["verify"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
    assert!(mount("remount,size=64m"));
    assert_eq!(code(&dir.run(&SETTINGS)), 2);
    assert!(dir.state() == expected);
    drop(unmount);
}

struct Unmount(String);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
