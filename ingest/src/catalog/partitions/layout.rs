//! Which catalog files belong to which partition.
//!
//! The name of a partition's file contains its prefix. All other files are loose: the groups of a
//! run that has not finalized the catalog yet, and files of older versions.

use std::collections::BTreeMap;

use genie_shards::{Entry, Manifest, tables};

use super::prefix::KeyPrefix;

/// The published files of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionFiles {
    pub sources: Option<Entry>,
    pub clips: Option<Entry>,
    pub pairs: Option<Entry>,
}

impl PartitionFiles {
    /// Number of source rows and clip rows, which decides about splitting.
    pub fn rows(&self) -> u64 {
        [&self.sources, &self.clips].into_iter().flatten().map(|entry| entry.rows).sum()
    }

    /// The files with the names of their tables.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        let files = [
            (tables::SOURCES, &self.sources),
            (tables::CLIP_ROWS, &self.clips),
            (tables::NEAR_PAIRS, &self.pairs),
        ];
        files.into_iter().filter_map(|(table, entry)| Some((table, entry.as_ref()?)))
    }
}

/// The catalog files of a manifest.
#[derive(Debug, Default)]
pub struct CatalogLayout {
    /// The partitions that have rows.
    pub partitions: BTreeMap<KeyPrefix, PartitionFiles>,
    pub loose_sources: Vec<Entry>,
    pub loose_clips: Vec<Entry>,
}

impl CatalogLayout {
    /// Sorts the files of a manifest.
    pub fn of(manifest: &Manifest) -> Self {
        let mut layout = Self::default();
        for entry in manifest.table(tables::SOURCES) {
            match prefix_of(entry, "sources") {
                Some(prefix) => layout.files(prefix).sources = Some(entry.clone()),
                None => layout.loose_sources.push(entry.clone()),
            }
        }
        for entry in manifest.table(tables::CLIP_ROWS) {
            match prefix_of(entry, "clips") {
                Some(prefix) => layout.files(prefix).clips = Some(entry.clone()),
                None => layout.loose_clips.push(entry.clone()),
            }
        }
        for entry in manifest.table(tables::NEAR_PAIRS) {
            if let Some(prefix) = prefix_of(entry, "pairs") {
                layout.files(prefix).pairs = Some(entry.clone());
            }
        }
        layout.check()
    }

    /// The layout, with all files loose if a key would belong to two partitions.
    fn check(mut self) -> Self {
        let prefixes: Vec<KeyPrefix> = self.partitions.keys().copied().collect();
        if prefixes.windows(2).any(|pair| pair[0].covers(pair[1])) {
            for files in std::mem::take(&mut self.partitions).into_values() {
                self.loose_sources.extend(files.sources);
                self.loose_clips.extend(files.clips);
            }
        }
        self
    }

    fn files(&mut self, prefix: KeyPrefix) -> &mut PartitionFiles {
        self.partitions.entry(prefix).or_default()
    }

    /// Whether all rows are in partitions.
    pub fn is_folded(&self) -> bool {
        self.loose_sources.is_empty() && self.loose_clips.is_empty()
    }

    /// Hash of the partitions' files.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (prefix, files) in &self.partitions {
            for (table, entry) in files.entries() {
                hasher.update(format!("{prefix} {table} {}\n", entry.blake3).as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The prefix in the name `catalog/<table>-<prefix>-<hash>.parquet`.
fn prefix_of(entry: &Entry, table: &str) -> Option<KeyPrefix> {
    let name = entry.file.strip_prefix("catalog/")?.strip_prefix(table)?.strip_prefix('-')?;
    KeyPrefix::parse(name.split_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a group's file counts as a partition, or a partition's file as loose.
    #[test]
    fn files_are_sorted_by_their_names() {
        let entry = |file: &str| Entry {
            file: file.to_owned(),
            rows: 3,
            bytes: 1,
            blake3: file.to_owned(),
        };
        let mut manifest = Manifest::default();
        manifest.add(tables::SOURCES, entry("catalog/sources-p01-00.parquet"));
        manifest.add(tables::CLIP_ROWS, entry("catalog/clips-p01-00.parquet"));
        manifest.add(tables::NEAR_PAIRS, entry("catalog/pairs-p01-00.parquet"));
        manifest.add(tables::SOURCES, entry("catalog/sources-all-00.parquet"));
        manifest.add(tables::CLIP_ROWS, entry("catalog/clips-0123456789abcdef-00.parquet"));
        let layout = CatalogLayout::of(&manifest);
        let (prefix, files) = layout.partitions.first_key_value().unwrap();
        assert_eq!((prefix.to_string().as_str(), files.rows()), ("p01", 6));
        assert_eq!((layout.partitions.len(), files.entries().count()), (1, 3));
        assert_eq!((layout.loose_sources.len(), layout.loose_clips.len()), (1, 1));
        assert!(!layout.is_folded());
    }
}
