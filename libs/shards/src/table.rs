//! Narrow tables: rows that are written and read whole, one file at a time.
//!
//! Tokens, actions, source rows, clip rows and measured windows all are. A type says by [`Row`] how it becomes columns and back; writing,
//! publishing, versions and checks are the same for all. (Clip shards, whose payloads are large, have a writer and a
//! reader of their own.)

use std::{collections::HashMap, fs::File, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema, SchemaRef},
};
use camino::Utf8Path;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    basic::{Compression, ZstdLevel},
    file::{
        metadata::{KeyValue, PageIndexPolicy},
        properties::{WriterProperties, WriterPropertiesBuilder},
    },
};

use crate::{
    actions::ActionRow,
    clip_rows::ClipRow,
    columns::Columns,
    error::{Error, Result},
    manifest::{Entry, tables},
    measured::MeasuredWindow,
    publish::Draft,
    sources::SourceRow,
    tokens::TokenRow,
};

/// Key of the format version in a file's metadata.
const FORMAT_KEY: &str = "genie.format";

/// Columns in order: name, values, whether nulls may be.
pub(crate) type NamedColumns = Vec<(&'static str, ArrayRef, bool)>;

/// A kind of row that is kept in narrow files.
pub(crate) trait Row: Sized {
    /// What the file holds, as errors and file metadata say it.
    const KIND: &'static str;
    /// Version of its columns.
    const FORMAT: u32;
    /// Columns that SQL does not show.
    const HIDDEN: &'static [&'static str] = &[];

    /// Columns of the rows, which are at least one.
    fn columns(rows: &[Self]) -> Result<NamedColumns>;
    /// The rows of a batch; `path` and `first_row` are for errors.
    fn read(columns: Columns<'_>, path: &Utf8Path, first_row: usize) -> Result<Vec<Self>>;
}

/// A batch of named columns.
pub(crate) fn batch(path: &Utf8Path, columns: NamedColumns) -> Result<RecordBatch> {
    let field = |(name, array, nullable): &(&str, ArrayRef, bool)| {
        Field::new(*name, array.data_type().clone(), *nullable)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array, _)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(Error::arrow(path))
}

/// Properties that all our files share: zstd and the format version.
pub(crate) fn properties(kind: &str, format: u32) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![
            KeyValue::new("genie.table".to_owned(), kind.to_owned()),
            KeyValue::new(FORMAT_KEY.to_owned(), format.to_string()),
        ]))
}

/// Writes rows to a new file `dir/<stem>-<hash>.parquet` and publishes it; naming it in a manifest is the caller's.
pub(crate) fn write<R: Row>(dir: &Utf8Path, stem: &str, rows: &[R]) -> Result<Entry> {
    draft(dir, stem, rows)?.publish(rows.len() as u64)
}

/// The same with a name of its own, `dir/<name>`; what was there is replaced.
pub(crate) fn write_as<R: Row>(dir: &Utf8Path, name: &str, rows: &[R]) -> Result<Entry> {
    draft(dir, name, rows)?.publish_as(|_| name.to_owned(), rows.len() as u64)
}

/// A draft of all rows.
fn draft<R: Row>(dir: &Utf8Path, stem: &str, rows: &[R]) -> Result<Draft> {
    let path = dir.join(stem);
    if rows.is_empty() {
        return Err(Error::Empty { path });
    }
    let batch = batch(&path, R::columns(rows)?)?;
    let properties = properties(R::KIND, R::FORMAT).build();
    let draft = Draft::create(dir, stem)?;
    let mut writer = ArrowWriter::try_new(draft, batch.schema(), Some(properties))
        .map_err(Error::parquet(&path))?;
    writer.write(&batch).map_err(Error::parquet(&path))?;
    writer.into_inner().map_err(Error::parquet(&path))
}

/// Reads a published file: its bytes against the manifest's hash, then its rows.
pub(crate) fn read<R: Row>(dir: &Utf8Path, entry: &Entry) -> Result<Vec<R>> {
    let path = dir.join(&entry.file);
    verify(dir, entry)?;
    let (file, metadata) = open(&path, entry, R::KIND, R::FORMAT)?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).build();
    let mut rows = Vec::new();
    for batch in reader.map_err(Error::parquet(&path))? {
        let batch = batch.map_err(Error::arrow(&path))?;
        let first_row = rows.len();
        rows.extend(R::read(Columns::new(&path, &batch), &path, first_row)?);
    }
    Ok(rows)
}

/// Checks a published file's whole content against its manifest entry.
///
/// # Errors
/// When the file is missing, unreadable, or not the one that was published.
pub fn verify(dir: &Utf8Path, entry: &Entry) -> Result<()> {
    let path = dir.join(&entry.file);
    if genie_durable::hash_file(&path)? == entry.blake3 {
        return Ok(());
    }
    Err(Error::Damaged {
        path,
        problem:
            "its content is not what was published: it is damaged; restore it or make it again"
                .to_owned(),
    })
}

/// Opens a published file: right length, right kind, known version.
pub(crate) fn open(
    path: &Utf8Path,
    entry: &Entry,
    kind: &'static str,
    known: u32,
) -> Result<(File, ArrowReaderMetadata)> {
    let file = File::open(path).map_err(Error::io(path, "open this published file"))?;
    let bytes = file.metadata().map_err(Error::io(path, "read the size"))?.len();
    if bytes != entry.bytes {
        let problem =
            format!("{bytes} bytes, but {} were published: it was cut or replaced", entry.bytes);
        return Err(Error::Damaged { path: path.to_owned(), problem });
    }
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(Error::parquet(path))?;
    let values = metadata.metadata().file_metadata().key_value_metadata();
    let values: HashMap<&str, &str> = values
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
        .collect();
    if values.get("genie.table") != Some(&kind) {
        let problem = format!("not a file of {kind}, by its metadata");
        return Err(Error::Damaged { path: path.to_owned(), problem });
    }
    let format = values.get(FORMAT_KEY).and_then(|format| format.parse::<u64>().ok());
    match format {
        Some(found) if found == u64::from(known) => Ok((file, metadata)),
        Some(found) if found < u64::from(known) => {
            Err(Error::Older { path: path.to_owned(), what: kind, found, known })
        }
        Some(found) => Err(Error::Newer { path: path.to_owned(), what: kind, found, known }),
        None => Err(Error::Damaged {
            path: path.to_owned(),
            problem: "no format version in its metadata".to_owned(),
        }),
    }
}

/// The columns of a table as SQL shows them: everything but blobs and what serves the programs alone. `None` for a table that has none.
///
/// Clip rows stand for clips: they know the rejected ones too, and a query never meets a payload.
#[must_use]
pub fn narrow_schema(table: &str) -> Option<SchemaRef> {
    fn of<R: Row + Default>() -> Option<SchemaRef> {
        let columns = R::columns(&[R::default()]).ok()?;
        let schema = batch(Utf8Path::new(R::KIND), columns).ok()?.schema();
        let shown = schema
            .fields()
            .iter()
            .filter(|field| !R::HIDDEN.contains(&field.name().as_str()))
            .cloned();
        Some(Arc::new(Schema::new(shown.collect::<Vec<_>>())))
    }
    match table {
        tables::SOURCES => of::<SourceRow>(),
        tables::CLIP_ROWS => of::<ClipRow>(),
        tables::TOKENS => of::<TokenRow>(),
        tables::ACTIONS => of::<ActionRow>(),
        tables::WINDOWS => of::<MeasuredWindow>(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
