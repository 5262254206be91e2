//! Held-out windows of small published datasets.

use camino::Utf8PathBuf;
use genie_shards::{Clip, ClipShardWriter, Frames, Manifest, tables};

use super::*;

const SIZE: usize = 4;

/// A clip whose frame t has the value t everywhere; action t mod 5 leads from frame t to t + 1.
fn clip(source: &str, split: Split, frames: usize, height: usize) -> Clip {
    let byte = |t: usize| u8::try_from(t).unwrap();
    // The source "odd" names other keys; the source "short" lacks the last two names.
    let key = if source == "odd" { "button" } else { "key" };
    let names = (0..if source == "short" { 3 } else { 5 }).map(|n| format!("{key} {n}")).collect();
    let data = (0..frames).flat_map(|t| vec![byte(t); height * SIZE * 3]).collect();
    let meta = ClipMeta {
        clip_id: format!("{source}-clip"),
        source_id: source.into(),
        source_path: format!("somewhere/{source}.mp4"),
        split,
        time_base: (1, 10),
        frame_pts: (0..i64::try_from(frames).unwrap()).collect(),
        fps: 10.0,
        source_fps: 15.0,
        width: SIZE as u32,
        height: height as u32,
        actions: Some((0..frames).map(|t| byte(t % 5)).collect()),
        action_names: Some(names),
        ..ClipMeta::default()
    };
    Clip { meta, frames: Frames::new(frames, height, SIZE, data).unwrap() }
}

fn published(clips: &[Clip]) -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let mut writer = ClipShardWriter::create(&root.join("clips"), "test").unwrap();
    for clip in clips {
        writer.push(clip).unwrap();
    }
    let entry = writer.publish().unwrap().entry;
    Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, entry.clone())).unwrap();
    (dir, root)
}

/// Catches: training clips are among the measured windows; a dataset without held-out clips gives
/// no error.
#[test]
fn nothing_is_measured_on_what_was_trained_on() {
    let (_dir, root) = published(&[clip("a", Split::Train, 32, SIZE)]);
    let message = HeldOutSet::open(&root, (SIZE, SIZE), 8, 10, 0).err().unwrap().to_string();
    assert!(message.contains("held out") && message.contains("[data] held_out"), "{message}");

    let (_dir, root) =
        published(&[clip("a", Split::Train, 32, SIZE), clip("b", Split::HeldOut, 17, SIZE)]);
    let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
    assert_eq!(
        recordings.windows.iter().map(|w| w.name.as_str()).collect::<Vec<_>>(),
        ["b.mp4", "b.mp4"]
    );
}

/// Catches: a mean frame contains held-out clips or clips of another size; the mean frame is black
/// if there is no training clip.
#[test]
fn the_mean_frame_is_of_training_clips_alone() {
    let grey = |source: &str, split, height, level: u8| {
        let mut clip = clip(source, split, 16, height);
        clip.frames = Frames::new(16, height, SIZE, vec![level; 16 * height * SIZE * 3]).unwrap();
        clip
    };
    let mut clips = vec![
        grey("a", Split::Train, SIZE, 10),
        grey("b", Split::Train, SIZE, 31),
        grey("tall", Split::Train, SIZE + 1, 200),
        grey("held", Split::HeldOut, SIZE, 250),
    ];
    let mean = |clips: &[Clip]| {
        let (_dir, root) = published(clips);
        let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
        recordings.mean_frame(&root, 0).unwrap()
    };
    assert_eq!(mean(&clips), Some(vec![21; SIZE * SIZE * 3]));
    clips.drain(..2);
    assert_eq!(mean(&clips), None);
}

/// Catches: a window in the middle of a clip gets the labels of the clip's start, which makes
/// agreement a matter of chance.
#[test]
fn truth_lies_between_the_frames_of_its_window() {
    let (_dir, root) = published(&[clip("a", Split::HeldOut, 32, SIZE)]);
    let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
    assert_eq!(recordings.windows.len(), 4);
    for (index, window) in recordings.windows.iter().enumerate() {
        let video = recordings.load(index).unwrap();
        let truth = window.truth.as_ref().unwrap();
        assert_eq!((video.frames, truth.len()), (8, 7));
        for (t, &action) in truth.iter().enumerate() {
            assert_eq!(action, video.frame(0, t)[0] % 5, "frame {t} of window {index}");
        }
    }
}

/// Catches: a report says nothing about actions that are mixed in one step, or about clips of
/// different frame rates; pictures move at the rate of one odd clip.
#[test]
fn the_frame_rate_of_the_clips_is_judged() {
    let at = |source: &str, fps, mixed| {
        let mut clip = clip(source, Split::HeldOut, 16, SIZE);
        (clip.meta.fps, clip.meta.mixed_actions) = (fps, Some(mixed));
        clip
    };
    let opened = |clips: &[Clip]| {
        let (_dir, root) = published(clips);
        HeldOutSet::open(&root, (SIZE, SIZE), 16, 10, 0).unwrap()
    };
    let fine = opened(&[at("a", 15.0, 0.0), at("b", 15.0, 0.0)]);
    assert!(fine.warnings.is_empty(), "{:?}", fine.warnings);
    let mixed = opened(&[at("a", 10.0, 0.5), at("b", 10.0, 0.4)]);
    let [warning] = &mixed.warnings[..] else { panic!("{:?}", mixed.warnings) };
    assert!(warning.contains("45 % of the steps") && warning.contains("fps = 15"), "{warning}");
    let rates = opened(&[at("a", 60.0, 0.0), at("b", 15.0, 0.0), at("c", 15.0, 0.0)]);
    let [warning] = &rates.warnings[..] else { panic!("{:?}", rates.warnings) };
    assert!(warning.contains("from 15 to 60"), "{warning}");
    assert_eq!(Some(rates.fps), Some(15.0));
}

/// Catches: clips of another size or with other action names are used, or skipped without a
/// warning.
#[test]
fn clips_that_do_not_fit_are_left_out_loudly() {
    let clips = [
        clip("a", Split::HeldOut, 16, SIZE),
        clip("b", Split::HeldOut, 16, SIZE),
        clip("odd", Split::HeldOut, 16, SIZE),
        clip("short", Split::HeldOut, 16, SIZE),
        clip("tall", Split::HeldOut, 16, SIZE + 1),
    ];
    let (_dir, root) = published(&clips);
    let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 16, 10, 0).unwrap();
    let labelled: Vec<(&str, bool)> =
        recordings.windows.iter().map(|w| (w.name.as_str(), w.truth.is_some())).collect();
    assert_eq!(
        labelled,
        [("a.mp4", true), ("b.mp4", true), ("odd.mp4", false), ("short.mp4", true)]
    );
    assert_eq!(recordings.names.actions.len(), 5);
    assert_eq!(recordings.warnings.len(), 2, "{:?}", recordings.warnings);
    let message = HeldOutSet::open(&root, (9, 9), 16, 10, 0).err().unwrap().to_string();
    assert!(message.contains("9×9"), "{message}");
}

/// Catches: agreement is measured on clips without labels or with labels of other names, or not on
/// all others; the limit is ignored; the choice differs from that of the measured windows; a window
/// has the labels of another place.
#[test]
fn all_labelled_windows_are_there_for_agreement() {
    let without = |source: &str| {
        let mut clip = clip(source, Split::HeldOut, 64, SIZE);
        (clip.meta.actions, clip.meta.action_names) = (None, None);
        clip
    };
    let with = |source: &str| clip(source, Split::HeldOut, 32, SIZE);
    let (_dir, root) = published(&[with("a"), without("b"), with("c"), with("odd"), with("d")]);
    let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 8, 2, 0).unwrap();
    let all = recordings.labelled(100, 0).unwrap();
    assert_eq!((all.windows.len(), all.available, recordings.windows.len()), (12, 12, 2));
    let few = recordings.labelled(5, 0).unwrap();
    assert_eq!((few.windows.len(), few.available, &few.places[..]), (5, 12, &all.places[..5]));
    for (index, (window, place)) in all.windows.iter().zip(&all.places).enumerate() {
        assert_ne!(window.name, "odd.mp4");
        let first = load_windows(recordings.store(), &[*place], 1).unwrap().frame(0, 0)[0];
        assert_eq!(window.first, usize::from(first));
        let actions = all.clip_actions(index).unwrap();
        let truth = window.truth.as_deref().unwrap();
        assert_eq!((truth.len(), truth), (7, &actions[window.first..][..7]));
    }
    let (_dir, root) = published(&[with("a"), with("c"), with("d")]);
    let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 8, 4, 0).unwrap();
    let places = recordings.labelled(100, 0).unwrap().windows;
    for (measured, labelled) in recordings.windows.iter().zip(&places) {
        assert_eq!((&measured.name, measured.first), (&labelled.name, labelled.first));
    }
}

/// Catches: a long rollout uses a short clip of a source, several clips of one source, a training
/// clip, a clip of another size, or one that is not longer than a window; true actions are cut.
#[test]
fn a_long_rollout_is_of_the_longest_clip_of_each_source() {
    let of = |source: &str, id: &str, split, frames, height| {
        let mut clip = clip(source, split, frames, height);
        clip.meta.clip_id = id.into();
        clip
    };
    let clips = [
        of("a", "a-16", Split::HeldOut, 16, SIZE),
        of("a", "a-24", Split::HeldOut, 24, SIZE),
        of("a", "a-tall", Split::HeldOut, 40, SIZE + 1),
        of("b", "b-40", Split::HeldOut, 40, SIZE),
        of("b", "b-50", Split::HeldOut, 50, SIZE),
        of("c", "c-8", Split::HeldOut, 8, SIZE),
        of("d", "d-50", Split::Train, 50, SIZE),
        of("e", "e-30", Split::HeldOut, 30, SIZE),
    ];
    let (_dir, root) = published(&clips);
    let recordings = HeldOutSet::open(&root, (SIZE, SIZE), 8, 10, 0).unwrap();
    let chosen = |count, longest| -> Vec<String> {
        let clips = recordings.long_clips(count, longest).unwrap().into_iter();
        clips.map(|clip| clip.window.clip_id).collect()
    };
    assert_eq!(chosen(9, 160), ["b-50", "e-30", "a-24"]);
    assert_eq!(chosen(2, 160), ["b-50", "e-30"]);
    // Frames after the longest rollout do not count.
    assert_eq!(chosen(9, 20), ["a-24", "b-40", "e-30"]);
    let clip = &recordings.long_clips(1, 160).unwrap()[0];
    let video = recordings.load_long(clip, 12).unwrap();
    assert_eq!((clip.frames, video.frames, video.frame(0, 11)[0]), (50, 12, 11));
    assert_eq!(clip.window.truth.as_ref().unwrap().len(), 49);
    assert_eq!(clip.window.truth.as_ref().unwrap()[..6], [0, 1, 2, 3, 4, 0]);
}
