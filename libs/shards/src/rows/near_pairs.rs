//! Near pairs: two clips of different sources that look the same.
//!
//! Ingest compares no two clips twice: it stores the pairs that it finds, and decides from them
//! which clips are near-duplicates.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array, StringArray, UInt64Array};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::Result,
    files::open::FileKind,
    formats::NEAR_PAIRS_FORMAT,
    manifest::Entry,
    schema::columns::{Columns, NamedColumns},
};

/// A clip of a near pair, with everything that decides which clip of a pair is the better one.
///
/// The order of clips is from the best to the worst: true actions count more than pixels, and
/// pixels more than bytes. The ids and the time break ties.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PairedClip {
    pub clip_id: String,
    pub source_id: String,
    pub start_pts: i64,
    pub has_actions: bool,
    /// Pixels of a frame of the source.
    pub pixels: u64,
    /// Bytes of the source.
    pub bytes: u64,
}

impl PairedClip {
    fn rank(&self) -> impl Ord + '_ {
        let Self { clip_id, source_id, start_pts, has_actions, pixels, bytes } = self;
        (!has_actions, Reverse(*pixels), Reverse(*bytes), source_id, *start_pts, clip_id)
    }
}

impl Ord for PairedClip {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for PairedClip {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Two clips of different sources that look the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NearPair {
    pub worse: PairedClip,
    pub better: PairedClip,
}

/// Writes and publishes near pairs at `root/catalog/pairs-<name>-<hash>.parquet`.
///
/// Commit the entry to the manifest of `root` under [`crate::tables::NEAR_PAIRS`].
///
/// # Errors
/// If there are no pairs, or the file cannot be written.
pub fn write_near_pairs(root: &Utf8Path, name: &str, rows: &[NearPair]) -> Result<Entry> {
    let entry = table::write(&root.join("catalog"), &format!("pairs-{name}"), rows)?;
    Ok(Entry { file: format!("catalog/{}", entry.file), ..entry })
}

/// Reads the near pairs of one published file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn near_pairs_of_file(root: &Utf8Path, entry: &Entry) -> Result<Vec<NearPair>> {
    table::read(root, entry)
}

/// One clip of a pair.
type Side = fn(&NearPair) -> &PairedClip;

/// Names of the columns of one clip of a pair.
struct Names {
    clip_id: &'static str,
    source_id: &'static str,
    start_pts: &'static str,
    has_actions: &'static str,
    pixels: &'static str,
    bytes: &'static str,
}

const WORSE: Names = Names {
    clip_id: "clip_id",
    source_id: "source_id",
    start_pts: "start_pts",
    has_actions: "has_actions",
    pixels: "pixels",
    bytes: "bytes",
};

const BETTER: Names = Names {
    clip_id: "better_clip_id",
    source_id: "better_source_id",
    start_pts: "better_start_pts",
    has_actions: "better_has_actions",
    pixels: "better_pixels",
    bytes: "better_bytes",
};

impl Row for NearPair {
    const KIND: FileKind =
        FileKind { name: "near pairs", format: NEAR_PAIRS_FORMAT, command: "genie-ingest run" };

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let mut columns = NamedColumns::new();
        let sides: [(&Names, Side); 2] =
            [(&WORSE, |pair| &pair.worse), (&BETTER, |pair| &pair.better)];
        for (names, side) in sides {
            let clips = || rows.iter().map(side);
            let texts = |get: fn(&PairedClip) -> &str| -> Arc<dyn Array> {
                Arc::new(StringArray::from_iter_values(clips().map(get)))
            };
            let counts = |get: fn(&PairedClip) -> u64| -> Arc<dyn Array> {
                Arc::new(UInt64Array::from_iter_values(clips().map(get)))
            };
            let starts = Int64Array::from_iter_values(clips().map(|clip| clip.start_pts));
            let actions: BooleanArray = clips().map(|clip| Some(clip.has_actions)).collect();
            columns.push((names.clip_id, texts(|clip| &clip.clip_id), false));
            columns.push((names.source_id, texts(|clip| &clip.source_id), false));
            columns.push((names.start_pts, Arc::new(starts), false));
            columns.push((names.has_actions, Arc::new(actions), false));
            columns.push((names.pixels, counts(|clip| clip.pixels), false));
            columns.push((names.bytes, counts(|clip| clip.bytes), false));
        }
        Ok(columns)
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let pairs = clips(columns, &WORSE)?.into_iter().zip(clips(columns, &BETTER)?);
        Ok(pairs.map(|(worse, better)| Self { worse, better }).collect())
    }
}

fn clips(columns: Columns<'_>, names: &Names) -> Result<Vec<PairedClip>> {
    let clip_id = columns.required::<StringArray>(names.clip_id)?;
    let source_id = columns.required::<StringArray>(names.source_id)?;
    let start_pts = columns.required::<Int64Array>(names.start_pts)?;
    let has_actions = columns.required::<BooleanArray>(names.has_actions)?;
    let pixels = columns.required::<UInt64Array>(names.pixels)?;
    let bytes = columns.required::<UInt64Array>(names.bytes)?;
    let clip = |i| PairedClip {
        clip_id: clip_id.value(i).to_owned(),
        source_id: source_id.value(i).to_owned(),
        start_pts: start_pts.value(i),
        has_actions: has_actions.value(i),
        pixels: pixels.value(i),
        bytes: bytes.value(i),
    };
    Ok((0..columns.rows()).map(clip).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Catches: the clips of a pair change places on disk; a column is mixed up.
    #[test]
    fn pairs_are_read_as_they_were_written() {
        let (_dir, root) = testing::root();
        let clip = |id: &str, bytes| PairedClip {
            clip_id: format!("clip of {id}"),
            source_id: id.to_owned(),
            start_pts: -5,
            has_actions: id == "a",
            pixels: 7,
            bytes,
        };
        let pairs = [("b", "a"), ("c", "a")]
            .map(|(worse, better)| NearPair { worse: clip(worse, 1), better: clip(better, 2) });
        let entry = write_near_pairs(&root, "one", &pairs).unwrap();
        assert_eq!(near_pairs_of_file(&root, &entry).unwrap(), pairs);
    }

    /// Catches: a copy with fewer pixels is better than its original; actions do not count.
    #[test]
    fn the_best_clip_comes_first() {
        let clip = |has_actions, pixels, bytes, source: &str| PairedClip {
            has_actions,
            pixels,
            bytes,
            source_id: source.to_owned(),
            ..PairedClip::default()
        };
        let sorted = [
            clip(true, 1, 1, "d"),
            clip(false, 2, 1, "c"),
            clip(false, 1, 2, "b"),
            clip(false, 1, 1, "a"),
            clip(false, 1, 1, "b"),
        ];
        assert!(sorted.is_sorted());
    }
}
