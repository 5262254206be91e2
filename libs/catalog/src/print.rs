//! Prints rows for people or programs: a table, CSV or JSON.

use std::{
    io::{self, IsTerminal as _, Write},
    str::FromStr,
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, StringArray},
    csv,
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
    json::{WriterBuilder, writer::JsonArray},
    record_batch::RecordBatch,
    util::{
        display::{ArrayFormatter, FormatOptions},
        pretty::pretty_format_batches,
    },
};

use crate::error::{Error, Result};

/// Output format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Table,
    Csv,
    /// One array of objects that includes nulls.
    Json,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            other => Err(Error::Format(other.to_owned())),
        }
    }
}

/// Prints rows to stdout. A reader that closes the pipe (`… | head`) is not an error.
///
/// On a terminal, control characters are escaped, because file names of strangers may contain
/// commands for it.
///
/// # Errors
/// If a value has no representation in this format, or stdout cannot be written.
pub fn print(batches: &[RecordBatch], format: Format) -> Result<()> {
    let mut text = render(batches, format)?;
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        text = escaped(&text, |c| c != '\n');
    }
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Stdout(error)),
        _ => Ok(()),
    }
}

/// Formats rows as text that ends in a newline. In a table, control characters are escaped.
///
/// # Errors
/// If a value has no representation in this format.
pub fn render(batches: &[RecordBatch], format: Format) -> Result<String> {
    let bytes = match format {
        Format::Table => return table(batches),
        Format::Csv => csv(batches)?,
        Format::Json => json(batches)?,
    };
    String::from_utf8(bytes)
        .map_err(|error| Error::Print(ArrowError::ExternalError(Box::new(error))))
}

fn table(batches: &[RecordBatch]) -> Result<String> {
    let visible = |text: String| escaped(&text, |_| true);
    let texts = batches.iter().map(|batch| as_text(batch, |_| true, visible));
    let texts: Vec<RecordBatch> = texts.collect::<Result<_, _>>()?;
    Ok(format!("{}\n", pretty_format_batches(&texts)?))
}

fn csv(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = csv::Writer::new(Vec::new());
    for batch in batches {
        // CSV has no lists, and a query must not fail because of that.
        writer.write(&as_text(batch, DataType::is_nested, |text| text)?)?;
    }
    Ok(writer.into_inner())
}

fn json(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

/// Replaces control characters, and characters that change the direction of writing, by escapes.
fn escaped(text: &str, which: fn(char) -> bool) -> String {
    let acts =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if acts(c) && which(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Converts the columns of some types to text, and changes each text.
fn as_text(
    batch: &RecordBatch,
    converts: fn(&DataType) -> bool,
    change: fn(String) -> String,
) -> Result<RecordBatch, ArrowError> {
    let options = FormatOptions::default();
    let flatten =
        |(field, array): (&Arc<Field>, &ArrayRef)| -> Result<(Field, ArrayRef), ArrowError> {
            if !converts(array.data_type()) {
                return Ok((field.as_ref().clone(), array.clone()));
            }
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
            let value = |row| array.is_valid(row).then(|| change(formatter.value(row).to_string()));
            let text: StringArray = (0..array.len()).map(value).collect();
            Ok((Field::new(field.name(), text.data_type().clone(), true), Arc::new(text)))
        };
    let schema = batch.schema();
    let columns: Vec<_> =
        schema.fields().iter().zip(batch.columns()).map(flatten).collect::<Result<_, _>>()?;
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{Int32Array, ListArray},
        datatypes::Int32Type,
    };

    use super::*;

    fn batch() -> RecordBatch {
        let lists =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), Some(2)]), None]);
        let numbers = Int32Array::from(vec![Some(7), None]);
        RecordBatch::try_from_iter([
            ("n", Arc::new(numbers) as ArrayRef),
            ("list", Arc::new(lists) as ArrayRef),
        ])
        .unwrap()
    }

    /// Catches: CSV output fails for list columns, so that a query works in one format and fails in
    /// another.
    #[test]
    fn csv_writes_lists_as_text() {
        assert_eq!(render(&[batch()], Format::Csv).unwrap(), "n,list\n7,\"[1, 2]\"\n,\n");
    }

    /// Catches: a file name moves the cursor or changes colours of the terminal, breaks a table, or
    /// is changed in data for programs.
    #[test]
    fn control_characters_are_escaped() {
        let names = StringArray::from(vec!["a\u{1b}[2J\nb\u{202e}\u{9b}é.mp4"]);
        let batch = RecordBatch::try_from_iter([("name", Arc::new(names) as ArrayRef)]).unwrap();
        let table = render(std::slice::from_ref(&batch), Format::Table).unwrap();
        assert!(table.contains(r"| a\u{1b}[2J\nb\u{202e}\u{9b}é.mp4 |"), "{table}");
        let csv = render(&[batch], Format::Csv).unwrap();
        assert!(csv.contains("a\u{1b}[2J\nb"), "{csv:?}");
        assert_eq!(escaped(&csv, |c| c != '\n').matches('\n').count(), 3);
        assert!(!escaped(&csv, |c| c != '\n').contains('\u{1b}'));
    }

    /// Catches: nulls are omitted, so the first object does not have all keys.
    #[test]
    fn json_has_every_key() {
        assert_eq!(
            render(&[batch()], Format::Json).unwrap(),
            "[{\"n\":7,\"list\":[1,2]},{\"n\":null,\"list\":null}]\n"
        );
    }

    /// Catches: a result without rows prints as nothing, or as invalid JSON.
    #[test]
    fn no_rows_still_have_columns() {
        let empty = batch().slice(0, 0);
        assert_eq!(render(std::slice::from_ref(&empty), Format::Csv).unwrap(), "n,list\n");
        assert_eq!(render(std::slice::from_ref(&empty), Format::Json).unwrap(), "[]\n");
        assert!(render(&[empty], Format::Table).unwrap().contains("| n |"));
    }

    /// Catches: a format name is not parsed, or an error does not name it.
    #[test]
    fn formats_have_names() {
        assert_eq!("csv".parse::<Format>().unwrap(), Format::Csv);
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("xml"));
    }
}
