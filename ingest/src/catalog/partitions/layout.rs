//! Which catalog files belong to which partition.
//!
//! The name of a partition's file contains its prefix. All other files are loose: the groups of a
//! run that has not finalized the catalog yet, and files of older versions.

use std::collections::{BTreeMap, BTreeSet};

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
        Self::sorted(manifest.entries())
    }

    /// Sorts files, each with the name of its table.
    fn sorted<'a>(files: impl IntoIterator<Item = (&'a str, &'a Entry)>) -> Self {
        let mut layout = Self::default();
        let mut repeated = BTreeSet::new();
        for (table, entry) in files {
            let Some(prefix) = prefix_of(entry, table) else {
                layout.add_loose(table, entry.clone());
                continue;
            };
            let files = layout.partitions.entry(prefix).or_default();
            let place = match table {
                tables::SOURCES => &mut files.sources,
                tables::CLIP_ROWS => &mut files.clips,
                _ => &mut files.pairs,
            };
            if let Some(other) = place.replace(entry.clone()) {
                layout.add_loose(table, other);
                repeated.insert(prefix);
            }
        }
        // Which of two files of one table is right is unknown, so the whole partition is loose.
        for prefix in repeated {
            layout.loosen(prefix);
        }
        layout.check()
    }

    /// The layout, with all files loose if a key would belong to two partitions.
    fn check(mut self) -> Self {
        let prefixes: Vec<KeyPrefix> = self.partitions.keys().copied().collect();
        if prefixes.windows(2).any(|pair| pair[0].covers(pair[1])) {
            for prefix in prefixes {
                self.loosen(prefix);
            }
        }
        self
    }

    /// Makes the files of a partition loose. Its near pairs go, because loose clips are compared.
    fn loosen(&mut self, prefix: KeyPrefix) {
        let files = self.partitions.remove(&prefix).unwrap_or_default();
        self.loose_sources.extend(files.sources);
        self.loose_clips.extend(files.clips);
    }

    /// Adds a loose file. Files of other tables than rows are left out.
    fn add_loose(&mut self, table: &str, entry: Entry) {
        match table {
            tables::SOURCES => self.loose_sources.push(entry),
            tables::CLIP_ROWS => self.loose_clips.push(entry),
            _ => {}
        }
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

/// The prefix in the name `catalog/<word>-<prefix>-<hash>.parquet` of a table's file.
fn prefix_of(entry: &Entry, table: &str) -> Option<KeyPrefix> {
    let word = match table {
        tables::SOURCES => "sources-",
        tables::CLIP_ROWS => "clips-",
        tables::NEAR_PAIRS => "pairs-",
        _ => return None,
    };
    let name = entry.file.strip_prefix("catalog/")?.strip_prefix(word)?;
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
        let files = [
            (tables::SOURCES, entry("catalog/sources-p01-00.parquet")),
            (tables::CLIP_ROWS, entry("catalog/clips-p01-00.parquet")),
            (tables::NEAR_PAIRS, entry("catalog/pairs-p01-00.parquet")),
            (tables::SOURCES, entry("catalog/sources-all-00.parquet")),
            (tables::CLIP_ROWS, entry("catalog/clips-0123456789abcdef-00.parquet")),
        ];
        let layout = CatalogLayout::sorted(files.iter().map(|(table, entry)| (*table, entry)));
        let (prefix, files) = layout.partitions.first_key_value().unwrap();
        assert_eq!((prefix.to_string().as_str(), files.rows()), ("p01", 6));
        assert_eq!((layout.partitions.len(), files.entries().count()), (1, 3));
        assert_eq!((layout.loose_sources.len(), layout.loose_clips.len()), (1, 1));
        assert!(!layout.is_folded());
    }

    /// Catches: of two files of one table and prefix, one is ignored, or the near pairs of the
    /// partition count although its clips are compared again.
    #[test]
    fn a_partition_with_two_files_of_a_table_is_loose() {
        let entry = |file: &str| Entry { file: file.to_owned(), ..Entry::default() };
        let files = [
            (tables::SOURCES, entry("catalog/sources-p0-00.parquet")),
            (tables::CLIP_ROWS, entry("catalog/clips-p0-00.parquet")),
            (tables::CLIP_ROWS, entry("catalog/clips-p0-01.parquet")),
            (tables::NEAR_PAIRS, entry("catalog/pairs-p0-00.parquet")),
            (tables::CLIP_ROWS, entry("catalog/clips-p1-00.parquet")),
        ];
        let layout = CatalogLayout::sorted(files.iter().map(|(table, entry)| (*table, entry)));
        assert_eq!((layout.loose_sources.len(), layout.loose_clips.len()), (1, 2));
        let prefixes: Vec<String> = layout.partitions.keys().map(KeyPrefix::to_string).collect();
        assert_eq!(prefixes, ["p1"]);
    }
}
