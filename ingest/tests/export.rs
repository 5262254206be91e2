//! `genie-ingest export` with the built binary: exported clips are the clips.

#![allow(clippy::cast_precision_loss, reason = "no number here needs more than 52 bits")]

#[path = "support/test_dir.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::Clip;
use support::{TestDir, code, contents, stderr};

/// A dataset with kept clips of two splits, with true actions.
fn dataset() -> TestDir {
    let dir = TestDir::with_samples(4);
    let output = dir.run(&["ingest.clip_seconds=2", "data.held_out=0.5"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    dir
}

/// Exports to the directory `out`, with more command-line arguments.
fn export(dir: &TestDir, words: &[&str]) -> std::process::Output {
    let out = dir.path("out");
    dir.start(&[&["export", "--out", out.as_str()], words].concat())
}

/// The names of the files in `out`, without their directories.
fn names(dir: &TestDir) -> Vec<String> {
    let name = |path: String| Utf8Path::new(&path).file_name().unwrap().to_owned();
    let mut names: Vec<_> =
        contents(&dir.path("out")).into_iter().map(|(path, _)| name(path)).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

fn has_extension(name: &str, extension: &str) -> bool {
    Utf8Path::new(name).extension() == Some(extension)
}

/// Ingests the videos in `out` with these settings, and returns their clips by the exported id.
fn ingested(dir: &TestDir, settings: &[&str]) -> BTreeMap<String, Clip> {
    let mut again = TestDir::new();
    again.settings[1] = format!("data.videos=[\"{}\"]", dir.path("out"));
    again.settings.extend(["ingest.keep=".to_owned(), "ingest.near_duplicates=false".to_owned()]);
    let output = again.run(settings);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let id = |clip: &Clip| Utf8PathBuf::from(&clip.source_path).file_stem().unwrap().to_owned();
    again.clips(None).into_iter().map(|clip| (id(&clip), clip)).collect()
}

/// Peak signal-to-noise ratio in dB; infinite for equal frames.
fn psnr(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let sum: f64 = one.iter().zip(other).map(square).sum();
    10.0 * (255.0 * 255.0 * one.len() as f64 / sum).log10()
}

/// Catches: an exported video has fewer frames, other pixels or other times than its clip; actions
/// are shifted by a frame or lose their names.
#[test]
fn exported_clips_are_ingested_again() {
    // The videos of most players have half the resolution in colours, so 32×32 pixels lose much. A
    // frame that is one step late has 20 dB.
    for (words, least) in [(&[][..], 30.0), (&["--lossless"][..], f64::INFINITY)] {
        let dir = dataset();
        let output = export(&dir, words);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let clips = dir.clips(None);
        let found = ingested(&dir, &["ingest.clip_seconds=2"]);
        assert_eq!(found.len(), clips.len());
        for clip in &clips {
            let again = &found[&clip.clip_id];
            assert_eq!(again.frame_count(), clip.frame_count());
            let psnr = psnr(&again.frames.data, &clip.frames.data);
            assert!(psnr >= least, "{words:?}: {psnr} dB");
            assert_eq!(again.actions, clip.actions);
            // An action that never happens in a clip has no name there.
            let named = |clip: &Clip| -> Vec<String> {
                let names = clip.action_names.as_ref().unwrap();
                let actions = clip.actions.as_ref().unwrap().iter();
                actions.map(|&action| names[usize::from(action)].clone()).collect()
            };
            assert_eq!(named(again), named(clip));
        }
    }
}

/// Catches: a variable frame rate becomes a constant one: the times of the frames are lost.
#[test]
fn times_of_the_frames_are_exported() {
    let dir = TestDir::with_samples(2);
    let settings = ["ingest.fps=0", "ingest.clip_seconds=2"];
    assert_eq!(code(&dir.run(&settings)), 0);
    assert_eq!(code(&export(&dir, &[])), 0);
    let found = ingested(&dir, &settings);
    for clip in dir.clips(None) {
        let seconds = |clip: &Clip| -> Vec<f64> {
            let unit = f64::from(clip.time_base.0) / f64::from(clip.time_base.1);
            clip.frame_pts.iter().map(|&pts| (pts - clip.frame_pts[0]) as f64 * unit).collect()
        };
        let expected = seconds(&clip);
        let agree = |found: &[f64]| {
            found.len() == expected.len()
                && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(agree(&seconds(&found[&clip.clip_id])));
        let id = &clip.clip_id;
        let json = fs::read_to_string(dir.path(&format!("out/{}/{id}.json", &id[..2]))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let times: Vec<f64> = serde_json::from_value(json["frame_times"].clone()).unwrap();
        assert!(agree(&times));
        assert_eq!(json["split"], clip.split.as_str());
        assert_eq!(json["source_path"], clip.source_path.as_str());
        assert_eq!(json["actions"].as_array().unwrap().len(), clip.frame_count());
        assert!((json["motion"].as_f64().unwrap() - f64::from(clip.scores.motion)).abs() < 1e-6);
    }
}

/// Catches: a condition or a split is ignored; a run that follows a killed one repeats everything,
/// or leaves a clip without its video.
#[test]
fn an_export_is_continued() {
    let dir = dataset();
    let held = export(&dir, &["--split", "held_out", "--where", "motion >= 0"]);
    assert_eq!(code(&held), 0, "{}", stderr(&held));
    let videos = |names: &[String]| names.iter().filter(|name| has_extension(name, "mp4")).count();
    assert_eq!(videos(&names(&dir)), dir.clips(genie_shards::Split::HeldOut).len());
    assert_eq!(code(&export(&dir, &[])), 0);
    let complete = names(&dir);
    assert_eq!(videos(&complete), dir.clips(None).len());

    // As a killed run leaves it: the video of one clip, and the draft of another.
    let clips = dir.clips(None);
    let path = |id: &str, name: &str| dir.path(&format!("out/{}/{name}", &id[..2]));
    let (one, other) = (&clips[0].clip_id, &clips[1].clip_id);
    fs::remove_file(path(one, &format!("{one}.json"))).unwrap();
    fs::remove_file(path(other, &format!("{other}.mp4"))).unwrap();
    fs::write(path(other, &format!(".{other}.mp4.tmp")), "half").unwrap();
    let output = export(&dir, &[]);
    assert!(stderr(&output).contains("2 of them new"), "{}", stderr(&output));
    assert_eq!(names(&dir), complete);
}

/// Catches: actions or a split that changed since are exported as they were; tar files mix old and
/// new ones; videos are encoded again although they cannot have changed.
#[test]
fn changed_metadata_are_exported_again() {
    let dir = dataset();
    let tars = dir.path("tars");
    let export_tars = || dir.start(&["export", "--out", tars.as_str(), "--tar", "3"]);
    assert_eq!(code(&export(&dir, &[])), 0);
    assert_eq!(code(&export_tars()), 0);
    // As if the clips had had other actions at the time of the export.
    let clips = dir.clips(None);
    let exported = contents(&dir.path("out"));
    let path = |clip: &Clip, suffix: &str| {
        dir.path(&format!("out/{}/{}.{suffix}", &clip.clip_id[..2], clip.clip_id))
    };
    fs::write(path(&clips[0], "json"), "{}\n").unwrap();
    fs::write(path(&clips[1], "actions.csv"), "frame,action,action_name\n").unwrap();
    fs::remove_file(path(&clips[2], "actions.csv")).unwrap();
    let time = |clip: &Clip| fs::metadata(path(clip, "mp4")).unwrap().modified().unwrap();
    let times: Vec<_> = clips.iter().map(time).collect();
    let output = export(&dir, &[]);
    assert!(stderr(&output).contains("3 of them new"), "{}", stderr(&output));
    assert_eq!(contents(&dir.path("out")), exported);
    assert_eq!(clips.iter().map(time).collect::<Vec<_>>(), times);

    for (path, _) in contents(&dir.path("videos")) {
        if path.ends_with(".actions.csv") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(code(&dir.run(&["ingest.clip_seconds=2", "data.held_out=0.5"])), 0);
    let clips = dir.clips(None);
    assert!(clips.iter().all(|clip| clip.actions.is_none()));
    assert_eq!(code(&export(&dir, &[])), 0);
    for clip in &clips {
        assert!(!path(clip, "actions.csv").exists());
        let json = fs::read_to_string(path(clip, "json")).unwrap();
        assert!(json.contains("\"actions\":null"), "{json}");
    }
    let output = export_tars();
    assert_eq!(code(&output), 64, "{}", stderr(&output));
}

/// Catches: a tar file lacks a clip or a member, or its members have other names; a second run
/// writes it again; the bytes depend on the run.
#[test]
fn tar_files_have_all_clips() {
    let dir = dataset();
    let output = export(&dir, &["--tar", "3"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut found = Vec::new();
    let tars: Vec<_> = names(&dir).into_iter().filter(|name| has_extension(name, "tar")).collect();
    let clips = dir.clips(None);
    assert_eq!(tars.len(), clips.len().div_ceil(3));
    for name in &tars {
        let file = fs::File::open(dir.path("out").join(name)).unwrap();
        for member in tar::Archive::new(file).entries().unwrap() {
            let mut member = member.unwrap();
            let name = member.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            member.read_to_end(&mut content).unwrap();
            assert_eq!(content.len() as u64, member.header().size().unwrap());
            found.push(name);
        }
    }
    found.sort();
    let suffixes = ["actions.csv", "json", "mp4"];
    let mut expected: Vec<String> = clips
        .iter()
        .flat_map(|clip| suffixes.map(|suffix| format!("{}.{suffix}", clip.clip_id)))
        .collect();
    expected.sort();
    assert_eq!(found, expected);

    let before = contents(&dir.path("out"));
    fs::remove_file(dir.path("out").join(&tars[0])).unwrap();
    let again = export(&dir, &["--tar", "3"]);
    assert!(stderr(&again).contains("3 of them new"), "{}", stderr(&again));
    assert_eq!(contents(&dir.path("out")), before);
    let other = export(&dir, &["--tar", "3", "--split", "train"]);
    assert_eq!(code(&other), 64, "{}", stderr(&other));
}

/// Catches: an export writes among the user's files, or overwrites them; a mistake in the command
/// line starts an export, or ends with the code of another failure.
#[test]
fn foreign_files_stay_and_mistakes_are_told() {
    let dir = dataset();
    for (words, expected) in [
        (&["--where", "motoin > 0"][..], 64),
        (&["--where", "motion"], 64),
        (&["--split", "test"], 64),
        (&["--tar", "0"], 64),
        (&["--where", "motion > 2"], 1),
    ] {
        let output = export(&dir, words);
        assert_eq!(code(&output), expected, "{words:?}: {}", stderr(&output));
        assert!(!dir.path("out").exists(), "{words:?}");
    }
    fs::create_dir(dir.path("out")).unwrap();
    fs::write(dir.path("out/mine.txt"), "mine").unwrap();
    let output = export(&dir, &[]);
    assert_eq!(code(&output), 64, "{}", stderr(&output));
    assert!(stderr(&output).contains("choose another --out"), "{}", stderr(&output));
    assert_eq!(names(&dir), ["mine.txt"]);

    fs::remove_file(dir.path("out/mine.txt")).unwrap();
    assert_eq!(code(&export(&dir, &["--split", "train"])), 0, "an empty directory");
    let output = export(&dir, &["--lossless"]);
    assert_eq!(code(&output), 64, "{}", stderr(&output));
}
