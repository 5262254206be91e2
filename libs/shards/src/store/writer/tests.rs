//! Tests of the layout of clip shards, and that a shard is complete or absent.

use std::fs::File;

use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    file::metadata::PageIndexPolicy,
};

use super::*;
use crate::{Frames, testing};

/// Catches: a page has several clips (a reader of one must read all), a payload is compressed
/// twice, or the offset index is missing.
#[test]
fn each_payload_has_a_page_of_its_own() {
    let (_dir, root) = testing::root();
    let mut writer = ClipShardWriter::create(&root.join("clips"), "one").unwrap();
    (0..5).for_each(|i| writer.push(&testing::clip("a", i, 3)).unwrap());
    let published = writer.publish().unwrap();
    let file = File::open(&published.path).unwrap();
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = ArrowReaderMetadata::load(&file, options).unwrap().metadata().clone();
    let group = metadata.row_group(0);
    let (index, column) = group
        .columns()
        .iter()
        .enumerate()
        .find(|(_, column)| column.column_path().string() == PAYLOAD)
        .unwrap();
    assert_eq!(column.compression(), Compression::UNCOMPRESSED);
    assert!(column.dictionary_page_offset().is_none() && column.statistics().is_none());
    let pages = metadata.offset_index().unwrap()[0][index].page_locations();
    assert_eq!(pages.iter().map(|page| page.first_row_index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

/// Catches: row groups have gigabytes, and every reader and writer buffers a whole one.
#[test]
fn row_groups_are_cut_by_bytes() {
    let (_dir, root) = testing::root();
    let mut writer = ClipShardWriter::create(&root.join("clips"), "one").unwrap();
    let mut clip = testing::clip("a", 0, 1);
    let mut data = vec![0; 1024 * 1024 * 3];
    blake3::Hasher::new().finalize_xof().fill(&mut data);
    clip.frames = Frames { t: 1, height: 1024, width: 1024, data };
    (clip.meta.height, clip.meta.width) = (1024, 1024);
    (0..8).for_each(|_| writer.push(&clip).unwrap());
    let published = writer.publish().unwrap();
    let file = File::open(&published.path).unwrap();
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
    for group in metadata.metadata().row_groups() {
        assert!(group.total_byte_size() <= 8 << 20, "{}", group.total_byte_size());
    }
    assert_eq!(metadata.metadata().num_row_groups(), 4, "3 MB a clip");
}

/// Catches: a killed or failed run leaves something that looks like a shard.
#[test]
fn an_unpublished_shard_is_nothing() {
    let (_dir, root) = testing::root();
    let clips = root.join("clips");
    let mut writer = ClipShardWriter::create(&clips, "one").unwrap();
    writer.push(&testing::clip("a", 0, 3)).unwrap();
    let visible = || {
        clips
            .read_dir_utf8()
            .unwrap()
            .filter(|item| item.as_ref().unwrap().path().extension() == Some("parquet"))
            .count()
    };
    assert_eq!(visible(), 0);
    drop(writer);
    assert_eq!(clips.read_dir_utf8().unwrap().count(), 0);
    assert!(matches!(
        ClipShardWriter::create(&clips, "two").unwrap().publish(),
        Err(Error::Empty { .. })
    ));
}

/// Catches: a repeated run replaces or duplicates published files.
#[test]
fn the_same_clips_make_the_same_file() {
    let (_dir, root) = testing::root();
    let publish = |frames| {
        let mut writer = ClipShardWriter::create(&root.join("clips"), "one").unwrap();
        writer.push(&testing::clip("a", 0, frames)).unwrap();
        writer.publish().unwrap()
    };
    let first = publish(3);
    assert_eq!(first, publish(3));
    assert_ne!(first.path, publish(4).path);
    assert!(first.entry.file.starts_with("clips/one-"), "{}", first.entry.file);
}

/// Catches: an action list is one entry short, found only when trained labels do not fit.
#[test]
fn rows_that_disagree_with_themselves_are_refused() {
    let (_dir, root) = testing::root();
    let mut writer = ClipShardWriter::create(&root.join("clips"), "one").unwrap();
    let mut clip = testing::clip("a", 0, 3);
    clip.meta.actions = Some(vec![0, 1]);
    let error = writer.push(&clip).unwrap_err();
    assert!(
        error.to_string().contains("actions") && error.to_string().contains(&clip.clip_id),
        "{error}"
    );
    let mut clip = testing::clip("a", 0, 3);
    clip.meta.width = 9;
    assert!(writer.push(&clip).is_err());
    assert!(ClipShardWriter::create(&root, "../out").is_err());
}
