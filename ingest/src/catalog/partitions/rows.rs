//! The rows of a part of the catalog, in their order on disk.

use std::collections::HashSet;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipRow, Error, NearPair, SourceRow, clip_rows_of_file, near_pairs_of_file, sources_of_file,
    write_clip_rows, write_near_pairs, write_sources,
};

use super::layout::PartitionFiles;
use super::prefix::{KeyPrefix, key_of, key_of_row};

/// The rows of a part of the catalog.
#[derive(Clone, Default, PartialEq)]
pub struct CatalogRows {
    pub sources: Vec<SourceRow>,
    pub clips: Vec<ClipRow>,
    /// The near pairs whose worse clip is in the part.
    pub pairs: Vec<NearPair>,
    /// Ids of the clips that the catalog was not finalized with.
    pub fresh: HashSet<String>,
}

impl CatalogRows {
    /// Reads the rows of a partition.
    pub fn read(root: &Utf8Path, files: &PartitionFiles) -> Result<Self> {
        let mut rows = Self::default();
        if let Some(entry) = &files.sources {
            rows.sources = sources_of_file(root, entry)?;
        }
        if let Some(entry) = &files.clips {
            rows.clips = clip_rows_of_file(root, entry)?;
        }
        if let Some(entry) = &files.pairs {
            rows.pairs = match near_pairs_of_file(root, entry) {
                // All clips are compared again, so these pairs are not needed.
                Err(Error::Older { .. }) => Vec::new(),
                pairs => pairs?,
            };
        }
        Ok(rows)
    }

    /// Adds the rows of another part.
    pub fn append(&mut self, other: Self) {
        self.sources.extend(other.sources);
        self.clips.extend(other.clips);
        self.pairs.extend(other.pairs);
        self.fresh.extend(other.fresh);
    }

    /// Brings the rows into the order in which they are written.
    ///
    /// It is a function of the rows, so equal rows give equal files.
    pub fn sort(&mut self) {
        sort_sources(&mut self.sources);
        self.clips.sort_by(|a, b| clip_order(a).cmp(&clip_order(b)));
        self.pairs.sort();
        self.pairs.dedup();
    }

    /// Keeps only the rows of sources with a prefix.
    pub fn retain(&mut self, prefix: KeyPrefix) {
        self.sources.retain(|row| prefix.contains(key_of_row(row)));
        self.clips.retain(|row| prefix.contains(key_of(&row.meta.source_id)));
        self.pairs.retain(|pair| prefix.contains(key_of(&pair.worse.source_id)));
    }

    /// Writes the rows as partitions of at most `limit` rows; publishes no manifest.
    ///
    /// A partition with one source may have more rows.
    pub fn write(
        mut self,
        root: &Utf8Path,
        prefix: KeyPrefix,
        limit: u64,
    ) -> Result<Vec<(KeyPrefix, PartitionFiles)>> {
        let count = self.sources.len() + self.clips.len();
        if count as u64 > limit && self.keys().len() > 1 {
            let [low, high] = prefix.halves();
            let mut lower = self.clone();
            lower.retain(low);
            self.retain(high);
            let mut written = lower.write(root, low, limit)?;
            written.extend(self.write(root, high, limit)?);
            return Ok(written);
        }
        self.sort();
        let name = prefix.to_string();
        let Self { sources, clips, pairs, .. } = &self;
        let files = PartitionFiles {
            sources: some(sources, |rows| Ok(write_sources(root, &name, rows)?))?,
            clips: some(clips, |rows| Ok(write_clip_rows(root, &name, rows)?))?,
            pairs: some(pairs, |rows| Ok(write_near_pairs(root, &name, rows)?))?,
        };
        Ok(if files == PartitionFiles::default() { Vec::new() } else { vec![(prefix, files)] })
    }

    fn keys(&self) -> HashSet<u64> {
        let of_clips = self.clips.iter().map(|row| key_of(&row.meta.source_id));
        self.sources.iter().map(key_of_row).chain(of_clips).collect()
    }
}

/// Brings source rows into the order in which they are written.
pub fn sort_sources(rows: &mut [SourceRow]) {
    fn order(row: &SourceRow) -> (&str, &str, &str) {
        (&row.source_id, &row.source_path, &row.ingest_key)
    }
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
}

fn clip_order(row: &ClipRow) -> (&str, i64, u32, &str) {
    let meta = &row.meta;
    (&meta.source_id, meta.start_pts, meta.stream, &meta.clip_id)
}

/// Writes rows, unless there are none.
fn some<R, T>(rows: &[R], write: impl FnOnce(&[R]) -> Result<T>) -> Result<Option<T>> {
    (!rows.is_empty()).then(|| write(rows)).transpose()
}
