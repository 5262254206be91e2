//! Writes one clip shard.
//!
//! The layout serves one access pattern: read the payload of one clip without its neighbours. So
//! the payload column has one clip per page and an offset index. It has no compression, dictionary
//! or statistics: the codec has already compressed it, and a dictionary would contain whole clips.
//! Every writer and some readers buffer a whole row group, so a row group is limited to 8 MiB. This
//! bounds the memory of a run that writes hours of video. The payload hash is a column, because
//! Parquet pages have no checksum here.

use std::sync::Arc;

use arrow::array::{ArrayRef, LargeBinaryArray, StringArray};
use camino::{Utf8Path, Utf8PathBuf};
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};

use crate::{
    codec,
    error::{Error, Result},
    files::{draft::ParquetDraft, open},
    formats::CLIPS_FORMAT,
    manifest::Entry,
    schema::{
        clip::{Clip, ClipMeta},
        clip_columns,
        columns::{NamedColumns, batch},
    },
};

/// Kind of the clip shards.
pub(crate) const KIND: open::FileKind =
    open::FileKind { name: "clips", format: CLIPS_FORMAT, command: "genie-ingest run" };
pub(crate) const PAYLOAD: &str = "payload";
pub(crate) const PAYLOAD_HASH: &str = "payload_blake3";
pub(crate) const CODEC: &str = "codec";
pub(crate) const ROW_GROUP_BYTES: usize = 8 << 20;

/// A clip shard that is being written; it is invisible until published, and dropping it deletes it.
pub struct ClipShardWriter {
    dir: Utf8PathBuf,
    /// Directory and name of the shard, for errors.
    path: Utf8PathBuf,
    writer: ArrowWriter<ParquetDraft>,
    rows: u64,
}

/// A published shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Path of the file.
    pub path: Utf8PathBuf,
    /// Entry to commit to the manifest of the dataset root, under [`crate::tables::CLIPS`].
    pub entry: Entry,
}

impl ClipShardWriter {
    /// Starts a shard `<name>-<hash>.parquet` in `dir`, the `clips` directory of a dataset root.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be created.
    pub fn create(dir: &Utf8Path, name: &str) -> Result<Self> {
        let path = dir.join(name);
        let schema = batch(&path, columns(&ClipMeta::default(), &[]))?.schema();
        let draft = ParquetDraft::create(dir, name)?;
        let writer = ArrowWriter::try_new(draft, schema, Some(properties()))
            .map_err(Error::parquet(&path))?;
        Ok(Self { dir: dir.to_owned(), path, writer, rows: 0 })
    }

    /// Encodes and appends a clip.
    ///
    /// # Errors
    /// If the clip is incomplete (the message names the field), or cannot be encoded or written.
    pub fn push(&mut self, clip: &Clip) -> Result<()> {
        clip.check()?;
        let payload = codec::encode(&clip.frames).map_err(|source| Error::Payload {
            path: self.path.clone(),
            row: usize::try_from(self.rows).unwrap_or(usize::MAX),
            clip_id: clip.clip_id.clone(),
            source,
        })?;
        // Start a new row group before this one gets too large. A larger clip gets a group of its
        // own.
        let buffered = self.writer.in_progress_size();
        if buffered > 0 && buffered + payload.len() > ROW_GROUP_BYTES {
            self.writer.flush().map_err(Error::parquet(&self.path))?;
        }
        let batch = batch(&self.path, columns(&clip.meta, &payload))?;
        self.writer.write(&batch).map_err(Error::parquet(&self.path))?;
        self.rows += 1;
        Ok(())
    }

    /// Number of clips so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Approximate number of bytes so far, to decide when to start another shard.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// Publishes the shard. Readers see it after its entry is committed to the manifest.
    ///
    /// # Errors
    /// If it has no clips, cannot be written, or does not read back correctly.
    pub fn publish(self) -> Result<Published> {
        if self.rows == 0 {
            return Err(Error::Empty { path: self.path });
        }
        let draft = self.writer.into_inner().map_err(Error::parquet(&self.path))?;
        let entry = draft.publish(self.rows)?;
        let path = self.dir.join(&entry.file);
        // Relative to the dataset root, whose manifest names it.
        let file = self
            .dir
            .file_name()
            .map_or_else(|| entry.file.clone(), |dir| format!("{dir}/{}", entry.file));
        Ok(Published { path, entry: Entry { file, ..entry } })
    }
}

/// Columns of one row.
fn columns(meta: &ClipMeta, payload: &[u8]) -> NamedColumns {
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let mut columns = clip_columns::write(&[meta]);
    columns.push((CODEC, text(codec::NAME), false));
    columns.push((PAYLOAD, Arc::new(LargeBinaryArray::from_vec(vec![payload])), false));
    columns.push((PAYLOAD_HASH, text(&blake3::hash(payload).to_hex()), false));
    columns
}

pub(crate) fn properties() -> WriterProperties {
    let payload = || ColumnPath::from(PAYLOAD);
    open::properties(&KIND)
        .set_max_row_group_row_count(None)
        .set_column_compression(payload(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(payload(), false)
        .set_column_statistics_enabled(payload(), EnabledStatistics::None)
        // The writer closes a page that exceeds its limit, and rows are written one by one. So each
        // page has one clip.
        .set_column_data_page_size_limit(payload(), 1)
        .build()
}

#[cfg(test)]
mod tests;
