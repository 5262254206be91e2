//! Tests that training depends on: order, windows, and errors that name the damage.

use std::{
    collections::HashSet,
    fs,
    io::{Seek, SeekFrom, Write},
};

use rayon::prelude::*;

use super::*;
use crate::{Entry, testing};

fn commit(root: &Utf8Path, entries: &[Entry]) {
    Manifest::commit(root, |manifest| {
        for entry in entries {
            manifest.add(tables::CLIPS, entry.clone());
        }
    })
    .unwrap();
}

fn publish(root: &Utf8Path, name: &str, clips: &[Clip]) -> Entry {
    testing::publish(root, name, clips).entry
}

/// Catches: anything is lost or changed on the way to the disk and back.
#[test]
fn clips_come_back_as_they_were() {
    let (_dir, root) = testing::root();
    let mut plain = testing::clip("b", 0, 20);
    plain.meta.actions = None;
    plain.meta.action_names = None;
    let clips = [testing::clip("a", 0, 35), plain];
    commit(&root, &[publish(&root, "one", &clips)]);
    let store = ClipStore::open(&root, None).unwrap();
    assert_eq!(store.len(), 2);
    for (i, clip) in clips.iter().enumerate() {
        assert_eq!(&store.read(i).unwrap(), clip);
    }
    let bytes = clips[0].frames.frame_bytes();
    assert_eq!(store.window(0, 16, 16).unwrap().data, clips[0].frames.data[16 * bytes..32 * bytes]);
    assert!(matches!(store.window(0, 20, 16), Err(Error::Range { .. })));
    assert!(matches!(store.window(9, 0, 1), Err(Error::NoClip { .. })));
}

/// Catches: a clip has wrong frames after others are excluded, or an excluded clip is still found.
#[test]
fn clips_keep_their_frames_when_others_are_excluded() {
    let (_dir, root) = testing::root();
    let clips = [testing::clip("a", 0, 3), testing::clip("b", 0, 4), testing::clip("c", 0, 5)];
    commit(&root, &[publish(&root, "one", &clips)]);
    let left_out = &clips[1].meta.clip_id;
    let left_out_key = ClipKey::from(left_out.as_str());
    let store = ClipStore::open(&root, None).unwrap().only(|clip| clip.key != left_out_key);
    assert_eq!((store.len(), store.position(left_out)), (2, None));
    assert_eq!(store.position(&clips[2].meta.clip_id), Some(1));
    assert_eq!(
        (store.read(0).unwrap(), store.read(1).unwrap()),
        (clips[0].clone(), clips[2].clone())
    );
}

/// Catches: clips are ordered by file, so another number of workers leads to another model.
#[test]
fn order_does_not_depend_on_the_sharding() {
    let clips = [testing::clip("a", 0, 2), testing::clip("a", 100, 2), testing::clip("b", 0, 2)];
    let ids = |shards: &[&[usize]]| {
        let (_dir, root) = testing::root();
        let write = |(i, rows): (usize, &&[usize])| {
            let clips: Vec<Clip> = rows.iter().map(|&row| clips[row].clone()).collect();
            publish(&root, &format!("shard-{i}"), &clips)
        };
        commit(&root, &shards.iter().enumerate().map(write).collect::<Vec<_>>());
        let store = ClipStore::open(&root, None).unwrap();
        (0..store.len()).map(|i| store.meta(i).unwrap().clip_id).collect::<Vec<_>>()
    };
    let one = ids(&[&[0, 1, 2]]);
    assert_eq!(one, ids(&[&[2, 0], &[1]]));
    assert_eq!(one, ids(&[&[1], &[2], &[0]]));
}

/// Catches: readers list the directory, and so see shards of a killed run.
#[test]
fn only_what_the_manifest_names_exists() {
    let (_dir, root) = testing::root();
    assert!(ClipStore::open(&root, None).unwrap().is_empty());
    let named = publish(&root, "named", &[testing::clip("a", 0, 2)]);
    let unnamed = publish(&root, "unnamed", &[testing::clip("b", 0, 2)]);
    commit(&root, &[named]);
    let store = ClipStore::open(&root, None).unwrap();
    assert_eq!(store.len(), 1);
    let found = Manifest::load(&root).unwrap().unnamed(&root, &["clips"]).unwrap();
    assert_eq!(found, [root.join(unnamed.file)]);
}

/// Catches: a model trains on held-out sources.
#[test]
fn a_split_holds_only_its_own_clips() {
    let (_dir, root) = testing::root();
    let mut held_out = testing::clip("b", 0, 2);
    held_out.meta.split = Split::HeldOut;
    commit(&root, &[publish(&root, "one", &[testing::clip("a", 0, 2), held_out.clone()])]);
    let store = ClipStore::open(&root, Split::HeldOut).unwrap();
    assert_eq!((store.len(), store.meta(0).unwrap()), (1, held_out.meta));
    assert_eq!(store.frames(0).unwrap(), held_out.frames);
    assert_eq!(ClipStore::open(&root, Split::Train).unwrap().len(), 1);
}

/// Catches: a clip is published twice and counts twice.
#[test]
fn the_same_clip_in_two_shards_is_one() {
    let (_dir, root) = testing::root();
    let clip = testing::clip("a", 0, 2);
    let other = testing::clip("b", 0, 2);
    commit(
        &root,
        &[
            publish(&root, "one", std::slice::from_ref(&clip)),
            publish(&root, "two", &[clip, other]),
        ],
    );
    let store = ClipStore::open(&root, None).unwrap();
    let ids: HashSet<_> = store.clips().iter().map(|clip| clip.key).collect();
    assert_eq!((store.len(), ids.len()), (2, 2));
    assert!(store.frames(1).is_ok(), "the index still points at the right rows");
}

/// Catches: a flipped bit on the disk is used as pixels in training, or the error does not say
/// where it is.
#[test]
fn a_flipped_bit_is_found_and_named_and_its_neighbours_are_still_read() {
    let (_dir, root) = testing::root();
    let clips = [testing::clip("a", 0, 40), testing::clip("b", 0, 40), testing::clip("c", 0, 40)];
    let entry = publish(&root, "one", &clips);
    let path = root.join(&entry.file);
    commit(&root, &[entry]);

    let payload = codec::encode(&clips[1].frames).unwrap();
    let bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(payload.len())
        .position(|window| window == payload)
        .expect("payloads lie there as they are");
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start((at + payload.len() / 2) as u64)).unwrap();
    file.write_all(&[bytes[at + payload.len() / 2] ^ 1]).unwrap();

    let store = ClipStore::open(&root, None).unwrap();
    let error = store.window(1, 0, 16).unwrap_err();
    assert!(
        matches!(&error, Error::Hash { row: 1, clip_id, .. } if *clip_id == clips[1].clip_id),
        "{error}"
    );
    assert!(error.to_string().contains(path.as_str()), "{error}");
    assert!(store.frames(0).is_ok() && store.frames(2).is_ok());
}

/// Catches: the read of a row also reads its neighbours. The test destroys their pages, with the
/// headers.
#[test]
fn a_row_is_read_without_its_neighbours() {
    let (_dir, root) = testing::root();
    let clips: Vec<Clip> = (0..6).map(|i| testing::clip("a", i * 100, 40)).collect();
    let entry = publish(&root, "one", &clips);
    let path = root.join(&entry.file);
    commit(&root, &[entry]);
    let payloads: Vec<Vec<u8>> =
        clips.iter().map(|clip| codec::encode(&clip.frames).unwrap()).collect();
    let mut bytes = fs::read(&path).unwrap();
    let place = |bytes: &[u8], payload: &[u8]| {
        bytes.windows(payload.len()).position(|window| window == payload).unwrap()
    };
    let (first, wanted) = (place(&bytes, &payloads[0]), place(&bytes, &payloads[3]));
    // A page header and the length of the value (4 bytes) precede each payload: spare those of row
    // 3.
    bytes[first..wanted - 64].fill(0xff);
    let after = wanted + payloads[3].len();
    let end = place(&bytes, &payloads[5]) + payloads[5].len();
    bytes[after..end].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let store = ClipStore::open(&root, None).unwrap();
    assert_eq!(store.frames(3).unwrap(), clips[3].frames);
    assert!(store.frames(2).is_err() && store.frames(4).is_err());
}

/// Catches: only one thread can use the store, or a lock is held during a read.
#[test]
fn many_threads_read_at_once_with_a_cache_too_small_for_all() {
    let (_dir, root) = testing::root();
    let clips: Vec<Clip> = (0..8).map(|i| testing::clip("a", i * 100, 20)).collect();
    commit(&root, &[publish(&root, "one", &clips)]);
    let store = ClipStore::open(&root, None).unwrap().with_cache_bytes(2000);
    (0..64_usize)
        .into_par_iter()
        .for_each(|i| assert_eq!(store.frames(i % 8).unwrap(), clips[i % 8].frames));
}

/// Catches: half of a shard is read although it was cut off or replaced after publishing.
#[test]
fn a_file_that_is_not_the_published_one_is_refused() {
    let (_dir, root) = testing::root();
    let entry = publish(&root, "one", &[testing::clip("a", 0, 2)]);
    let path = root.join(&entry.file);
    commit(&root, std::slice::from_ref(&entry));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(ClipStore::open(&root, None), Err(Error::Damaged { .. })));
    fs::remove_file(&path).unwrap();
    let Err(error) = ClipStore::open(&root, None) else { panic!("opened without its shard") };
    assert!(error.to_string().contains(path.as_str()), "{error}");
}

/// Catches: the metadata of some clips are those of others, in another order, or lack a clip; too
/// many shards are open.
#[test]
fn metadata_are_read_for_the_clips_that_are_asked_for() {
    let (_dir, root) = testing::root();
    let clips: Vec<Clip> = (0..200).map(|i| testing::clip("a", i * 100, 2)).collect();
    let entry = |(i, clips): (usize, &[Clip])| publish(&root, &format!("shard-{i}"), clips);
    commit(&root, &clips.chunks(2).enumerate().map(entry).collect::<Vec<_>>());
    let store = ClipStore::open(&root, None).unwrap();
    let wanted = [150, 3, 2, 199, 0, 3];
    let mut found = Vec::new();
    store.visit_metas(&wanted, |i, meta| found.push((i, meta.clip_id))).unwrap();
    found.sort();
    let expected = [0, 2, 3, 150, 199].map(|i| (i, clips[i].clip_id.clone()));
    assert_eq!(found, expected);
    for i in (0..200).rev() {
        assert_eq!(store.meta(i).unwrap(), clips[i].meta);
        assert_eq!(store.position(&clips[i].clip_id), Some(i));
        assert_eq!(store.clips()[i].size(), (6, 8));
    }
    assert!(store.meta(200).is_err());
}
