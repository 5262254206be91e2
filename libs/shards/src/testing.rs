//! Clips for the tests of this crate: small, distinct, with every field set.

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::{Clip, ClipMeta, ClipShardWriter, Frames, Published, Scores, Split};

/// Creates an empty dataset root; dropping the first value removes it.
pub(crate) fn root() -> (TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, root)
}

/// A clip of `frames` frames of 6×8 noise, which depends on source and start.
pub(crate) fn clip(source: &str, start_pts: i64, frames: usize) -> Clip {
    // Ordered like the names of the sources, so that tests know which comes first.
    let source_id = source.repeat(64 / source.len());
    let clip_id =
        blake3::hash(format!("{source} {start_pts}").as_bytes()).to_hex()[..32].to_owned();
    let mut data = vec![0; frames * 6 * 8 * 3];
    blake3::Hasher::new().update(clip_id.as_bytes()).finalize_xof().fill(&mut data);
    let steps = 0..i64::try_from(frames).unwrap();
    let meta = ClipMeta {
        clip_id,
        source_id,
        source_path: format!("videos/{source}.mp4"),
        split: Split::Train,
        stream: 1,
        start_pts,
        end_pts: start_pts + steps.end,
        time_base: (1, 12_800),
        frame_pts: steps.map(|step| start_pts + step).collect(),
        fps: 10.0,
        source_fps: 29.97,
        width: 8,
        height: 6,
        color_matrix: "bt709".to_owned(),
        color_range: "limited".to_owned(),
        color_transfer: "srgb".to_owned(),
        rotation: 90,
        corrupt_frames: 2,
        actions: Some((0..frames).map(|i| u8::try_from(i % 3).unwrap()).collect()),
        action_names: Some(vec!["stay".to_owned(), "left".to_owned(), "right".to_owned()]),
        effects: None,
        effect_names: None,
        mixed_actions: Some(0.125),
        scores: Scores {
            motion: 0.25,
            letterbox: 0.5,
            fingerprint: vec![1, 2, 3],
            ..Scores::default()
        },
    };
    Clip { meta, frames: Frames { t: frames, height: 6, width: 8, data } }
}

/// Publishes a shard of clips that no manifest names yet.
pub(crate) fn publish(root: &Utf8Path, name: &str, clips: &[Clip]) -> Published {
    let mut writer = ClipShardWriter::create(&root.join("clips"), name).unwrap();
    for clip in clips {
        writer.push(clip).unwrap();
    }
    writer.publish().unwrap()
}
