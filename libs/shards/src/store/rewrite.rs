//! Copies a published shard without some of its clips, or with other splits or source paths.
//!
//! Payloads are copied without decompressing them, so dropping a clip costs reading and writing one
//! shard. The old file stays until `gc` removes it. Readers that have it open can continue.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch, StringArray},
    compute::filter_record_batch,
};
use camino::Utf8Path;
use parquet::{
    arrow::{ArrowWriter, ProjectionMask},
    data_type::ByteArray,
    file::{
        metadata::{ParquetMetaData, RowGroupMetaData},
        statistics::Statistics,
    },
};

use super::{
    shard::Shard,
    writer::{KIND, ROW_GROUP_BYTES, properties},
};
use crate::{
    error::{Error, Result},
    files::{draft::ParquetDraft, open::open_with_schema},
    manifest::Entry,
    rows::table::batches,
    schema::{columns::Columns, split::Split},
};

/// Number of rows per batch: a payload may be large.
const ROWS: usize = 8;

/// The columns of a clip that may change after it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipPlacement {
    pub split: Split,
    /// Path of the clip's source.
    pub source_path: String,
}

/// What becomes of the clips of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceChange {
    /// All of them go.
    Dropped,
    /// Some of them go, by their ids, and the others are placed.
    Changed { dropped: HashSet<String>, placement: ClipPlacement },
}

/// What becomes of the clips of some sources; the key is the source's id.
///
/// Clips of other sources stay as they are.
pub type ShardChanges = BTreeMap<String, SourceChange>;

/// Publishes a copy of a shard with these changes.
///
/// Returns the entry of the copy; commit it in place of the old entry. Returns the old entry if
/// nothing changes, and `None` if no clip remains. A shard of other sources costs reading its
/// footer.
///
/// # Errors
/// If the shard cannot be read or is damaged, or the copy cannot be written.
pub fn rewrite_shard(
    root: &Utf8Path,
    entry: &Entry,
    changes: &ShardChanges,
) -> Result<Option<Entry>> {
    let path = root.join(&entry.file);
    let (file, metadata) = open_with_schema(&path, entry, &KIND)?;
    if !may_contain(metadata.metadata(), changes) || is_same(root, entry, changes)? {
        return Ok(Some(entry.clone()));
    }
    let (dir, name) = (path.parent().unwrap_or(root), stem(&path));
    let batches = batches(&path, file, metadata, ProjectionMask::all(), ROWS)?;
    let mut writer: Option<ArrowWriter<ParquetDraft>> = None;
    let mut rows = 0;
    for batch in batches {
        let batch = chosen(&path, &batch?, changes)?;
        rows += batch.num_rows() as u64;
        // One clip per page, as in [`super::writer`].
        for row in 0..batch.num_rows() {
            let writer = if let Some(writer) = &mut writer {
                writer
            } else {
                let draft = ParquetDraft::create(dir, name)?;
                let started = ArrowWriter::try_new(draft, batch.schema(), Some(properties()));
                writer.insert(started.map_err(Error::parquet(&path))?)
            };
            writer.write(&batch.slice(row, 1)).map_err(Error::parquet(&path))?;
            if writer.in_progress_size() >= ROW_GROUP_BYTES {
                writer.flush().map_err(Error::parquet(&path))?;
            }
        }
    }
    let Some(writer) = writer else { return Ok(None) };
    let copy = writer.into_inner().map_err(Error::parquet(&path))?.publish(rows)?;
    let file = entry
        .file
        .rsplit_once('/')
        .map_or(copy.file.clone(), |(dir, _)| format!("{dir}/{}", copy.file));
    Ok(Some(Entry { file, ..copy }))
}

/// Whether a shard may have a changed source, by the smallest and largest source of a row group.
fn may_contain(metadata: &ParquetMetaData, changes: &ShardChanges) -> bool {
    let columns = metadata.file_metadata().schema_descr().columns();
    let Some(column) = columns.iter().position(|column| column.path().string() == "source_id")
    else {
        return true;
    };
    let range = |group: &RowGroupMetaData| -> Option<(String, String)> {
        let Statistics::ByteArray(found) = group.column(column).statistics()? else { return None };
        let text = |bytes: &ByteArray| bytes.as_utf8().ok().map(str::to_owned);
        Some((text(found.min_opt()?)?, text(found.max_opt()?)?))
    };
    metadata.row_groups().iter().any(|group| {
        range(group).is_none_or(|(first, last)| {
            first > last || changes.range(first..=last).next().is_some()
        })
    })
}

/// The placement of a clip after the changes; `None` if it goes.
fn placed(
    changes: &ShardChanges,
    (source_id, clip_id): (&str, &str),
    now: ClipPlacement,
) -> Option<ClipPlacement> {
    match changes.get(source_id) {
        None => Some(now),
        Some(SourceChange::Dropped) => None,
        Some(SourceChange::Changed { dropped, placement }) => {
            (!dropped.contains(clip_id)).then(|| placement.clone())
        }
    }
}

/// Whether all clips stay where they are; reads no payload.
fn is_same(root: &Utf8Path, entry: &Entry, changes: &ShardChanges) -> Result<bool> {
    let (_, clips) = Shard::open(root, entry)?;
    Ok(clips.into_iter().all(|(clip, _)| {
        let now = ClipPlacement { split: clip.split, source_path: clip.source_path };
        placed(changes, (&clip.source_id, &clip.clip_id), now.clone()) == Some(now)
    }))
}

/// The rows of a batch that remain, with their new placements.
fn chosen(path: &Utf8Path, batch: &RecordBatch, changes: &ShardChanges) -> Result<RecordBatch> {
    let columns = Columns::new(path, batch);
    let texts = |field| columns.required::<StringArray>(field);
    let (clips, sources, paths) = (texts("clip_id")?, texts("source_id")?, texts("source_path")?);
    let place = |(row, split)| {
        let now = ClipPlacement { split, source_path: paths.value(row).to_owned() };
        placed(changes, (sources.value(row), clips.value(row)), now)
    };
    let places: Vec<Option<ClipPlacement>> =
        columns.splits()?.into_iter().enumerate().map(place).collect();
    let texts = |get: fn(&ClipPlacement) -> &str| -> ArrayRef {
        let texts = places.iter().map(|place| Some(place.as_ref().map_or("", get)));
        Arc::new(texts.collect::<StringArray>())
    };
    let schema = batch.schema();
    let column =
        |(field, old): (&Arc<arrow::datatypes::Field>, &ArrayRef)| match field.name().as_str() {
            "split" => texts(|place| place.split.as_str()),
            "source_path" => texts(|place| &place.source_path),
            _ => old.clone(),
        };
    let columns = schema.fields().iter().zip(batch.columns()).map(column).collect();
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(Error::arrow(path))?;
    let stays: BooleanArray = places.iter().map(|place| Some(place.is_some())).collect();
    filter_record_batch(&batch, &stays).map_err(Error::arrow(path))
}

/// Name of a shard without the hash of its content.
fn stem(path: &Utf8Path) -> &str {
    let name = path.file_stem().unwrap_or("shard");
    name.rsplit_once('-').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClipStore, Manifest, tables, testing};

    /// Catches: a clip gets the payload of another clip; a split or path changes in only one place;
    /// an old entry stays beside the new one.
    #[test]
    fn clips_that_stay_are_the_same() {
        let (_dir, root) = testing::root();
        let clips = [("a", 0), ("b", 0), ("b", 9), ("c", 0)]
            .map(|(source, start)| testing::clip(source, start, 5));
        let old = testing::publish(&root, "one-0", &clips).entry;
        let moved = |split, source_path: &str, dropped: &[&str]| SourceChange::Changed {
            dropped: dropped.iter().map(|&id| id.to_owned()).collect(),
            placement: ClipPlacement { split, source_path: source_path.to_owned() },
        };
        let (a, b) = (clips[0].source_id.clone(), clips[1].source_id.clone());
        let changes = ShardChanges::from([
            (a.clone(), SourceChange::Dropped),
            (b.clone(), moved(Split::HeldOut, "moved.mp4", &[&clips[2].clip_id])),
        ]);
        let new = rewrite_shard(&root, &old, &changes).unwrap().unwrap();
        assert!(new.file.starts_with("clips/one-0-") && new.file != old.file);
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, new.clone())).unwrap();
        let store = ClipStore::open(&root, None).unwrap();
        let metas = [0, 1].map(|clip| store.meta(clip).unwrap());
        let placed = metas.each_ref().map(|clip| (clip.split, clip.source_path.as_str()));
        assert_eq!(placed, [(Split::HeldOut, "moved.mp4"), (Split::Train, "videos/c.mp4")]);
        for (index, clip) in [&clips[1], &clips[3]].into_iter().enumerate() {
            let read = store.read(index).unwrap();
            assert_eq!((&read.clip_id, &read.frames), (&clip.clip_id, &clip.frames));
        }

        let all = clips.iter().map(|clip| (clip.source_id.clone(), SourceChange::Dropped));
        assert!(rewrite_shard(&root, &old, &all.collect()).unwrap().is_none());
        let same = ShardChanges::from([
            (a, moved(Split::Train, "videos/a.mp4", &["of no clip"])),
            ("bbb".to_owned(), SourceChange::Dropped),
        ]);
        assert_eq!(rewrite_shard(&root, &old, &same).unwrap(), Some(old), "nothing to do");
    }
}
