//! Reads back what the stages write: tokens, latent actions, splits.

use std::collections::BTreeMap;

use genie_model::{Device, Lam, Tokenizer};
use genie_shards::{ClipStore, Split, read_actions, read_tokens, windows_of};
use genie_tests::Dataset;

/// The number of frames in a window of `tiny.toml`.
const WINDOW: usize = 8;

/// Catches: tokens belong to another window or clip than their row says; a window depends on the
/// other windows in its batch, or reaches over the end of its clip; a window is skipped; tokens
/// differ from those of the tokenizer on disk.
#[test]
fn a_token_shard_read_back_is_direct_tokenization() {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest", "--stage", "tokenize"]).expect(0);
    let steps = dataset.status(&[]);
    let tokenizer = Tokenizer::load(&dataset.path(steps.dir("tokenize fit")), &Device::Cpu)
        .expect("the tokenizer");
    let clips = ClipStore::open(&dataset.path("root"), None).expect("clips");
    let windows = read_tokens(&dataset.path(steps.dir("tokenize encode"))).expect("tokens");

    let places: Vec<_> = windows
        .iter()
        .map(|window| (window.clip_id.clone(), window.first_frame as usize))
        .collect();
    assert_eq!(places, expected_places(&clips));
    let mut codes = [false; 16];
    for window in &windows {
        let clip = clips.position(&window.clip_id).expect("its clip");
        let frames = clips.window(clip, window.first_frame as usize, WINDOW).expect("its frames");
        let direct = tokenizer.encode(&frames.data).expect("its tokens");
        assert!(
            window.tokens == direct,
            "clip {} from frame {}",
            window.clip_id,
            window.first_frame
        );
        assert_eq!((window.t, window.h, window.w), (8, 8, 8));
        assert_eq!(window.split, clips.meta(clip).expect("its metadata").split);
        window.tokens.iter().for_each(|token| codes[usize::from(*token)] = true);
    }
    assert!(
        codes.iter().filter(|used| **used).count() > 1,
        "the test needs more than one token value"
    );
}

/// Clip and first frame of every whole window of every clip, by clip, then frame.
fn expected_places(clips: &ClipStore) -> Vec<(String, usize)> {
    let windows = |clip: usize| {
        let clip = clips.meta(clip).expect("its metadata");
        let id = clip.clip_id.clone();
        windows_of(clip.frame_count(), WINDOW)
            .map(move |first| (id.clone(), first))
            .collect::<Vec<_>>()
    };
    let mut places: Vec<_> = (0..clips.len()).flat_map(windows).collect();
    places.sort();
    assert!(places.iter().any(|(_, first)| *first > 0), "some clip has several windows");
    places
}

/// Catches: labels are one frame off against the frames, or belong to another window.
#[test]
fn an_action_shard_read_back_is_direct_labelling() {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset.stage("train", "lam", &[]).expect(0);
    dataset.stage("train", "label", &[]).expect(0);
    let steps = dataset.status(&[]);
    let lam = Lam::load(&dataset.path(steps.dir("train lam")), &Device::Cpu)
        .expect("the latent action model");
    let clips = ClipStore::open(&dataset.path("root"), None).expect("clips");
    let windows = read_actions(&dataset.path(steps.dir("train label"))).expect("latent actions");

    let places: Vec<_> = windows
        .iter()
        .map(|window| (window.clip_id.clone(), window.first_frame as usize))
        .collect();
    assert_eq!(places, expected_places(&clips));
    for window in &windows {
        let clip = clips.position(&window.clip_id).expect("its clip");
        let first = window.first_frame as usize;
        let frames = clips.window(clip, first, WINDOW).expect("its frames");
        assert_eq!(window.codes, lam.actions(&frames.data, WINDOW).expect("its actions"));
    }
}

/// Catches: a model is measured on its training data, because a source is in both splits or a
/// window has another split than its clip.
#[test]
fn no_source_is_in_both_splits() {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let mut splits: BTreeMap<String, Vec<Split>> = BTreeMap::new();
    let mut of_clip = BTreeMap::new();
    let clips = ClipStore::open(&dataset.path("root"), None).expect("clips");
    for clip in (0..clips.len()).map(|clip| clips.meta(clip).expect("its metadata")) {
        of_clip.insert(clip.clip_id.clone(), clip.split);
        let known = splits.entry(clip.source_id.clone()).or_default();
        if !known.contains(&clip.split) {
            known.push(clip.split);
        }
    }
    assert!(splits.values().all(|splits| splits.len() == 1), "{splits:?}");
    let held_out = splits.values().filter(|splits| splits[0] == Split::HeldOut).count();
    assert!(
        (1..splits.len()).contains(&held_out),
        "{held_out} of {} sources are held out",
        splits.len()
    );

    let steps = dataset.status(&[]);
    for window in read_tokens(&dataset.path(steps.dir("tokenize encode"))).expect("tokens") {
        assert_eq!(window.split, of_clip[&window.clip_id]);
    }
    for window in read_actions(&dataset.path(steps.dir("train label"))).expect("latent actions") {
        assert_eq!(window.split, of_clip[&window.clip_id]);
    }
    // The catalog says the same, by SQL.
    let both = "select source_id from clips group by source_id having count(distinct split) > 1";
    assert!(dataset.sql(both).is_empty());
    let asked =
        dataset.sql("select count(distinct source_id) as n from clips where split = 'held_out'");
    assert_eq!(asked[0]["n"], held_out);
    let measured = dataset.report(&[])["counts"]["sources"].as_u64().expect("a count");
    assert!((2..=held_out as u64).contains(&measured), "{measured} of {held_out}");
}
