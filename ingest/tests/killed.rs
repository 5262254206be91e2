//! Runs that are killed, stopped or left without room on the disk: nothing half-visible, nothing lost, nothing twice.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use support::{Place, code, stderr};

/// Settings under which a run does a bit of everything: several groups, clips that are not kept, a split that must be balanced.
const SETTINGS: [&str; 3] = ["ingest.clip_seconds=1.6", "data.held_out=0.0001", "ingest.threads=2"];

fn place() -> Place {
    let place = Place::with_samples(40);
    fs::copy(place.path("videos/episode-00001.mp4"), place.path("videos/copy.mp4")).unwrap();
    fs::write(place.path("videos/bad.mp4"), "no video").unwrap();
    place
}

/// Would catch a commit of half a group, rows without clips, clips without rows, a split that depends on where a run was killed, and
/// anything that the next run does twice or not at all.
#[test]
fn killed_at_any_moment_a_rerun_gives_the_same() {
    let place = place();
    let begun = Instant::now();
    assert_eq!(code(&place.run(&SETTINGS)), 2);
    let whole = begun.elapsed();
    let expected = place.state();
    assert_eq!(expected.2.len(), 40, "{:?}", expected.0);

    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut interrupted = 0;
    for round in 0..50 {
        fs::remove_dir_all(place.root()).unwrap();
        // Twice in a row now and then: the rerun may be killed as well.
        for _ in 0..=(round % 3 / 2) {
            let mut run = place
                .command(&SETTINGS)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(whole.mul_f64(random.random_range(0.0..1.1)));
            let _ = run.kill();
            interrupted += u32::from(run.wait().unwrap().code().is_none());
        }
        let verified = place.start(&["verify"]);
        assert_eq!(
            code(&verified),
            0,
            "round {round}: what is visible is whole: {}",
            stderr(&verified)
        );
        let rerun = place.run(&SETTINGS);
        assert_eq!(code(&rerun), 2, "round {round}: {}", stderr(&rerun));
        assert!(place.state() == expected, "round {round}");
    }
    assert!(interrupted >= 20, "only {interrupted} of the runs were killed before their end");

    // What they left is found and goes.
    assert_eq!(code(&place.start(&["gc", "--older-than", "0"])), 0);
    let left = place.start(&["gc", "--older-than", "0", "--dry-run"]);
    assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
    assert!(place.state() == expected);
}

/// Would catch a stop that ends as a failure, and a decoder that outlives its run, however that ends.
#[test]
fn no_decoder_outlives_its_run() {
    let place = Place::new();
    place.sample(2, 1500, 1);
    for (signal, ends) in [("-TERM", 143), ("-KILL", -1)] {
        let run = place.command(&[]).stderr(Stdio::piped()).spawn().unwrap();
        let limit = Duration::from_secs(20);
        let decoder = support::wait_for(limit, || support::children(run.id()).first().copied());
        assert!(
            Command::new("kill").args([signal, &run.id().to_string()]).status().unwrap().success()
        );
        let output = run.wait_with_output().unwrap();
        assert_eq!(code(&output), ends, "{signal}: {}", stderr(&output));
        let is_gone = || !Path::new(&format!("/proc/{decoder}/exe")).exists();
        support::wait_for(limit, || is_gone().then_some(()));
    }
    assert_eq!(code(&place.run(&[])), 0);
}

/// Would catch a dataset that names files which are cut off, and a message that does not say what the matter is.
#[test]
fn a_full_disk_is_said_and_nothing_half_is_visible() {
    let place = place();
    let expected = {
        assert_eq!(code(&place.run(&SETTINGS)), 2);
        place.state()
    };
    fs::remove_dir_all(place.root()).unwrap();
    fs::create_dir(place.root()).unwrap();
    let mount = |options: &str| {
        let words =
            ["-t", "tmpfs", "-o", options, "tmpfs", place.root().as_str()].map(str::to_owned);
        Command::new("mount")
            .args(words)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount("size=100k") {
        eprintln!("no right to mount a small disk here: not tested");
        return;
    }
    let unmount = Unmount(place.root().to_string());
    let output = place.run(&SETTINGS);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("No space left on device"), "{}", stderr(&output));
    let verified = place.start(&["verify"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
    assert!(mount("remount,size=64m"));
    assert_eq!(code(&place.run(&SETTINGS)), 2);
    assert!(place.state() == expected);
    drop(unmount);
}

struct Unmount(String);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
