//! The newest label of each clip and person.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{LabelRow, Manifest, labels_of_file, tables};

use super::label_dir;

/// The newest row of each clip and person.
#[derive(Default)]
pub struct NewestLabels {
    /// By clip, then by person. A row may take a label back.
    rows: BTreeMap<String, BTreeMap<String, LabelRow>>,
    /// Hash of the published files.
    version: String,
}

impl NewestLabels {
    /// Reads the labels of a dataset root.
    ///
    /// # Errors
    /// If a file is damaged, or was removed meanwhile.
    pub fn read(root: &Utf8Path) -> Result<Self> {
        let dir = label_dir(root);
        let manifest = Manifest::load(&dir)?;
        let mut labels = Self { version: manifest.content_hash(), ..Self::default() };
        for entry in manifest.table(tables::LABELS) {
            for row in labels_of_file(&dir, entry)? {
                labels.add(row);
            }
        }
        Ok(labels)
    }

    /// Reads again what others published since.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn refresh(&mut self, root: &Utf8Path) -> Result<()> {
        if Manifest::load(&label_dir(root))?.content_hash() != self.version {
            *self = Self::read(root)?;
        }
        Ok(())
    }

    /// Adds a row, if it is newer than what is there; returns whether it was.
    pub fn add(&mut self, row: LabelRow) -> bool {
        let people = self.rows.entry(row.clip_id.clone()).or_default();
        let is_newer = people.get(&row.who).is_none_or(|old| *old < row);
        if is_newer {
            people.insert(row.who.clone(), row);
        }
        is_newer
    }

    /// The newest row of a person for a clip, also if it takes a label back.
    pub fn row(&self, clip_id: &str, who: &str) -> Option<&LabelRow> {
        self.rows.get(clip_id)?.get(who)
    }

    /// The labels of a clip, by person.
    pub fn of_clip(&self, clip_id: &str) -> impl Iterator<Item = &LabelRow> {
        let people = self.rows.get(clip_id).into_iter().flat_map(BTreeMap::values);
        people.filter(|row| row.label.is_some())
    }

    /// All labels, by clip and then by person.
    pub fn iter(&self) -> impl Iterator<Item = &LabelRow> {
        let people = self.rows.values().flat_map(BTreeMap::values);
        people.filter(|row| row.label.is_some())
    }
}

#[cfg(test)]
mod tests {
    use genie_shards::Judgement;

    use super::*;

    /// Catches: an older label replaces a newer one; a label that was taken back still counts.
    #[test]
    fn the_newest_row_counts() {
        let row = |at, label| LabelRow {
            at,
            clip_id: "a".to_owned(),
            who: "ana".to_owned(),
            label,
            tags: Vec::new(),
        };
        let mut labels = NewestLabels::default();
        assert!(labels.add(row(5, Some(Judgement::Bad))));
        assert!(!labels.add(row(4, Some(Judgement::Good))));
        assert_eq!(labels.iter().map(|row| row.at).collect::<Vec<_>>(), [5]);
        assert!(labels.add(row(6, None)));
        assert_eq!((labels.iter().count(), labels.of_clip("a").count()), (0, 0));
        assert_eq!(labels.row("a", "ana").unwrap().at, 6);
    }
}
