//! Columns of a record batch: build them, and read them with their types checked.
//!
//! A file may have another version, or another program may have written it. A column that is
//! missing, has another type, or has an unexpected null causes an error that names the file and the
//! column. It never causes a panic or a default value.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, ListBuilder, RecordBatch,
        StringArray, StringBuilder,
    },
    datatypes::{Field, Schema},
};
use camino::Utf8Path;

use super::split::Split;
use crate::error::{Error, Result};

/// Columns in schema order: name, values, and whether nulls are allowed.
pub(crate) type NamedColumns = Vec<(&'static str, ArrayRef, bool)>;

/// Builds a record batch from named columns.
pub(crate) fn batch(path: &Utf8Path, columns: NamedColumns) -> Result<RecordBatch> {
    let field = |(name, array, nullable): &(&str, ArrayRef, bool)| {
        Field::new(*name, array.data_type().clone(), *nullable)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array, _)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(Error::arrow(path))
}

/// Builds a column of number lists; `None` becomes a null.
pub(crate) fn lists<'a, T: ArrowPrimitiveType>(
    lists: impl Iterator<Item = Option<&'a [T::Native]>>,
) -> ArrayRef
where
    T::Native: 'a,
{
    let lists = lists.map(|list| list.map(|list| list.iter().copied().map(Some)));
    Arc::new(ListArray::from_iter_primitive::<T, _, _>(lists))
}

/// Builds a column of string lists; `None` becomes a null.
pub(crate) fn string_lists<'a>(lists: impl Iterator<Item = Option<&'a [String]>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        for name in list.unwrap_or_default() {
            builder.values().append_value(name);
        }
        builder.append(list.is_some());
    }
    Arc::new(builder.finish())
}

/// A record batch and the path of its file.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    path: &'a Utf8Path,
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(path: &'a Utf8Path, batch: &'a RecordBatch) -> Self {
        Self { path, batch }
    }

    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there is a column with this name.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.batch.column_by_name(field).is_some()
    }

    /// Returns a column that may contain nulls.
    pub(crate) fn optional<T: Array + 'static>(&self, field: &str) -> Result<&'a T> {
        let column = self
            .batch
            .column_by_name(field)
            .ok_or_else(|| self.error(field, "is missing".to_owned()))?;
        let typed = column.as_any().downcast_ref::<T>();
        typed.ok_or_else(|| self.error(field, format!("has type {}", column.data_type())))
    }

    /// Returns a column without nulls.
    pub(crate) fn required<T: Array + 'static>(&self, field: &str) -> Result<&'a T> {
        let column = self.optional::<T>(field)?;
        match column.null_count() {
            0 => Ok(column),
            nulls => Err(self.error(field, format!("has {nulls} nulls, but must have none"))),
        }
    }

    /// Parses the column `split`.
    pub(crate) fn splits(&self) -> Result<Vec<Split>> {
        let parse = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            Split::parse(name).ok_or_else(|| {
                self.error("split", format!("`{name}` is neither train nor held_out"))
            })
        };
        self.required::<StringArray>("split")?.iter().map(parse).collect()
    }

    /// Reads a column of number lists; a null becomes `None`.
    pub(crate) fn lists<T: ArrowPrimitiveType>(
        &self,
        field: &str,
    ) -> Result<Vec<Option<Vec<T::Native>>>> {
        let list = |values: Option<ArrayRef>| {
            let Some(values) = values else {
                return Ok(None);
            };
            let numbers = values.as_primitive_opt::<T>();
            let numbers = numbers
                .ok_or_else(|| self.error(field, format!("has lists of {}", values.data_type())))?;
            Ok(Some(numbers.values().to_vec()))
        };
        self.optional::<ListArray>(field)?.iter().map(list).collect()
    }

    /// Reads a column of number lists without nulls.
    pub(crate) fn required_lists<T: ArrowPrimitiveType>(
        &self,
        field: &str,
    ) -> Result<Vec<Vec<T::Native>>> {
        self.required::<ListArray>(field)?;
        Ok(self.lists::<T>(field)?.into_iter().flatten().collect())
    }

    /// Reads a column of string lists; a null becomes `None`.
    pub(crate) fn string_lists(&self, field: &str) -> Result<Vec<Option<Vec<String>>>> {
        let list = |values: Option<ArrayRef>| {
            let Some(values) = values else {
                return Ok(None);
            };
            let names = values.as_any().downcast_ref::<StringArray>();
            let names = names
                .ok_or_else(|| self.error(field, format!("has lists of {}", values.data_type())))?;
            Ok(Some(names.iter().map(|name| name.unwrap_or_default().to_owned()).collect()))
        };
        self.optional::<ListArray>(field)?.iter().map(list).collect()
    }

    pub(crate) fn error(&self, field: &str, problem: String) -> Error {
        Error::Column { path: self.path.to_owned(), field: field.to_owned(), problem }
    }
}
