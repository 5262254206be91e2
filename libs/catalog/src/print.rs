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

/// Number of rows that a table collects to compute the widths of its columns.
const TABLE_ROWS: usize = 1000;

/// Prints rows to stdout as they come. A reader that closes the pipe (`… | head`) is not an error.
///
/// On a terminal, control characters are escaped, because file names of strangers may contain
/// commands for it.
///
/// # Errors
/// If the rows cannot be computed, a value has no representation in this format, or stdout cannot
/// be written.
pub fn print(rows: impl Iterator<Item = Result<RecordBatch>>, format: Format) -> Result<()> {
    let stdout = io::stdout().lock();
    let is_terminal = stdout.is_terminal();
    let shown = |text: String| if is_terminal { escaped(&text, |c| c != '\n') } else { text };
    match write(stdout, rows, format, shown) {
        Err(Error::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Formats rows as text that ends in a newline. In a table, control characters are escaped.
///
/// # Errors
/// If a value has no representation in this format.
pub fn render(batches: &[RecordBatch], format: Format) -> Result<String> {
    let mut text = Vec::new();
    write(&mut text, batches.iter().cloned().map(Ok), format, |text| text)?;
    utf8(text)
}

/// Writes rows as they come. `shown` changes each piece of text before it is written.
fn write(
    mut out: impl Write,
    rows: impl Iterator<Item = Result<RecordBatch>>,
    format: Format,
    shown: impl Fn(String) -> String,
) -> Result<()> {
    let mut formatter = Formatter::new(format);
    let mut put = |bytes| out.write_all(shown(utf8(bytes)?).as_bytes()).map_err(Error::Stdout);
    for batch in rows {
        put(formatter.push(batch?)?)?;
    }
    put(formatter.finish()?)?;
    out.flush().map_err(Error::Stdout)
}

/// Converts rows to text, batch by batch.
enum Formatter {
    Table {
        /// Rows that are not shown yet.
        waiting: Vec<RecordBatch>,
        /// Whether a table was shown, so that one without rows would add nothing.
        has_table: bool,
    },
    Csv {
        has_header: bool,
    },
    Json(arrow::json::Writer<Vec<u8>, JsonArray>),
}

impl Formatter {
    fn new(format: Format) -> Self {
        match format {
            Format::Table => Self::Table { waiting: Vec::new(), has_table: false },
            Format::Csv => Self::Csv { has_header: false },
            Format::Json => {
                Self::Json(WriterBuilder::new().with_explicit_nulls(true).build(Vec::new()))
            }
        }
    }

    /// Takes a batch, and returns the text that follows.
    fn push(&mut self, batch: RecordBatch) -> Result<Vec<u8>> {
        match self {
            Self::Table { waiting, has_table } => {
                if !*has_table || batch.num_rows() > 0 {
                    waiting.push(batch);
                }
                let rows: usize = waiting.iter().map(RecordBatch::num_rows).sum();
                if rows < TABLE_ROWS {
                    return Ok(Vec::new());
                }
                *has_table = true;
                table(&std::mem::take(waiting))
            }
            Self::Csv { has_header } => {
                let header = !std::mem::replace(has_header, true);
                let mut writer = csv::WriterBuilder::new().with_header(header).build(Vec::new());
                // CSV has no lists, and a query must not fail because of that.
                writer.write(&as_text(&batch, DataType::is_nested, |text| text)?)?;
                Ok(writer.into_inner())
            }
            Self::Json(writer) => {
                writer.write(&batch)?;
                Ok(std::mem::take(writer.get_mut()))
            }
        }
    }

    /// The text after the last batch.
    fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Table { waiting, .. } if waiting.is_empty() => Ok(Vec::new()),
            Self::Table { waiting, .. } => table(&waiting),
            Self::Csv { .. } => Ok(Vec::new()),
            Self::Json(mut writer) => {
                writer.finish()?;
                let mut bytes = writer.into_inner();
                bytes.push(b'\n');
                Ok(bytes)
            }
        }
    }
}

/// Draws a table. A result of many rows is a sequence of tables, each with widths of its own.
fn table(batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let texts = batches.iter().map(|batch| as_text(batch, |_| true, |text| one_line(&text)));
    let texts: Vec<RecordBatch> = texts.collect::<Result<_, _>>()?;
    Ok(format!("{}\n", pretty_format_batches(&texts)?).into_bytes())
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|error| Error::Print(ArrowError::ExternalError(Box::new(error))))
}

/// Shows a text of a file, such as a name, in one line: what acts on a terminal becomes an escape.
#[must_use]
pub fn one_line(text: &str) -> String {
    escaped(text, |_| true)
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

    /// Catches: a long table is followed by one without rows.
    #[test]
    fn only_the_first_table_may_be_empty() {
        let numbers = Arc::new(Int32Array::from(vec![7; TABLE_ROWS])) as ArrayRef;
        let full = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let empty = full.slice(0, 0);
        let tables = |batches: &[RecordBatch]| {
            render(batches, Format::Table).unwrap().matches("| n |").count()
        };
        assert_eq!(tables(&[empty.clone(), full.clone(), empty.clone()]), 1);
        assert_eq!(tables(&[full.clone(), empty.clone(), full.slice(0, 1), empty]), 2);
    }

    /// Catches: a format name is not parsed, or an error does not name it.
    #[test]
    fn formats_have_names() {
        assert_eq!("csv".parse::<Format>().unwrap(), Format::Csv);
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("xml"));
    }
}
