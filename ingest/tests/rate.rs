//! `genie-ingest run` with the built binary: the source's own frame rate, and warnings about rates.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;

use camino::Utf8Path;
use support::{TestDir, code, stderr};

/// Part of the warning about steps that mix actions.
const MIXED: &str = "span two or more different actions";

/// Divides the frame rate of an MP4 file by two, in its header.
fn slow_down(path: &Utf8Path) {
    let mut bytes = fs::read(path).unwrap();
    let header = bytes.windows(4).position(|window| window == b"mdhd").unwrap();
    let timescale = header + 16..header + 20;
    let rate = u32::from_be_bytes(bytes[timescale.clone()].try_into().unwrap());
    bytes[timescale].copy_from_slice(&(rate / 2).to_be_bytes());
    fs::write(path, bytes).unwrap();
}

/// Replaces the sidecar of a sample video by one with another action in every frame.
fn alternate(dir: &TestDir, number: u32) {
    let sidecar = dir.path(&format!("videos/episode-{number:05}.actions.csv"));
    let rows = fs::read_to_string(&sidecar).unwrap().lines().count() - 1;
    let rows = (0..rows).map(|row| format!("{row},{}\n", row % 2));
    fs::write(&sidecar, format!("frame,action\n{}", rows.collect::<String>())).unwrap();
}

/// Catches: at the source's own rate, a sidecar's row belongs to another frame, a frame is missing
/// or doubled at the end of a clip, or a clip has another length or rate than its source.
#[test]
fn every_row_of_a_sidecar_is_one_frame_of_the_own_rate() {
    let dir = TestDir::with_samples(3);
    (0..3).for_each(|number| alternate(&dir, number));
    let output = dir.run(&["ingest.fps=0", "ingest.clip_seconds=1.2"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!stderr(&output).contains("frames per second"), "{}", stderr(&output));
    let clips = dir.clips(None);
    let lengths: Vec<usize> = clips.iter().map(|clip| clip.frame_count()).collect();
    assert_eq!(lengths, [36, 36, 18].repeat(3), "3 seconds at 30 frames per second");
    for (clip, first) in clips.iter().zip([0, 36, 72].into_iter().cycle()) {
        let expected: Vec<u8> = (first..).map(|row| row % 2).take(clip.frame_count()).collect();
        assert_eq!(clip.actions.as_deref(), Some(&expected[..]));
        assert_eq!((clip.fps, clip.source_fps, clip.mixed_actions), (30.0, 30.0, Some(0.0)));
        assert_eq!(Some(clip.scores.distinct_share), Some(1.0));
    }
}

/// Catches: nobody learns that a step spans several actions; the share counts steps of one frame,
/// or is lost in the catalog; the warning remains at the source's rate, or comes every night.
#[test]
fn steps_that_mix_actions_are_a_warning() {
    let dir = TestDir::with_samples(3);
    let fine = dir.run(&[]);
    assert!(!stderr(&fine).contains(MIXED), "{}", stderr(&fine));
    let (mixed, none) = ("select distinct mixed_actions from clips", "mixed_actions\n0.0\n");
    assert_eq!(dir.sql(mixed), none, "the sample game changes its action at 10 frames per second");
    assert_eq!(dir.sql("select distinct source_fps from clips"), "source_fps\n30.0\n");

    (0..3).for_each(|number| alternate(&dir, number));
    let output = dir.run(&[]);
    for words in ["At 10 frames per second, 100 %", MIXED, "[ingest] fps = 30, or fps = 0"] {
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
    }
    assert_eq!(dir.sql(mixed), "mixed_actions\n1.0\n");
    assert!(stderr(&dir.start(&["stats"])).contains(MIXED));
    let again = dir.run(&[]);
    assert!(!stderr(&again).contains(MIXED), "{}", stderr(&again));

    let output = dir.run(&["ingest.fps=30"]);
    assert!(!stderr(&output).contains(MIXED), "{}", stderr(&output));
    assert_eq!(dir.sql(mixed), none);
}

/// Catches: clips whose steps last differently long are mixed without a word; a fixed rate gives
/// the warning, too.
#[test]
fn sources_of_different_rates_are_a_warning() {
    let dir = TestDir::with_samples(3);
    slow_down(&dir.path("videos/episode-00001.mp4"));
    let fixed = dir.run(&[]);
    assert!(!stderr(&fixed).contains("different frame rates"), "{}", stderr(&fixed));
    let own = dir.run(&["ingest.fps=0"]);
    assert_eq!(code(&own), 0);
    let words = "different frame rates, from 15 to 30 frames per second";
    assert!(stderr(&own).contains(words), "{}", stderr(&own));
    assert_eq!(dir.sql("select fps from clips order by fps limit 1"), "fps\n15.0\n");
}

/// Catches: a negative rate means the source's own; the message does not say what 0 means.
#[test]
fn a_rate_is_positive_or_zero() {
    let dir = TestDir::new();
    for rate in ["-1", "0.0001", "1001", "nan"] {
        let output = dir.run(&[&format!("ingest.fps={rate}")]);
        assert_eq!(code(&output), 64, "{rate}");
        assert!(stderr(&output).contains("0 for the source's own rate"), "{}", stderr(&output));
    }
}
