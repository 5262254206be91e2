//! Where the clips of a dataset are, in a few bytes for each clip.

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
    height: u16,
    width: u16,
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
        (self.height.into(), self.width.into())
    }
}

/// The columns by which clips are found and sorted.
const COLUMNS: [&str; 8] =
    ["clip_id", "source_id", "split", "stream", "start_pts", "frames", "width", "height"];

/// A clip with what its order within its source follows from.
struct Sortable {
    /// Bytes in the order of `start_pts`. A number would make the struct four bytes larger.
    start: [u8; 8],
    stream: u32,
    clip: StoredClip,
}

/// The hash of a source. The order of such keys is that of the ids.
type SourceKey = [u8; 32];

/// Finds the clips of a split in shards, sorted by source, then time.
///
/// The same content at two paths is one clip: otherwise training would weigh it twice.
pub(crate) fn find_clips(
    root: &Utf8Path,
    entries: &[Entry],
    split: Option<Split>,
) -> Result<Vec<StoredClip>> {
    // The sources in the order in which they are found. One can be there several times.
    let mut sources: Vec<SourceKey> = Vec::new();
    let mut clips: Vec<Sortable> = Vec::with_capacity(reserved(entries));
    // Some shards at a time, so that the keys of their sources are in memory only for a moment.
    for (number, some) in entries.chunks(64).enumerate() {
        let read: Vec<Vec<(SourceKey, Sortable)>> = some
            .par_iter()
            .enumerate()
            .map(|(place, entry)| read(root, entry, number * 64 + place, split))
            .collect::<Result<_>>()?;
        for (source, mut clip) in read.into_iter().flatten() {
            if sources.last() != Some(&source) {
                sources.push(source);
            }
            clip.clip.source = u32::try_from(sources.len() - 1).unwrap_or(u32::MAX);
            clips.push(clip);
        }
    }
    let ranks = ranks(&sources);
    for Sortable { clip, .. } in &mut clips {
        clip.source = ranks[clip.source as usize];
    }
    clips.sort_unstable_by_key(|Sortable { start, stream, clip }| {
        (clip.source, *start, *stream, clip.key, clip.shard, clip.row)
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
    // The result reuses the memory of the sorted list, so no clip is in memory twice.
    Ok(clips.into_iter().map(|clip| clip.clip).collect())
}

/// For how many clips memory is reserved.
///
/// A list that grows is in memory twice for a moment. Memory that is reserved and not used costs
/// nothing. The row counts may be wrong, so it is at most the memory of 16 million clips.
fn reserved(entries: &[Entry]) -> usize {
    let rows = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.rows));
    usize::try_from(rows.min(1 << 24)).unwrap_or_default()
}

/// The rank of each source among all of them. Equal sources have the same rank.
fn ranks(sources: &[SourceKey]) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..).take(sources.len()).collect();
    sorted.sort_unstable_by_key(|number| sources[*number as usize]);
    let mut ranks = vec![0; sources.len()];
    let same = |a: &u32, b: &u32| sources[*a as usize] == sources[*b as usize];
    for (rank, numbers) in (0..).zip(sorted.chunk_by(same)) {
        for number in numbers {
            ranks[*number as usize] = rank;
        }
    }
    ranks
}

/// The key of a source. An id has 64 hex digits; only tests have others.
fn source_key(source_id: &str) -> SourceKey {
    blake3::Hash::from_hex(source_id).map_or_else(
        |_| {
            let mut key = SourceKey::default();
            key.iter_mut().zip(source_id.bytes()).for_each(|(to, byte)| *to = byte);
            key
        },
        Into::into,
    )
}

/// Reads the clips of one shard, each with its source.
fn read(
    root: &Utf8Path,
    entry: &Entry,
    number: usize,
    split: Option<Split>,
) -> Result<Vec<(SourceKey, Sortable)>> {
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
        let side = |field, pixels: u32| {
            let too_large = |_| columns.error(field, format!("{pixels} pixels are too many"));
            u16::try_from(pixels).map_err(too_large)
        };
        for (i, of) in columns.splits()?.into_iter().enumerate() {
            let bytes = bytes.next().unwrap_or_default();
            if split.is_none_or(|split| of == split) {
                let clip = StoredClip {
                    key: clip_id.value(i).into(),
                    frames: frames.value(i),
                    bytes,
                    height: side("height", height.value(i))?,
                    width: side("width", width.value(i))?,
                    source: 0,
                    shard: u32::try_from(number).unwrap_or(u32::MAX),
                    row,
                };
                // Negative numbers come first.
                let start = (start_pts.value(i) ^ i64::MIN).to_be_bytes();
                let clip = Sortable { start, stream: stream.value(i), clip };
                found.push((source_key(source_id.value(i)), clip));
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

    /// Catches: training needs more memory for each clip of a dataset, all of which are in memory.
    #[test]
    fn a_clip_is_small() {
        assert_eq!((size_of::<StoredClip>(), size_of::<Sortable>()), (40, 52));
    }

    /// Catches: a source that is found twice has two ranks; ranks are not in the order of ids.
    #[test]
    fn sources_are_ranked_by_their_ids() {
        let ids = ["b", "a", "c", "a"].map(|name| name.repeat(64));
        assert_eq!(ranks(&ids.each_ref().map(|id| source_key(id))), [1, 0, 2, 0]);
        assert_eq!(ranks(&["b", "a", "ab"].map(source_key)), [2, 0, 1]);
    }

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
