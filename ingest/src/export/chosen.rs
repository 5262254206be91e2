//! The clips that an export contains, in the order of source and time.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::ops::Range;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use genie_catalog::Condition;
use genie_shards::{
    ClipKey, ClipMeta, ClipRow, ClipStore, Frames, Manifest, Split, stream_clip_rows, tables,
};
use genie_stage::exit::{Usage, usage};
use genie_stage::lock::InUse;
use genie_stage::stop::Stop;

/// Clips whose metadata are in memory at a time.
const TOGETHER: usize = 1024;

/// A chosen clip.
pub struct ChosenClip<'a> {
    pub meta: ClipMeta,
    store: &'a ClipStore,
    index: usize,
}

impl ChosenClip<'_> {
    /// The pixels of all frames, `[t, h, w, c]`.
    pub fn frames(&self) -> Result<Frames> {
        self.store.frames(self.index).map_err(of_read)
    }
}

/// The clips of a dataset root for which a condition holds.
pub struct ChosenClips {
    store: ClipStore,
    condition: Condition,
    /// The quality of the clips, if the condition uses it.
    qualities: HashMap<ClipKey, f32>,
    _in_use: InUse,
}

impl ChosenClips {
    /// The published clips of a split for which `condition`, in SQL, holds.
    ///
    /// # Errors
    ///
    /// [`Usage`] if the condition is wrong; an error if the clips cannot be read.
    pub fn new(root: &Utf8Path, condition: &str, split: Option<Split>) -> Result<Self> {
        let condition = Condition::parse(condition)
            .map_err(|error| Usage(format!("--where: {}", error.with_cause())))?;
        // Before the manifest is read: `gc` deletes no file that this manifest names.
        let in_use = InUse::mark(root)?;
        let manifest = Manifest::load(root)?;
        let store =
            ClipStore::of_manifest(root, &manifest, split).context("cannot read the clips")?;
        let uses_quality = condition.uses_quality();
        let qualities = if uses_quality { qualities(root, &manifest)? } else { HashMap::new() };
        // Every clip is read once.
        Ok(Self { store: store.with_cache_bytes(0), condition, qualities, _in_use: in_use })
    }

    /// Number of clips among which the condition chooses.
    pub fn of(&self) -> usize {
        self.store.len()
    }

    /// The number of chosen clips, and a hash of their metadata in order.
    ///
    /// The metadata contain the id, and everything that the JSON and the actions of a clip contain.
    pub fn count(&self, stop: &Stop) -> Result<(u64, String)> {
        let (mut count, mut hasher) = (0, blake3::Hasher::new());
        self.each(|clip| {
            hasher.update(format!("{:?}", clip.meta).as_bytes());
            count += 1;
            Ok(stop.check()?)
        })?;
        Ok((count, hasher.finalize().to_hex().to_string()))
    }

    /// Calls `use_batch` with `size` clips at a time; the last batch may have fewer.
    pub fn in_batches<'a>(
        &'a self,
        size: usize,
        mut use_batch: impl FnMut(&[ChosenClip<'a>]) -> Result<()>,
    ) -> Result<()> {
        let mut batch = Vec::new();
        self.each(|clip| {
            batch.push(clip);
            if batch.len() == size {
                use_batch(&batch)?;
                batch.clear();
            }
            Ok(())
        })?;
        if batch.is_empty() { Ok(()) } else { use_batch(&batch) }
    }

    fn each<'a>(&'a self, mut use_clip: impl FnMut(ChosenClip<'a>) -> Result<()>) -> Result<()> {
        // Ids become names of files, and a dataset may come from somebody else.
        let is_plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        for first in (0..self.store.len()).step_by(TOGETHER) {
            let clips = first..self.store.len().min(first + TOGETHER);
            let rows = self.rows(clips.clone())?;
            let holds = self.condition.holds(&rows).map_err(|error| usage(error.into()))?;
            let chosen = clips.zip(rows).zip(holds).filter(|(_, holds)| *holds);
            for ((index, ClipRow { meta, .. }), _) in chosen {
                let id = &meta.clip_id;
                ensure!(is_plain(id), "the clip id `{id}` cannot be the name of a file");
                use_clip(ChosenClip { meta, store: &self.store, index })?;
            }
        }
        Ok(())
    }

    fn rows(&self, clips: Range<usize>) -> Result<Vec<ClipRow>> {
        let (first, wanted) = (clips.start, clips.collect::<Vec<_>>());
        let mut rows = vec![ClipRow { kept: true, ..ClipRow::default() }; wanted.len()];
        let read = self.store.visit_metas(&wanted, |clip, meta| rows[clip - first].meta = meta);
        read.map_err(of_read)?;
        for row in &mut rows {
            row.quality = self.qualities.get(&ClipKey::from(row.meta.clip_id.as_str())).copied();
        }
        Ok(rows)
    }
}

/// The quality of each kept clip that has one.
fn qualities(root: &Utf8Path, manifest: &Manifest) -> Result<HashMap<ClipKey, f32>> {
    let mut qualities = HashMap::new();
    for entry in manifest.table(tables::CLIP_ROWS) {
        for rows in stream_clip_rows(root, entry)? {
            let kept = rows?.into_iter().filter(|row| row.kept);
            let judged =
                kept.filter_map(|row| Some((ClipKey::from(&*row.meta.clip_id), row.quality?)));
            qualities.extend(judged);
        }
    }
    Ok(qualities)
}

/// The error of a clip that cannot be read.
///
/// An export reads the clips that were published when it began. Files that it needs stay while it
/// runs, unless something else than `gc` deletes them.
fn of_read(error: genie_shards::Error) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    let is_gone = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == ErrorKind::NotFound)
    };
    if !error.chain().any(is_gone) {
        return error;
    }
    error.context(
        "a file with clips was deleted while they were exported: run the same command again, which \
         continues with the clips that are published now",
    )
}
