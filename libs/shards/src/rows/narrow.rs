//! Which columns of each table SQL shows.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use camino::Utf8Path;

use super::{
    actions::ActionRow, clip_rows::ClipRow, measured::MeasuredWindow, sources::SourceRow,
    table::Row, tokens::TokenRow,
};
use crate::{manifest::tables, schema::columns::batch};

/// Schema of a table as SQL shows it; `None` if the table has no such schema.
///
/// It excludes blobs, and columns that only programs need. The table of clips is the clip rows, not
/// the clip shards: it includes rejected clips, and a query never reads a payload.
#[must_use]
pub fn narrow_schema(table: &str) -> Option<SchemaRef> {
    fn of<R: Row + Default>() -> Option<SchemaRef> {
        let columns = R::columns(&[R::default()]).ok()?;
        let schema = batch(Utf8Path::new(R::KIND.name), columns).ok()?.schema();
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
