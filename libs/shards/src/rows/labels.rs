//! Labels: what people say about clips.
//!
//! They are in `root/labels`, which has its own manifest. So no work key, and no run of ingest,
//! depends on them. The table only grows: a new label of the same person for the same clip takes
//! the place of the older one, and a row without a label takes it back.

use std::sync::Arc;

use arrow::array::{Array, StringArray, TimestampMillisecondArray};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::Result,
    files::open::FileKind,
    formats::LABELS_FORMAT,
    manifest::Entry,
    schema::columns::{Columns, NamedColumns, string_lists},
};

/// What a person says about a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    Good,
    Bad,
    Unsure,
}

impl Judgement {
    /// All judgements, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Good, Self::Bad, Self::Unsure];

    /// The name in tables and files: `good`, `bad` or `unsure`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unsure => "unsure",
        }
    }

    /// The judgement with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|judgement| judgement.name() == name)
    }
}

/// One person's label of a clip. The order is that of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LabelRow {
    /// Time of the label, in milliseconds since 1970, UTC.
    pub at: i64,
    pub clip_id: String,
    /// The name of the person.
    pub who: String,
    /// `None` takes the label back.
    pub label: Option<Judgement>,
    pub tags: Vec<String>,
}

/// Writes and publishes labels at `dir/labels-<hash>.parquet`, where `dir` is `root/labels`.
///
/// Commit the entry to the manifest of `dir` under [`crate::tables::LABELS`].
///
/// # Errors
/// If there are no labels, or the file cannot be written.
pub fn write_labels(dir: &Utf8Path, rows: &[LabelRow]) -> Result<Entry> {
    table::write(dir, "labels", rows)
}

/// Reads the labels of one published file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn labels_of_file(dir: &Utf8Path, entry: &Entry) -> Result<Vec<LabelRow>> {
    table::read(dir, entry)
}

impl Row for LabelRow {
    const KIND: FileKind =
        FileKind { name: "labels", format: LABELS_FORMAT, command: "genie-ingest browse" };

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let texts = |get: fn(&Self) -> &str| -> Arc<dyn Array> {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get)))
        };
        let labels: StringArray = rows.iter().map(|row| row.label.map(Judgement::name)).collect();
        let times = TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.at));
        Ok(vec![
            ("clip_id", texts(|row| &row.clip_id), false),
            ("label", Arc::new(labels), true),
            ("tags", string_lists(rows.iter().map(|row| Some(row.tags.as_slice()))), false),
            ("who", texts(|row| &row.who), false),
            ("at", Arc::new(times.with_timezone("UTC")), false),
        ])
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let labels = columns.optional::<StringArray>("label")?;
        let tags = columns.string_lists("tags")?;
        let who = columns.required::<StringArray>("who")?;
        let at = columns.required::<TimestampMillisecondArray>("at")?;
        let label = |i| match labels.is_valid(i).then(|| labels.value(i)) {
            None => Ok(None),
            Some(name) => Judgement::parse(name).map(Some).ok_or_else(|| {
                columns.error("label", format!("`{name}` is none of good, bad and unsure"))
            }),
        };
        let rows = tags.into_iter().enumerate().map(|(i, tags)| {
            Ok(Self {
                at: at.value(i),
                clip_id: clip_id.value(i).to_owned(),
                who: who.value(i).to_owned(),
                label: label(i)?,
                tags: tags.unwrap_or_default(),
            })
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Catches: a label that was taken back is read as one; tags or times are lost.
    #[test]
    fn labels_are_read_as_they_were_written() {
        let (_dir, root) = testing::root();
        let row = |at, label, tags: &[&str]| LabelRow {
            at,
            clip_id: format!("clip {at}"),
            who: "ana".to_owned(),
            label,
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        };
        let rows = [
            row(1, Some(Judgement::Good), &[]),
            row(1_764_547_200_123, Some(Judgement::Bad), &["menu", "split screen"]),
            row(3, Some(Judgement::Unsure), &["é"]),
            row(4, None, &[]),
        ];
        let dir = root.join("labels");
        let entry = write_labels(&dir, &rows).unwrap();
        assert_eq!(labels_of_file(&dir, &entry).unwrap(), rows);
    }

    /// Catches: a name in CSV files or requests is not that in tables.
    #[test]
    fn judgements_have_names() {
        for judgement in Judgement::ALL {
            assert_eq!(Judgement::parse(judgement.name()), Some(judgement));
        }
        assert_eq!(Judgement::parse("Good"), None);
    }
}
