//! The narrow tables by name: the kind of their files, and which of their columns SQL shows.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use camino::Utf8Path;

use super::{
    actions::ActionRow, clip_rows::ClipRow, labels::LabelRow, measured::MeasuredWindow,
    quality::QualityRow, sources::SourceRow, table::Row, tokens::TokenRow,
};
use crate::{files::open::FileKind, manifest::tables, schema::columns::batch};

/// Schema of a table as SQL shows it; `None` if the table has no such schema.
///
/// It excludes blobs, and columns that only programs need. The table of clips is the clip rows, not
/// the clip shards: it includes rejected clips, and a query never reads a payload.
#[must_use]
pub fn narrow_schema(table: &str) -> Option<SchemaRef> {
    (of(table)?.shown)()
}

/// Kind of the files of a narrow table; `None` if there is no such table.
pub(crate) fn kind(table: &str) -> Option<FileKind> {
    of(table).map(|table| table.kind)
}

/// What is known of a narrow table from its type of row.
struct NarrowTable {
    kind: FileKind,
    /// Computes the schema as SQL shows it.
    shown: fn() -> Option<SchemaRef>,
}

fn of(table: &str) -> Option<NarrowTable> {
    fn shown<R: Row + Default>() -> Option<SchemaRef> {
        let columns = R::columns(&[R::default()]).ok()?;
        let schema = batch(Utf8Path::new(R::KIND.name), columns).ok()?.schema();
        let shown = schema
            .fields()
            .iter()
            .filter(|field| !R::HIDDEN.contains(&field.name().as_str()))
            .cloned();
        Some(Arc::new(Schema::new(shown.collect::<Vec<_>>())))
    }
    fn known<R: Row + Default>() -> NarrowTable {
        NarrowTable { kind: R::KIND, shown: shown::<R> }
    }
    Some(match table {
        tables::SOURCES => known::<SourceRow>(),
        tables::CLIP_ROWS => known::<ClipRow>(),
        tables::LABELS => known::<LabelRow>(),
        tables::QUALITY => known::<QualityRow>(),
        tables::TOKENS => known::<TokenRow>(),
        tables::ACTIONS => known::<ActionRow>(),
        tables::WINDOWS => known::<MeasuredWindow>(),
        _ => return None,
    })
}
