//! `genie-play` from scripts.

use std::fs::{self, File};
use std::io::pipe;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use genie_tests::{Dataset, binary};

use super::trained;

/// Catches: a missing model gives a stack of causes without the command that makes it.
#[test]
fn a_missing_model_names_the_command_that_makes_it() {
    let dataset = Dataset::new();
    dataset.stage("play", "serve", &[]).expect(1).says("genie-ingest run").says("make demo");
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset.stage("play", "serve", &[]).expect(1).says("genie-tokenize fit");
    dataset.pipeline(&["--stage", "tokenize"]).expect(0);
    dataset.stage("play", "serve", &[]).expect(1).says("genie-train lam");
}

/// Catches: a rollout of a script differs from run to run; the number of frames is off by one; a
/// log of a script does not replay.
#[test]
fn roll_makes_pictures_of_an_image_and_actions() {
    let dataset = trained();
    let image = dataset.path("sketch.png");
    fs::write(&image, sketch()).unwrap();
    let roll = |arguments: &[&str]| {
        dataset.stage("play", "roll", &[&["--image", "sketch.png"], arguments].concat())
    };
    roll(&["--actions", "1*8 2*4 0 3", "--out", "a.png", "--log", "a.json"]).expect(0);
    roll(&["--actions", "1*8, 2*4, 0, 3", "--out", "b.png"]).expect(0);
    let strip = fs::read(dataset.path("a.png")).unwrap();
    assert_eq!(strip, fs::read(dataset.path("b.png")).unwrap(), "the same seed by default");
    // The prompt and 14 frames, with gaps of one pixel.
    assert_eq!(width(&strip), 15 * 32 + 14);
    dataset.stage("play", "replay", &["a.json"]).expect(0).says("all 14");
    let named = dataset.serve(&[]).json("/api/world")["actions"][3]["name"].clone();
    let named = named.as_str().unwrap().replace(' ', "-");
    roll(&["--actions", &format!("{named}*5"), "--out", "c.gif"]).expect(0);
    assert!(fs::read(dataset.path("c.gif")).unwrap().starts_with(b"GIF89a"));
}

/// Catches: a wrong flag or a bad image is found only after all frames are generated, or gives exit
/// code 1 instead of 64; an existing file is destroyed by a failed run.
#[test]
fn roll_explains_what_is_wrong() {
    let dataset = trained();
    fs::write(dataset.path("sketch.png"), sketch()).unwrap();
    fs::write(dataset.path("text.png"), "no picture").unwrap();
    let roll = |arguments: &[&str]| dataset.stage("play", "roll", arguments);
    let sketch = ["--image", "sketch.png"];
    let wrong = |arguments: &[&str]| roll(&[&sketch, arguments].concat()).expect(64);
    wrong(&["--actions", "rihgt*3", "--out", "a.gif"]).says("rihgt");
    wrong(&["--actions", "99", "--out", "a.gif"]).says("99");
    wrong(&["--actions", "", "--out", "a.gif"]).says("--actions");
    wrong(&["--actions", "1", "--out", "a.webm"]).says(".gif or .png");
    roll(&["--actions", "1", "--out", "a.gif"]).expect(64);
    roll(&["--image", "text.png", "--actions", "1", "--out", "a.gif"]).expect(1).says("text.png");
    roll(&["--image", "none.png", "--actions", "1", "--out", "a.gif"]).expect(1).says("none.png");
    roll(&["--clip", "none", "--actions", "1", "--out", "a.gif"]).expect(1).says("held-out clip");
    assert!(!dataset.path("a.gif").exists());
    fs::write(dataset.path("log.json"), "{}").unwrap();
    dataset.stage("play", "replay", &["log.json"]).expect(1).says("no action log");
}

/// Catches: a full disk behind stdout is a panic; a closed pipe (`… | true`) is a failure.
#[test]
fn a_full_or_closed_stdout_is_no_panic() {
    let dataset = trained();
    fs::write(dataset.path("sketch.png"), sketch()).unwrap();
    let roll = ["--image", "sketch.png", "--actions", "1*2", "--out", "a.gif", "--log", "a.json"];
    let replay = ["a.json", "--out", "b.gif"];
    for (command, arguments) in [("roll", &roll[..]), ("replay", &replay)] {
        let into = |stdout: Stdio| {
            let mut play = Command::new(binary("genie-play"));
            play.current_dir(dataset.path("")).args([command, "--config", "tiny.toml"]);
            let output = play.args(arguments).stdout(stdout).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, stderr) = into(full.into());
        assert_eq!(code, Some(1), "{command}: {stderr}");
        assert!(stderr.contains("is written, but stdout cannot be"), "{command}: {stderr}");
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let (code, stderr) = into(writer.into());
        assert_eq!(code, Some(0), "{command}: {stderr}");
        assert!(!stderr.contains("error"), "{command}: {stderr}");
    }
}

/// Catches: a log that is too long, or a file that cannot be written, is found only after all
/// frames are generated; a log overwrites the frames.
#[test]
fn files_are_checked_before_the_first_frame() {
    let dataset = trained();
    fs::write(dataset.path("sketch.png"), sketch()).unwrap();
    fs::create_dir(dataset.path("dir.gif")).unwrap();
    let started = Instant::now();
    let wrong = |out: &str, log: &str| {
        let start = ["--image", "sketch.png", "--actions", "0*100000"];
        let ended = dataset.stage("play", "roll", &[&start[..], &["--out", out, log]].concat());
        ended.expect(64)
    };
    wrong("a.gif", "--log=a.json").says("at most 99999 actions");
    wrong("a.gif", "--log=./a.gif").says("the same file");
    wrong("a.gif", "--log=dir.gif").says("directory");
    wrong("dir.gif", "--log=a.json").says("directory");
    wrong("tiny.toml/a.gif", "--log=a.json").says("tiny.toml is no directory");
    dataset.stage("play", "replay", &["a.gif", "--out", "a.gif"]).expect(64).says("same file");
    assert!(!dataset.path("a.gif").exists() && !dataset.path("a.json").exists());
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}

/// A picture of 40×30 pixels.
fn sketch() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 40, 30);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..40 * 30 * 3_u32).map(|i| (i * 7 % 251) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}

/// The width of a PNG in pixels.
fn width(png: &[u8]) -> u32 {
    u32::from_be_bytes(png[16..20].try_into().unwrap())
}
