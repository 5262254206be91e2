//! Labels as CSV: `clip_id,label,tags,who,at`, with tags separated by semicolons.

use std::str::FromStr as _;

use anyhow::{Context as _, Result, bail};
use csv::{ReaderBuilder, StringRecord, Writer};
use genie_shards::{Judgement, LabelRow};
use jiff::Timestamp;

use crate::catalog::{checked_tags, checked_who, judgement};
use crate::discover::without_mark;

/// The columns that `export` writes.
const COLUMNS: [&str; 5] = ["clip_id", "label", "tags", "who", "at"];

/// A line of a file: the label, or what is wrong with the line.
pub struct CsvLine {
    /// Number of the line in the file, from 1.
    pub number: u64,
    pub label: Result<LabelRow, String>,
}

/// Writes labels as CSV.
pub fn write<'a>(labels: impl Iterator<Item = &'a LabelRow>) -> Result<String> {
    let mut csv = Writer::from_writer(Vec::new());
    csv.write_record(COLUMNS)?;
    for row in labels {
        let label = row.label.map_or("", Judgement::name);
        let at = Timestamp::from_millisecond(row.at).context("a time is out of range")?;
        csv.write_record([
            row.clip_id.as_str(),
            label,
            &row.tags.join(";"),
            &row.who,
            &at.to_string(),
        ])?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

/// Reads labels from CSV. `who` and `now` are for files without these columns.
///
/// # Errors
/// If the header lacks a column that is needed.
pub fn read(text: &[u8], who: Option<&str>, now: i64) -> Result<Vec<CsvLine>> {
    let text = without_mark(text);
    let mut csv = ReaderBuilder::new().flexible(true).from_reader(&*text);
    let header = csv.headers().context("the first line is no CSV in UTF-8")?.clone();
    let columns = Columns::find(&header)?;
    if columns.who.is_none() && who.is_none() {
        bail!("the header has no column `who`; add it, or name the person with --who NAME");
    }
    let mut lines = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let number = line_at(&text, csv.position());
        match csv.read_record(&mut record) {
            Ok(false) => return Ok(lines),
            Ok(true) => {
                let label = columns.label(&record, header.len(), (who, now));
                lines.push(CsvLine { number, label });
            }
            Err(_) => {
                lines.push(CsvLine { number, label: Err("the line is not UTF-8".to_owned()) });
            }
        }
    }
}

/// The number of the first line at or after a position that is not empty.
fn line_at(text: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|start| text.get(start..));
    let empty = rest.unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

/// Numbers of the columns.
struct Columns {
    clip_id: usize,
    label: usize,
    tags: Option<usize>,
    who: Option<usize>,
    at: Option<usize>,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self> {
        let find = |name: &str| header.iter().position(|found| found.trim() == name);
        let need = |name: &str| {
            find(name).with_context(|| {
                let found = header.iter().collect::<Vec<_>>().join(", ");
                format!(
                    "the header has no column `{name}`; it must have clip_id and label, and may \
                     have tags, who and at (found: {found})"
                )
            })
        };
        Ok(Self {
            clip_id: need("clip_id")?,
            label: need("label")?,
            tags: find("tags"),
            who: find("who"),
            at: find("at"),
        })
    }

    fn label(
        &self,
        record: &StringRecord,
        columns: usize,
        (who, now): (Option<&str>, i64),
    ) -> Result<LabelRow, String> {
        if record.len() != columns {
            return Err(format!(
                "the line has {} columns, but the header has {columns}; quote values with commas",
                record.len()
            ));
        }
        let value = |column: usize| record.get(column).unwrap_or_default().trim();
        let tags = self.tags.map_or("", value).split(';').filter(|tag| !tag.trim().is_empty());
        let at = match self.at.map_or("", value) {
            "" => now,
            text => Timestamp::from_str(text)
                .map_err(|_| format!("{text:?} is no time; write 2026-12-01T10:00:00Z"))?
                .as_millisecond(),
        };
        Ok(LabelRow {
            at,
            clip_id: value(self.clip_id).to_owned(),
            who: checked_who(self.who.map(value).or(who).unwrap_or_default())?,
            label: Some(judgement(value(self.label))?),
            tags: checked_tags(tags)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an export cannot be imported; a name with a comma or quotes moves the columns.
    #[test]
    fn labels_come_back_from_csv() {
        let row = LabelRow {
            at: 1_764_547_200_123,
            clip_id: "0123456789abcdef0123456789abcdef".to_owned(),
            who: "ana \"b\", c".to_owned(),
            label: Some(Judgement::Bad),
            tags: vec!["menu".to_owned(), "split screen".to_owned()],
        };
        let csv = write([&row].into_iter()).unwrap();
        let lines = read(csv.as_bytes(), None, 0).unwrap();
        assert_eq!((lines.len(), lines[0].number), (1, 2));
        assert_eq!(lines[0].label, Ok(row));
    }

    /// Catches: a wrong line ends the import, has the number of another line, or is used.
    #[test]
    fn wrong_lines_are_named() {
        let text = b"\xef\xbb\xbflabel,clip_id,at\n\ngood,a,\ngud,b,\n\"bad\n\",c,\nbad,d\n\
                     bad,e,yesterday\nbad,\xff,\nunsure,f,2026-12-01T10:00:00.5+01:00\n";
        let lines = read(text, Some("ana"), 7).unwrap();
        let shown = |line: &CsvLine| match &line.label {
            Ok(row) => format!("{} {} {}", line.number, row.clip_id, row.at),
            Err(words) => format!("{} {words}", line.number),
        };
        let shown: Vec<_> = lines.iter().map(shown).collect();
        assert_eq!(shown[0], "3 a 7");
        assert!(shown[1].starts_with("4 \"gud\" is not a label"), "{shown:?}");
        assert_eq!(shown[2], "5 c 7");
        assert!(shown[3].starts_with("7 the line has 2 columns"), "{shown:?}");
        assert!(shown[4].starts_with("8 \"yesterday\" is no time"), "{shown:?}");
        assert_eq!(shown[5], "9 the line is not UTF-8");
        assert_eq!(shown[6], "10 f 1796115600500");
        for header in ["clip_id,tags\n", "", "label\n"] {
            assert!(read(header.as_bytes(), Some("ana"), 0).is_err(), "{header:?}");
        }
        assert!(read(b"clip_id,label\n", None, 0).is_err());
    }
}
