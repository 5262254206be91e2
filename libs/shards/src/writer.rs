//! Writes one clip shard.
//!
//! The layout serves one access pattern: read one clip's payload without its neighbours. So the payload column has one
//! clip a page, an offset index, and no compression, dictionary or statistics (the codec has compressed it already, and
//! a dictionary would hold whole clips). A row group is buffered whole by every writer and by some readers: it is cut
//! at 8 MiB, which keeps the memory of a run that writes hours of video flat. The payload's hash is a column, because
//! Parquet pages carry no checksum here.

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
    CLIPS_FORMAT, Clip, ClipMeta, clip_columns, codec,
    error::{Error, Result},
    manifest::Entry,
    publish::Draft,
    table::{self, NamedColumns},
};

/// What the file's metadata calls it.
pub(crate) const KIND: &str = "clips";
pub(crate) const PAYLOAD: &str = "payload";
pub(crate) const PAYLOAD_HASH: &str = "payload_blake3";
pub(crate) const CODEC: &str = "codec";
pub(crate) const ROW_GROUP_BYTES: usize = 8 << 20;

/// A clip shard that is being written: invisible until published, and gone when dropped before.
pub struct ClipShardWriter {
    dir: Utf8PathBuf,
    /// For errors: the shard's directory and name.
    path: Utf8PathBuf,
    writer: ArrowWriter<Draft>,
    rows: u64,
}

/// A published shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// What to commit to the manifest of the dataset root, under [`crate::tables::CLIPS`].
    pub entry: Entry,
}

impl ClipShardWriter {
    /// Starts a shard in `dir`, the `clips` directory of a dataset root. It will be `<name>-<hash>.parquet`.
    ///
    /// # Errors
    /// When the directory or a file in it cannot be made.
    pub fn create(dir: &Utf8Path, name: &str) -> Result<Self> {
        let path = dir.join(name);
        let schema = table::batch(&path, columns(&ClipMeta::default(), &[]))?.schema();
        let draft = Draft::create(dir, name)?;
        let writer = ArrowWriter::try_new(draft, schema, Some(properties()))
            .map_err(Error::parquet(&path))?;
        Ok(Self { dir: dir.to_owned(), path, writer, rows: 0 })
    }

    /// Encodes and appends a clip.
    ///
    /// # Errors
    /// When the clip is not whole (its message says which field), or cannot be encoded or written.
    pub fn push(&mut self, clip: &Clip) -> Result<()> {
        clip.check()?;
        let payload = codec::encode(&clip.frames).map_err(|source| Error::Payload {
            path: self.path.clone(),
            row: usize::try_from(self.rows).unwrap_or(usize::MAX),
            clip_id: clip.clip_id.clone(),
            source,
        })?;
        // Cut before, not after, it would be too large; a single larger clip is a row group of its own.
        let buffered = self.writer.in_progress_size();
        if buffered > 0 && buffered + payload.len() > ROW_GROUP_BYTES {
            self.writer.flush().map_err(Error::parquet(&self.path))?;
        }
        let batch = table::batch(&self.path, columns(&clip.meta, &payload))?;
        self.writer.write(&batch).map_err(Error::parquet(&self.path))?;
        self.rows += 1;
        Ok(())
    }

    /// Clips so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes so far, about: to start another shard when this one is large.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// Makes the shard a file that will never change. It is visible once its entry is in the manifest.
    ///
    /// # Errors
    /// When it has no clips, cannot be written, or does not read back.
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

/// One row.
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
    table::properties(KIND, CLIPS_FORMAT)
        .set_max_row_group_row_count(None)
        .set_column_compression(payload(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(payload(), false)
        .set_column_statistics_enabled(payload(), EnabledStatistics::None)
        // A page is closed once it is over its limit, and rows are written one by one: a clip a page.
        .set_column_data_page_size_limit(payload(), 1)
        .build()
}

#[cfg(test)]
mod tests;
