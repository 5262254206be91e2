//! Reads clips: where they are on opening, and metadata and frames on demand.
//!
//! Opening reads a few narrow columns of every published shard, and keeps a few bytes for each
//! clip. A payload is read by its row, through the Parquet page index, without reading its
//! neighbours. A cache keeps compressed payloads, up to a limit in bytes. Many threads can use one
//! store.

mod cache;
pub(crate) mod check;
mod open_shards;
pub(crate) mod places;
pub(crate) mod rewrite;
mod shard;
pub(crate) mod writer;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::Utf8Path;

use cache::Cache;
use open_shards::OpenShards;
use places::{StoredClip, find_clips};

use crate::{
    codec,
    error::{Error, Result},
    frames::Frames,
    manifest::{Manifest, tables},
    schema::{
        clip::{Clip, ClipMeta},
        clip_key::ClipKey,
        split::Split,
    },
};

/// Default size limit of the payload cache.
const CACHE_BYTES: usize = 512 << 20;

/// The published clips of a dataset root.
pub struct ClipStore {
    clips: Vec<StoredClip>,
    /// The positions of the clips, sorted by their keys, once a clip was looked for.
    by_key: OnceLock<Vec<u32>>,
    shards: OpenShards,
    cache: Mutex<Cache>,
}

impl ClipStore {
    /// Opens the published clips of a split, or of all splits with `None`.
    ///
    /// # Errors
    /// If the manifest or one of its shards cannot be read, is damaged, or has a later format.
    pub fn open(root: &Utf8Path, split: impl Into<Option<Split>>) -> Result<Self> {
        Self::of_manifest(root, &Manifest::load(root)?, split)
    }

    /// Opens the clips of a split that `manifest` names.
    ///
    /// `manifest` is a manifest of the dataset root that was loaded earlier.
    ///
    /// # Errors
    /// If a shard cannot be read, is damaged, or has a later format.
    pub fn of_manifest(
        root: &Utf8Path,
        manifest: &Manifest,
        split: impl Into<Option<Split>>,
    ) -> Result<Self> {
        let entries = manifest.table(tables::CLIPS).to_vec();
        let clips = find_clips(root, &entries, split.into())?;
        Ok(Self::of(clips, OpenShards::new(root, entries)))
    }

    fn of(clips: Vec<StoredClip>, shards: OpenShards) -> Self {
        let cache = Mutex::new(Cache::new(CACHE_BYTES));
        Self { clips, by_key: OnceLock::new(), shards, cache }
    }

    /// Keeps only the clips that are `wanted`.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&StoredClip) -> bool) -> Self {
        self.clips.retain(wanted);
        Self::of(self.clips, self.shards)
    }

    /// Limits the payload cache to `bytes`; 0 disables it.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache = Mutex::new(Cache::new(bytes));
        self
    }

    /// All clips, ordered by source, then time.
    #[must_use]
    pub fn clips(&self) -> &[StoredClip] {
        &self.clips
    }

    /// Number of clips.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there are no clips.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Index of the clip with this id.
    #[must_use]
    pub fn position(&self, clip_id: &str) -> Option<usize> {
        self.position_of(ClipKey::from(clip_id))
    }

    /// Index of the clip with this key.
    #[must_use]
    pub fn position_of(&self, key: ClipKey) -> Option<usize> {
        let key_of = |clip: &u32| self.clips[*clip as usize].key;
        let by_key = self.by_key.get_or_init(|| {
            let mut clips: Vec<u32> = (0..).take(self.clips.len()).collect();
            clips.sort_unstable_by_key(key_of);
            clips
        });
        let found = by_key.binary_search_by_key(&key, key_of);
        found.ok().map(|place| by_key[place] as usize)
    }

    /// Reads the metadata of clip `i`.
    ///
    /// # Errors
    /// If there is no such clip, or its shard cannot be read.
    pub fn meta(&self, i: usize) -> Result<ClipMeta> {
        let mut found = ClipMeta::default();
        self.visit_metas(&[i], |_, meta| found = meta)?;
        Ok(found)
    }

    /// Calls `visit` with the index and the metadata of each of `clips`, shard after shard.
    ///
    /// At most the metadata of one shard's clips is in memory.
    ///
    /// # Errors
    /// If there is no such clip, or a shard cannot be read.
    pub fn visit_metas(
        &self,
        clips: &[usize],
        mut visit: impl FnMut(usize, ClipMeta),
    ) -> Result<()> {
        let mut places = Vec::with_capacity(clips.len());
        for &i in clips {
            let StoredClip { shard, row, .. } = *self.clip(i)?;
            places.push((shard, row, i));
        }
        places.sort_unstable();
        places.dedup();
        for places in places.chunk_by(|(shard, ..), (same, ..)| shard == same) {
            let rows: Vec<usize> = places.iter().map(|(_, row, _)| *row as usize).collect();
            let metas = self.shards.get(places[0].0 as usize)?.clips(&rows)?;
            for ((_, _, i), (meta, _)) in places.iter().zip(metas) {
                visit(*i, meta);
            }
        }
        Ok(())
    }

    /// Decodes all frames of clip `i`.
    ///
    /// # Errors
    /// If there is no such clip, or its payload cannot be read or is damaged.
    pub fn frames(&self, i: usize) -> Result<Frames> {
        let frames = self.clip(i)?.frame_count();
        self.window(i, 0, frames)
    }

    /// Decodes frames `first .. first + len` of clip `i`; decompresses only what they need.
    ///
    /// # Errors
    /// If there is no such clip, the frames are outside it, or its payload cannot be read or is
    /// damaged.
    pub fn window(&self, i: usize, first: usize, len: usize) -> Result<Frames> {
        let frames = self.clip(i)?.frame_count();
        if len == 0 || first.checked_add(len).is_none_or(|end| end > frames) {
            return Err(Error::Range { clip_id: self.meta(i)?.clip_id, frames, first, len });
        }
        let payload = self.payload(i)?;
        let decoded = codec::decode_range(&payload, first, len);
        decoded.or_else(|source| Err(self.payload_error(i, source)?))
    }

    /// Reads clip `i` with all its frames.
    ///
    /// # Errors
    /// As [`Self::frames`].
    pub fn read(&self, i: usize) -> Result<Clip> {
        Ok(Clip { meta: self.meta(i)?, frames: self.frames(i)? })
    }

    fn clip(&self, i: usize) -> Result<&StoredClip> {
        self.clips.get(i).ok_or(Error::NoClip { index: i, count: self.clips.len() })
    }

    /// Returns the payload of clip `i`, after checking its hash and its shape against the row.
    fn payload(&self, i: usize) -> Result<Arc<[u8]>> {
        // Another reader's panic cannot make the cache inconsistent in a way that matters.
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = cache().get(i) {
            return Ok(payload);
        }
        let clip = self.clips[i];
        let (shard, row) = (clip.shard as usize, clip.row as usize);
        // Read outside the lock, so that readers of other clips do not wait for this read.
        let payload = self.shards.get(shard)?.checked_payload(row, clip.key)?;
        let shape = match codec::shape(&payload) {
            Ok(shape) => shape,
            Err(source) => return Err(self.payload_error(i, source)?),
        };
        if (shape.t, (shape.height, shape.width)) != (clip.frame_count(), clip.size()) {
            let problem = format!(
                "the payload has {}×{}×{} frames, but the row says otherwise",
                shape.t, shape.height, shape.width
            );
            return Err(Error::Value {
                path: self.shards.path(shard),
                row,
                field: "payload",
                problem,
            });
        }
        cache().put(i, payload.clone());
        Ok(payload)
    }

    /// The error of a payload that cannot be decoded.
    fn payload_error(&self, i: usize, source: codec::CodecError) -> Result<Error> {
        let StoredClip { shard, row, .. } = self.clips[i];
        let clip_id = self.meta(i)?.clip_id;
        Ok(Error::Payload {
            path: self.shards.path(shard as usize),
            row: row as usize,
            clip_id,
            source,
        })
    }
}

#[cfg(test)]
mod tests;
