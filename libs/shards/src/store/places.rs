//! Where the clips of a dataset are, in a few bytes for each clip.

use std::collections::BTreeMap;

use arrow::array::{Int64Array, StringArray, UInt32Array};
use camino::Utf8Path;
use rayon::prelude::*;

use super::shard::Shard;
use crate::{
    error::Result,
    manifest::{Entry, tables},
    rows::stream::{explained, visit_columns},
    schema::{clip_key::ClipKey, split::Split},
};

/// A clip of a store, without its metadata and frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredClip {
    pub key: ClipKey,
    /// Number of frames.
    pub frames: u32,
    /// Size of the compressed frames in bytes.
    pub bytes: u32,
    /// Height and width of the frames in pixels.
    pub height: u32,
    pub width: u32,
    /// Number of the source: equal for clips of one source, ascending in the store's order.
    pub source: u32,
    /// Number of the shard in the store.
    pub(super) shard: u32,
    pub(super) row: u32,
}

impl StoredClip {
    /// Number of frames.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        self.frames as usize
    }

    /// Height and width of the frames in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.height as usize, self.width as usize)
    }
}

/// The columns by which clips are found and sorted.
const COLUMNS: [&str; 8] =
    ["clip_id", "source_id", "split", "stream", "start_pts", "frames", "width", "height"];

/// A clip with what its order follows from.
struct Sortable {
    start_pts: i64,
    stream: u32,
    clip: StoredClip,
}

/// Finds the clips of a split in shards, sorted by source, then time.
///
/// The same content at two paths is one clip: otherwise training would weigh it twice.
pub(crate) fn find_clips(
    root: &Utf8Path,
    entries: &[Entry],
    split: Option<Split>,
) -> Result<Vec<StoredClip>> {
    let mut sources: BTreeMap<String, u32> = BTreeMap::new();
    // The row counts of the entries may be wrong, so they do not decide how much is allocated.
    let mut clips: Vec<Sortable> = Vec::new();
    // Some shards at a time, so that the names of their sources are in memory only for a moment.
    for (number, some) in entries.chunks(64).enumerate() {
        let read: Vec<Vec<(String, Sortable)>> = some
            .par_iter()
            .enumerate()
            .map(|(place, entry)| read(root, entry, number * 64 + place, split))
            .collect::<Result<_>>()?;
        clips.reserve(read.iter().map(Vec::len).sum());
        for (source, mut clip) in read.into_iter().flatten() {
            let next = u32::try_from(sources.len()).unwrap_or(u32::MAX);
            clip.clip.source = *sources.entry(source).or_insert(next);
            clips.push(clip);
        }
    }
    let mut ranks = vec![0; sources.len()];
    for (rank, number) in (0..).zip(sources.into_values()) {
        ranks[number as usize] = rank;
    }
    for Sortable { clip, .. } in &mut clips {
        clip.source = ranks[clip.source as usize];
    }
    clips.sort_unstable_by_key(|Sortable { start_pts, stream, clip }| {
        (clip.source, *start_pts, *stream, clip.key, clip.shard, clip.row)
    });
    clips.dedup_by(|later, first| {
        let same = later.clip.key == first.clip.key;
        if same {
            let file = &entries[later.clip.shard as usize].file;
            tracing::warn!(
                "row {} of {file} is published twice; the second copy is ignored",
                later.clip.row
            );
        }
        same
    });
    Ok(clips.into_iter().map(|clip| clip.clip).collect())
}

/// Reads the clips of one shard, each with its source.
fn read(
    root: &Utf8Path,
    entry: &Entry,
    number: usize,
    split: Option<Split>,
) -> Result<Vec<(String, Sortable)>> {
    let bytes = Shard::index(root, entry).and_then(|shard| shard.payload_bytes());
    let mut bytes = explained(root, entry, bytes)?.into_iter();
    let (mut found, mut row) = (Vec::new(), 0);
    visit_columns(root, tables::CLIPS, entry, &COLUMNS, |columns| {
        let (clip_id, source_id) = (
            columns.required::<StringArray>("clip_id")?,
            columns.required::<StringArray>("source_id")?,
        );
        let u32s = |field| columns.required::<UInt32Array>(field);
        let (stream, frames) = (u32s("stream")?, u32s("frames")?);
        let (width, height) = (u32s("width")?, u32s("height")?);
        let start_pts = columns.required::<Int64Array>("start_pts")?;
        for (i, of) in columns.splits()?.into_iter().enumerate() {
            let bytes = bytes.next().unwrap_or_default();
            if split.is_none_or(|split| of == split) {
                let clip = StoredClip {
                    key: clip_id.value(i).into(),
                    frames: frames.value(i),
                    bytes,
                    height: height.value(i),
                    width: width.value(i),
                    source: 0,
                    shard: u32::try_from(number).unwrap_or(u32::MAX),
                    row,
                };
                let (start_pts, stream) = (start_pts.value(i), stream.value(i));
                let clip = Sortable { start_pts, stream, clip };
                found.push((source_id.value(i).to_owned(), clip));
            }
            row += 1;
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, testing};

    /// Catches: a row count in the manifest that no file can have makes the program panic.
    #[test]
    fn a_wrong_row_count_is_an_error() {
        let (_dir, root) = testing::root();
        let mut entry = testing::publish(&root, "one", &[testing::clip("a", 0, 2)]).entry;
        assert_eq!(find_clips(&root, std::slice::from_ref(&entry), None).unwrap().len(), 1);
        for rows in [2, 1 << 60, u64::MAX] {
            entry.rows = rows;
            let found = find_clips(&root, &[entry.clone(), entry.clone()], None);
            assert!(matches!(found, Err(Error::Damaged { .. })), "{rows}: {found:?}");
        }
    }
}
