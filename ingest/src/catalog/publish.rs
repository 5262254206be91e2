//! Publishing catalog rows and shards, by one commit of the manifest.

use std::collections::HashMap;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipRow, Entry, Manifest, SourceRow, Split, rewrite_shard, tables, write_clip_rows,
    write_sources,
};

/// All that ingest publishes in a dataset root's manifest.
pub const TABLES: [&str; 3] = [tables::CLIPS, tables::SOURCES, tables::CLIP_ROWS];

/// NewFiles that lie in place and wait to be named by the manifest.
pub struct NewFiles {
    shards: Vec<Entry>,
    sources: Option<Entry>,
    clips: Option<Entry>,
}

impl NewFiles {
    /// Puts catalog rows in place, under a name, beside shards that are.
    pub fn write(
        root: &Utf8Path,
        name: &str,
        shards: Vec<Entry>,
        sources: &[SourceRow],
        clips: &[ClipRow],
    ) -> Result<Self> {
        let sources =
            (!sources.is_empty()).then(|| write_sources(root, name, sources)).transpose()?;
        let clips = (!clips.is_empty()).then(|| write_clip_rows(root, name, clips)).transpose()?;
        Ok(Self { shards, sources, clips })
    }

    /// Names the files in the manifest of a dataset root.
    pub fn commit(self, root: &Utf8Path) -> Result<()> {
        Manifest::commit(root, |manifest| self.add_to(manifest))?;
        Ok(())
    }

    fn add_to(self, manifest: &mut Manifest) {
        let clips = self.shards.into_iter().map(|entry| (tables::CLIPS, entry));
        let sources = self.sources.into_iter().map(|entry| (tables::SOURCES, entry));
        let rows = self.clips.into_iter().map(|entry| (tables::CLIP_ROWS, entry));
        for (table, entry) in clips.chain(sources).chain(rows) {
            manifest.add(table, entry);
        }
    }
}

/// Publishes a dataset of exactly these rows, in one file a table: its shards hold the kept clips in the rows' splits and no
/// others. Clips cannot be added this way.
pub fn republish(root: &Utf8Path, sources: &[SourceRow], clips: &[ClipRow]) -> Result<()> {
    let shards = with_kept_only(root, Manifest::load(root)?.table(tables::CLIPS), clips)?;
    let files = NewFiles::write(root, "all", shards, sources, clips)?;
    Manifest::commit(root, |manifest| {
        clear(manifest);
        files.add_to(manifest);
    })?;
    Ok(())
}

/// Takes everything that ingest published out of a manifest.
pub fn clear(manifest: &mut Manifest) {
    for table in TABLES {
        manifest.retain(table, |_| false);
    }
}

/// Shards that hold, of the clips in `shards`, those that `clips` says are kept, in the rows' splits.
pub fn with_kept_only(root: &Utf8Path, shards: &[Entry], clips: &[ClipRow]) -> Result<Vec<Entry>> {
    let splits: HashMap<&str, Split> = clips
        .iter()
        .filter(|row| row.kept)
        .map(|row| (row.meta.clip_id.as_str(), row.meta.split))
        .collect();
    let mut kept = Vec::new();
    for entry in shards {
        kept.extend(rewrite_shard(root, entry, |id| splits.get(id).copied())?);
    }
    Ok(kept)
}
