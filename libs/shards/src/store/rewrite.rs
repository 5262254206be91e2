//! Copies a published shard without some of its clips, or with other splits or source paths.
//!
//! Payloads are copied without decompressing them, so dropping a clip costs reading and writing one
//! shard. The old file stays until `gc` removes it. Readers that have it open can continue.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch, StringArray},
    compute::filter_record_batch,
};
use camino::Utf8Path;
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{
    shard::Shard,
    writer::{KIND, ROW_GROUP_BYTES, properties},
};
use crate::{
    error::{Error, Result},
    files::{draft::ParquetDraft, open::open_with_schema},
    manifest::Entry,
    schema::{columns::Columns, split::Split},
};

/// Number of rows per batch: a payload may be large.
const ROWS: usize = 8;

/// The columns of a clip that may change after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipPlacement<'a> {
    pub split: Split,
    /// Path of the clip's source.
    pub source_path: &'a str,
}

/// Publishes a copy of a shard with the clips for which `place` returns a placement, placed so.
///
/// Returns the entry of the copy; commit it in place of the old entry. Returns the old entry if
/// nothing changes, and `None` if no clip remains.
///
/// # Errors
/// If the shard cannot be read or is damaged, or the copy cannot be written.
pub fn rewrite_shard<'a>(
    root: &Utf8Path,
    entry: &Entry,
    place: impl Fn(&str) -> Option<ClipPlacement<'a>>,
) -> Result<Option<Entry>> {
    let path = root.join(&entry.file);
    if is_same(root, entry, &place)? {
        return Ok(Some(entry.clone()));
    }
    let (file, metadata) = open_with_schema(&path, entry, &KIND)?;
    let (dir, name) = (path.parent().unwrap_or(root), stem(&path));
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_batch_size(ROWS)
        .build();
    let mut writer: Option<ArrowWriter<ParquetDraft>> = None;
    let mut rows = 0;
    for batch in reader.map_err(Error::parquet(&path))? {
        let batch = chosen(&path, &batch.map_err(Error::arrow(&path))?, &place)?;
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

/// Whether all clips stay where they are; reads no payload.
fn is_same<'a>(
    root: &Utf8Path,
    entry: &Entry,
    place: &impl Fn(&str) -> Option<ClipPlacement<'a>>,
) -> Result<bool> {
    let (_, clips) = Shard::open(root, entry)?;
    Ok(clips.iter().all(|(clip, _)| {
        let same = ClipPlacement { split: clip.split, source_path: &clip.source_path };
        place(&clip.clip_id) == Some(same)
    }))
}

/// The rows of a batch that remain, with their new placements.
fn chosen<'a>(
    path: &Utf8Path,
    batch: &RecordBatch,
    place: &impl Fn(&str) -> Option<ClipPlacement<'a>>,
) -> Result<RecordBatch> {
    let ids = Columns::new(path, batch).required::<StringArray>("clip_id")?;
    let places: Vec<Option<ClipPlacement<'a>>> =
        ids.iter().map(|id| place(id.unwrap_or_default())).collect();
    let texts = |get: fn(&ClipPlacement<'a>) -> &'a str| -> ArrayRef {
        let texts = places.iter().map(|place| Some(place.as_ref().map_or("", get)));
        Arc::new(texts.collect::<StringArray>())
    };
    let schema = batch.schema();
    let column =
        |(field, old): (&Arc<arrow::datatypes::Field>, &ArrayRef)| match field.name().as_str() {
            "split" => texts(|place| place.split.as_str()),
            "source_path" => texts(|place| place.source_path),
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
        let clips = ["a", "b", "c"].map(|source| testing::clip(source, 0, 5));
        let old = testing::publish(&root, "one-0", &clips).entry;
        let placed = |split, source_path| Some(ClipPlacement { split, source_path });
        let place = |id: &str| match id {
            id if id == clips[0].clip_id => None,
            id if id == clips[1].clip_id => placed(Split::HeldOut, "moved.mp4"),
            _ => placed(Split::Train, clips[2].source_path.as_str()),
        };
        let new = rewrite_shard(&root, &old, place).unwrap().unwrap();
        assert!(new.file.starts_with("clips/one-0-") && new.file != old.file);
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, new)).unwrap();
        let store = ClipStore::open(&root, None).unwrap();
        assert_eq!(store.len(), 2);
        for (index, clip) in clips[1..].iter().enumerate() {
            let read = store.read(index).unwrap();
            assert_eq!(read.frames, clip.frames);
            let now = ClipPlacement { split: read.split, source_path: &read.source_path };
            assert_eq!(Some(now), place(&clip.clip_id));
        }
        assert!(rewrite_shard(&root, &old, |_| None).unwrap().is_none());
        let same = |id: &str| {
            let clip = clips.iter().find(|clip| clip.clip_id == id)?;
            placed(clip.split, &clip.source_path)
        };
        assert_eq!(rewrite_shard(&root, &old, same).unwrap(), Some(old), "nothing to do");
    }
}
