//! Reads one published clip shard.

use std::{fs::File, sync::Arc};

use arrow::array::{LargeBinaryArray, StringArray};
use camino::{Utf8Path, Utf8PathBuf};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{
        ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
    },
};

use super::writer::{CODEC, KIND, PAYLOAD, PAYLOAD_HASH};
use crate::{
    codec,
    error::{Error, Result},
    files::open::open,
    manifest::Entry,
    schema::{clip::ClipMeta, clip_columns, columns::Columns},
};

/// Path of a shard, and its footer with the page index, so that both are read only once.
pub(crate) struct Shard {
    pub(crate) path: Utf8PathBuf,
    metadata: ArrowReaderMetadata,
}

impl Shard {
    /// Opens a shard and reads everything except the payloads: clips with their payload hashes.
    pub(crate) fn open(root: &Utf8Path, entry: &Entry) -> Result<(Self, Vec<(ClipMeta, String)>)> {
        let path = root.join(&entry.file);
        let (file, metadata) = open(&path, entry, &KIND)?;
        let shard = Self { path, metadata };
        let clips = shard.clips(file)?;
        if clips.len() as u64 == entry.rows {
            return Ok((shard, clips));
        }
        let problem = format!("has {} rows, but {} were published", clips.len(), entry.rows);
        Err(Error::Damaged { path: shard.path, problem })
    }

    /// Reads the payload of a row, unchanged.
    pub(crate) fn payload(&self, row: usize) -> Result<Arc<[u8]>> {
        let path = &self.path;
        let (row_group, row_in_group) = self.locate(row)?;
        let file = File::open(path).map_err(Error::io(path, "open the published file"))?;
        let one = RowSelection::from(vec![RowSelector::skip(row_in_group), RowSelector::select(1)]);
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(self.mask(|name| name == PAYLOAD))
                .with_row_groups(vec![row_group])
                .with_row_selection(one)
                .with_batch_size(1)
                .build();
        let batch =
            reader.map_err(Error::parquet(path))?.next().transpose().map_err(Error::arrow(path))?;
        let batch = batch.filter(|batch| batch.num_rows() == 1).ok_or_else(|| self.no_row(row))?;
        Ok(Columns::new(path, &batch).required::<LargeBinaryArray>(PAYLOAD)?.value(0).into())
    }

    fn clips(&self, file: File) -> Result<Vec<(ClipMeta, String)>> {
        let path = &self.path;
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(self.mask(|name| name != PAYLOAD))
                .build();
        let mut clips = Vec::new();
        for batch in reader.map_err(Error::parquet(path))? {
            let batch = batch.map_err(Error::arrow(path))?;
            let columns = Columns::new(path, &batch);
            let codecs = columns.required::<StringArray>(CODEC)?;
            if let Some(other) = codecs.iter().flatten().find(|&name| name != codec::NAME) {
                return Err(columns.error(
                    CODEC,
                    format!("`{other}` is unknown; this program reads only `{}`", codec::NAME),
                ));
            }
            let hashes = columns.required::<StringArray>(PAYLOAD_HASH)?;
            let metas = clip_columns::read(columns)?.into_iter().enumerate();
            clips.extend(metas.map(|(i, meta)| (meta, hashes.value(i).to_owned())));
        }
        Ok(clips)
    }

    /// Selects the top-level columns whose names are wanted.
    fn mask(&self, wanted: impl Fn(&str) -> bool) -> ProjectionMask {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let roots = fields.filter(|(_, field)| wanted(field.name())).map(|(i, _)| i);
        ProjectionMask::roots(self.metadata.parquet_schema(), roots)
    }

    /// Returns the row group of a row, and the row's position in it.
    fn locate(&self, row: usize) -> Result<(usize, usize)> {
        let mut first = 0;
        for (number, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let rows = usize::try_from(group.num_rows()).map_err(|_| self.no_row(row))?;
            if row < first + rows {
                return Ok((number, row - first));
            }
            first += rows;
        }
        Err(self.no_row(row))
    }

    fn no_row(&self, row: usize) -> Error {
        Error::Damaged { path: self.path.clone(), problem: format!("has no row {row}") }
    }
}
