//! Writing shards and catalog files, and naming them in the manifest with one commit.

use std::collections::HashMap;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{
    ClipPlacement, ClipRow, Entry, Manifest, ManifestEdit, SourceRow, rewrite_shard, tables,
    write_clip_rows, write_sources,
};

/// The tables of ingest in the manifest of a dataset root.
pub const TABLES: [&str; 3] = [tables::CLIPS, tables::SOURCES, tables::CLIP_ROWS];

/// Written files that the manifest does not name yet.
pub struct NewFiles {
    shards: Vec<Entry>,
    sources: Option<Entry>,
    clips: Option<Entry>,
}

impl NewFiles {
    /// Writes catalog rows to files with `name` in their names. `shards` are already written.
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

    /// Adds the files to the manifest of a dataset root. This publishes them.
    pub fn commit(self, root: &Utf8Path) -> Result<()> {
        Manifest::commit(root, |manifest| self.add_to(manifest))?;
        Ok(())
    }

    fn add_to(&self, manifest: &mut ManifestEdit<'_>) {
        let clips = self.shards.iter().map(|entry| (tables::CLIPS, entry));
        let sources = self.sources.iter().map(|entry| (tables::SOURCES, entry));
        let rows = self.clips.iter().map(|entry| (tables::CLIP_ROWS, entry));
        for (table, entry) in clips.chain(sources).chain(rows) {
            manifest.add(table, entry.clone());
        }
    }
}

/// Publishes a dataset of exactly these rows, with one catalog file per table.
///
/// The shards then contain the kept clips with the splits and paths of their rows, and no other
/// clips. This can remove clips, but not add any.
pub fn republish(root: &Utf8Path, sources: &[SourceRow], clips: &[ClipRow]) -> Result<()> {
    let shards = with_kept_only(root, Manifest::load(root)?.table(tables::CLIPS), clips)?;
    let files = NewFiles::write(root, "all", shards, sources, clips)?;
    Manifest::commit(root, |manifest| {
        clear(manifest);
        files.add_to(manifest);
    })?;
    Ok(())
}

/// Removes all files of ingest from a manifest.
pub fn clear(manifest: &mut ManifestEdit<'_>) {
    for table in TABLES {
        manifest.retain(table, |_| false);
    }
}

/// Rewrites shards so that they contain only the clips with a kept row, with its split and path.
///
/// Returns the entries of all shards. A shard with nothing to change stays as it is.
pub fn with_kept_only(root: &Utf8Path, shards: &[Entry], clips: &[ClipRow]) -> Result<Vec<Entry>> {
    let mut places: HashMap<&str, ClipPlacement<'_>> = HashMap::new();
    for ClipRow { meta, .. } in clips.iter().filter(|row| row.kept) {
        let place = ClipPlacement { split: meta.split, source_path: &meta.source_path };
        places.insert(&meta.clip_id, place);
    }
    let mut kept = Vec::new();
    for entry in shards {
        kept.extend(rewrite_shard(root, entry, |id| places.get(id).copied())?);
    }
    Ok(kept)
}
