//! Typed columns of a batch that came from disk.
//!
//! A file may be of another version, or another program's: a column that is missing, of another type or null where a
//! value is due is an error that names file and column, never a panic or a default.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, RecordBatch, StringArray,
};
use camino::Utf8Path;

use crate::{
    Split,
    error::{Error, Result},
};

/// A column of lists of numbers, null where there is none.
pub(crate) fn lists<'a, T: ArrowPrimitiveType>(
    lists: impl Iterator<Item = Option<&'a [T::Native]>>,
) -> ArrayRef
where
    T::Native: 'a,
{
    let lists = lists.map(|list| list.map(|list| list.iter().copied().map(Some)));
    Arc::new(ListArray::from_iter_primitive::<T, _, _>(lists))
}

/// A batch and the file it came from.
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

    /// A column that may hold nulls.
    pub(crate) fn optional<T: Array + 'static>(&self, field: &str) -> Result<&'a T> {
        let column = self
            .batch
            .column_by_name(field)
            .ok_or_else(|| self.error(field, "is missing".to_owned()))?;
        let typed = column.as_any().downcast_ref::<T>();
        typed.ok_or_else(|| self.error(field, format!("has type {}", column.data_type())))
    }

    /// A column without nulls.
    pub(crate) fn required<T: Array + 'static>(&self, field: &str) -> Result<&'a T> {
        let column = self.optional::<T>(field)?;
        match column.null_count() {
            0 => Ok(column),
            nulls => Err(self.error(field, format!("{nulls} values are missing"))),
        }
    }

    /// The column `split`, parsed.
    pub(crate) fn splits(&self) -> Result<Vec<Split>> {
        let parse = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            Split::parse(name).ok_or_else(|| {
                self.error("split", format!("`{name}` is neither train nor held_out"))
            })
        };
        self.required::<StringArray>("split")?.iter().map(parse).collect()
    }

    /// Lists of numbers, null where there is none.
    pub(crate) fn lists<T: ArrowPrimitiveType>(
        &self,
        field: &str,
    ) -> Result<Vec<Option<Vec<T::Native>>>> {
        let list = |values: Option<ArrayRef>| {
            let Some(values) = values else {
                return Ok(None);
            };
            let numbers = values.as_primitive_opt::<T>();
            let numbers = numbers.ok_or_else(|| {
                self.error(field, format!("holds lists of {}", values.data_type()))
            })?;
            Ok(Some(numbers.values().to_vec()))
        };
        self.optional::<ListArray>(field)?.iter().map(list).collect()
    }

    /// Lists of numbers in a column without nulls.
    pub(crate) fn required_lists<T: ArrowPrimitiveType>(
        &self,
        field: &str,
    ) -> Result<Vec<Vec<T::Native>>> {
        self.required::<ListArray>(field)?;
        Ok(self.lists::<T>(field)?.into_iter().flatten().collect())
    }

    /// Lists of strings, null where there is none.
    pub(crate) fn string_lists(&self, field: &str) -> Result<Vec<Option<Vec<String>>>> {
        let list = |values: Option<ArrayRef>| {
            let Some(values) = values else {
                return Ok(None);
            };
            let names = values.as_any().downcast_ref::<StringArray>();
            let names = names.ok_or_else(|| {
                self.error(field, format!("holds lists of {}", values.data_type()))
            })?;
            Ok(Some(names.iter().map(|name| name.unwrap_or_default().to_owned()).collect()))
        };
        self.optional::<ListArray>(field)?.iter().map(list).collect()
    }

    pub(crate) fn error(&self, field: &str, problem: String) -> Error {
        Error::Column { path: self.path.to_owned(), field: field.to_owned(), problem }
    }
}
