//! Reads one published clip shard.

use std::{fs::File, sync::Arc};

use arrow::array::{BinaryArray, RecordBatch, StringArray};
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
    files::open::{open, open_parts},
    manifest::Entry,
    schema::{clip::ClipMeta, clip_columns, clip_key::ClipKey, columns::Columns},
};

/// Number of rows that are read at once when all are read.
const ROWS: usize = 1024;

/// Path of a shard, and its footer with the page index, so that both are read only once.
pub(crate) struct Shard {
    pub(crate) path: Utf8PathBuf,
    entry: Entry,
    metadata: ArrowReaderMetadata,
}

impl Shard {
    /// Opens a shard; reads only its footer.
    pub(crate) fn footer(root: &Utf8Path, entry: &Entry) -> Result<Self> {
        let path = root.join(&entry.file);
        let (_, metadata) = open(&path, entry, &KIND)?;
        Ok(Self { path, entry: entry.clone(), metadata })
    }

    /// Does the same as [`Self::footer`]; a shard in a store is not copied for it.
    pub(crate) fn index(root: &Utf8Path, entry: &Entry) -> Result<Self> {
        let path = root.join(&entry.file);
        let (_, metadata) = open_parts(&path, entry, &KIND)?;
        Ok(Self { path, entry: entry.clone(), metadata })
    }

    /// Opens a shard and reads everything except the payloads: clips with their payload hashes.
    pub(crate) fn open(root: &Utf8Path, entry: &Entry) -> Result<(Self, Vec<(ClipMeta, String)>)> {
        let shard = Self::footer(root, entry)?;
        let rows = usize::try_from(entry.rows).unwrap_or(usize::MAX);
        // Some rows at a time, because the number of rows may be wrong.
        let mut clips = Vec::new();
        for first in (0..rows).step_by(ROWS) {
            let some: Vec<usize> = (first..rows.min(first.saturating_add(ROWS))).collect();
            clips.extend(shard.clips(&some)?);
        }
        Ok((shard, clips))
    }

    /// The size of each row's payload in bytes, from the page index: each page has one payload.
    pub(crate) fn payload_bytes(&self) -> Result<Vec<u32>> {
        let metadata = self.metadata.metadata();
        let columns = metadata.file_metadata().schema_descr().columns();
        let column = columns.iter().position(|column| column.path().string() == PAYLOAD);
        let missing = || Error::Damaged {
            path: self.path.clone(),
            problem: "has no index of its payloads; restore it".to_owned(),
        };
        let (column, index) = column.zip(metadata.offset_index()).ok_or_else(missing)?;
        let mut bytes = Vec::new();
        for (group, index) in metadata.row_groups().iter().zip(index) {
            let pages = index.get(column).ok_or_else(missing)?.page_locations();
            if i64::try_from(pages.len()) != Ok(group.num_rows()) {
                return Err(missing());
            }
            let sizes = pages.iter().map(|page| u32::try_from(page.compressed_page_size));
            bytes.extend(sizes.collect::<Result<Vec<_>, _>>().map_err(|_| missing())?);
        }
        Ok(bytes)
    }

    /// Reads the payload of a row, unchanged.
    pub(crate) fn payload(&self, row: usize) -> Result<Arc<[u8]>> {
        let one = self.row(row, |name| name == PAYLOAD)?;
        Ok(Columns::new(&self.path, &one).required::<BinaryArray>(PAYLOAD)?.value(0).into())
    }

    /// Reads the payload of a row, and checks it against the hash beside it.
    ///
    /// `clip` is the clip that the row has.
    pub(crate) fn checked_payload(&self, row: usize, clip: ClipKey) -> Result<Arc<[u8]>> {
        const COLUMNS: [&str; 4] = ["clip_id", CODEC, PAYLOAD, PAYLOAD_HASH];
        let one = self.row(row, |name| COLUMNS.contains(&name))?;
        let columns = Columns::new(&self.path, &one);
        check_codec(columns)?;
        let clip_id = columns.required::<StringArray>("clip_id")?.value(0);
        let payload = columns.required::<BinaryArray>(PAYLOAD)?.value(0);
        let hash = columns.required::<StringArray>(PAYLOAD_HASH)?.value(0);
        if ClipKey::from(clip_id) == clip && blake3::hash(payload).to_hex().as_str() == hash {
            return Ok(payload.into());
        }
        let (path, clip_id) = (self.path.clone(), clip_id.to_owned());
        Err(Error::Hash { path, row, clip_id, what: "payload" })
    }

    /// Reads the clips of some rows in ascending order, with their payload hashes.
    pub(crate) fn clips(&self, rows: &[usize]) -> Result<Vec<(ClipMeta, String)>> {
        let mut clips = Vec::with_capacity(rows.len());
        self.visit(
            rows,
            |name| name != PAYLOAD,
            |columns| {
                check_codec(columns)?;
                let hashes = columns.required::<StringArray>(PAYLOAD_HASH)?;
                let metas = clip_columns::read(columns)?.into_iter().enumerate();
                clips.extend(metas.map(|(i, meta)| (meta, hashes.value(i).to_owned())));
                Ok(())
            },
        )?;
        Ok(clips)
    }

    /// Calls `visit` for some columns of some rows in ascending order, in batches.
    pub(crate) fn visit(
        &self,
        rows: &[usize],
        wanted: impl Fn(&str) -> bool,
        mut visit: impl FnMut(Columns<'_>) -> Result<()>,
    ) -> Result<()> {
        let path = &self.path;
        let mut selectors = Vec::new();
        let mut next = 0;
        for run in rows.chunk_by(|row, after| row + 1 == *after) {
            selectors.extend([RowSelector::skip(run[0] - next), RowSelector::select(run.len())]);
            next = run[0] + run.len();
        }
        let file = self.file()?;
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(self.mask(wanted))
                .with_row_selection(RowSelection::from(selectors))
                .build();
        let mut found = 0;
        for batch in reader.map_err(Error::parquet(path))? {
            let batch = batch.map_err(Error::arrow(path))?;
            found += batch.num_rows();
            visit(Columns::new(path, &batch))?;
        }
        if found == rows.len() { Ok(()) } else { Err(self.no_row(next.saturating_sub(1))) }
    }

    /// Reads some columns of one row. No page of another row group is touched.
    fn row(&self, row: usize, wanted: impl Fn(&str) -> bool) -> Result<RecordBatch> {
        let path = &self.path;
        let (row_group, row_in_group) = self.locate(row)?;
        let file = self.file()?;
        let one = RowSelection::from(vec![RowSelector::skip(row_in_group), RowSelector::select(1)]);
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(self.mask(wanted))
                .with_row_groups(vec![row_group])
                .with_row_selection(one)
                .with_batch_size(1)
                .build();
        let batch =
            reader.map_err(Error::parquet(path))?.next().transpose().map_err(Error::arrow(path))?;
        batch.filter(|batch| batch.num_rows() == 1).ok_or_else(|| self.no_row(row))
    }

    /// Opens the file, of which a store may have the only copy by now.
    fn file(&self) -> Result<File> {
        Ok(genie_store::open(&self.path, self.entry.bytes, &self.entry.blake3)?)
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

/// Refuses payloads of another codec.
fn check_codec(columns: Columns<'_>) -> Result<()> {
    let codecs = columns.required::<StringArray>(CODEC)?;
    match codecs.iter().flatten().find(|&name| name != codec::NAME) {
        None => Ok(()),
        Some(other) => {
            let known = codec::NAME;
            let problem = format!("`{other}` is unknown; this program reads only `{known}`");
            Err(columns.error(CODEC, problem))
        }
    }
}
