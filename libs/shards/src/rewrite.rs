//! A published shard made anew without some of its clips, or with their split changed.
//!
//! Payloads are copied as they lie, neither decompressed nor compressed, so that dropping a clip costs reading and writing
//! one shard. The old file stays until it is collected: readers that have it open go on.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch, StringArray},
    compute::filter_record_batch,
};
use camino::Utf8Path;
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::{
    CLIPS_FORMAT, Split,
    columns::Columns,
    error::{Error, Result},
    manifest::Entry,
    publish::Draft,
    shard::Shard,
    table,
    writer::{KIND, properties},
};

/// Rows that are copied at once: a payload may be large.
const ROWS: usize = 8;

/// Publishes a copy of the shard `entry` of a dataset root with the clips for which `split` gives one, in that split, and returns its
/// entry, to be committed in place of the old one. `None` where no clip is left; the old entry where nothing changes.
///
/// # Errors
/// When the shard cannot be read or is damaged, or the copy cannot be written.
pub fn rewrite_shard(
    root: &Utf8Path,
    entry: &Entry,
    split: impl Fn(&str) -> Option<Split>,
) -> Result<Option<Entry>> {
    let path = root.join(&entry.file);
    if is_same(root, entry, &split)? {
        return Ok(Some(entry.clone()));
    }
    let (file, metadata) = table::open(&path, entry, KIND, CLIPS_FORMAT)?;
    let (dir, name) = (path.parent().unwrap_or(root), stem(&path));
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_batch_size(ROWS)
        .build();
    let mut writer: Option<ArrowWriter<Draft>> = None;
    let mut rows = 0;
    for batch in reader.map_err(Error::parquet(&path))? {
        let batch = chosen(&path, &batch.map_err(Error::arrow(&path))?, &split)?;
        rows += batch.num_rows() as u64;
        // A clip a page, as the writer has it.
        for row in 0..batch.num_rows() {
            let writer = if let Some(writer) = &mut writer {
                writer
            } else {
                let draft = Draft::create(dir, name)?;
                let begun = ArrowWriter::try_new(draft, batch.schema(), Some(properties()));
                writer.insert(begun.map_err(Error::parquet(&path))?)
            };
            writer.write(&batch.slice(row, 1)).map_err(Error::parquet(&path))?;
            if writer.in_progress_size() >= crate::writer::ROW_GROUP_BYTES {
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

/// Whether all clips of a shard stay, in the splits they are in; reads no payload.
fn is_same(root: &Utf8Path, entry: &Entry, split: &impl Fn(&str) -> Option<Split>) -> Result<bool> {
    let (_, clips) = Shard::open(root, entry)?;
    Ok(clips.iter().all(|(clip, _)| split(&clip.clip_id) == Some(clip.split)))
}

/// The rows of a batch that stay, in their splits.
fn chosen(
    path: &Utf8Path,
    batch: &RecordBatch,
    split: &impl Fn(&str) -> Option<Split>,
) -> Result<RecordBatch> {
    let ids = Columns::new(path, batch).required::<StringArray>("clip_id")?;
    let splits: Vec<Option<Split>> = ids.iter().map(|id| split(id.unwrap_or_default())).collect();
    let names: StringArray =
        splits.iter().map(|split| Some(split.unwrap_or_default().as_str())).collect();
    let schema = batch.schema();
    let column = |(field, old): (&Arc<arrow::datatypes::Field>, &ArrayRef)| -> ArrayRef {
        if field.name() == "split" { Arc::new(names.clone()) } else { old.clone() }
    };
    let columns = schema.fields().iter().zip(batch.columns()).map(column).collect();
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(Error::arrow(path))?;
    let stays: BooleanArray = splits.iter().map(|split| Some(split.is_some())).collect();
    filter_record_batch(&batch, &stays).map_err(Error::arrow(path))
}

/// A shard's name without its content's hash.
fn stem(path: &Utf8Path) -> &str {
    let name = path.file_stem().unwrap_or("shard");
    name.rsplit_once('-').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClipStore, Manifest, tables, testing};

    // Bug: a payload that is not its clip's any more, a split that changes in the narrow columns only, or the old entry
    // staying beside the new one.
    #[test]
    fn clips_that_stay_are_the_same() {
        let (_dir, root) = testing::root();
        let clips = ["a", "b", "c"].map(|source| testing::clip(source, 0, 5));
        let old = testing::publish(&root, "one-0", &clips).entry;
        let split = |id: &str| match id {
            id if id == clips[0].clip_id => None,
            id if id == clips[1].clip_id => Some(Split::HeldOut),
            _ => Some(Split::Train),
        };
        let new = rewrite_shard(&root, &old, split).unwrap().unwrap();
        assert!(new.file.starts_with("clips/one-0-") && new.file != old.file);
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, new)).unwrap();
        let store = ClipStore::open(&root, None).unwrap();
        assert_eq!(store.len(), 2);
        for (index, clip) in clips[1..].iter().enumerate() {
            let read = store.read(index).unwrap();
            assert_eq!(read.frames, clip.frames);
            assert_eq!(read.split, split(&clip.clip_id).unwrap());
        }
        assert!(rewrite_shard(&root, &old, |_| None).unwrap().is_none());
        assert_eq!(
            rewrite_shard(&root, &old, |_| Some(Split::Train)).unwrap(),
            Some(old),
            "nothing to do"
        );
    }
}
