//! Reads clips: the metadata of all clips on opening, and frames on demand.
//!
//! Opening reads the narrow columns of every published shard. A payload is read by its row, through
//! the Parquet page index, without reading its neighbours. A cache keeps compressed payloads, up to
//! a limit in bytes. Many threads can use one store.

mod cache;
pub(crate) mod check;
pub(crate) mod rewrite;
mod shard;
pub(crate) mod writer;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use cache::Cache;
use shard::Shard;

use crate::{
    codec,
    error::{Error, Result},
    frames::Frames,
    manifest::{Manifest, tables},
    schema::{
        clip::{Clip, ClipMeta},
        split::Split,
    },
};

/// Default size limit of the payload cache.
const CACHE_BYTES: usize = 512 << 20;

/// The published clips of a dataset root.
pub struct ClipStore {
    clips: Vec<ClipMeta>,
    /// Shard, row and expected payload hash of each clip.
    places: Vec<Place>,
    shards: Vec<Shard>,
    by_id: HashMap<String, usize>,
    cache: Mutex<Cache>,
}

struct Place {
    shard: usize,
    row: usize,
    payload_hash: String,
}

impl ClipStore {
    /// Opens the published clips of a split, or of all splits with `None`.
    ///
    /// # Errors
    /// If the manifest or one of its shards cannot be read, is damaged, or has a later format.
    pub fn open(root: &Utf8Path, split: impl Into<Option<Split>>) -> Result<Self> {
        let split = split.into();
        let manifest = Manifest::load(root)?;
        let opened: Vec<_> = manifest
            .table(tables::CLIPS)
            .par_iter()
            .map(|entry| Shard::open(root, entry))
            .collect::<Result<_>>()?;
        let (mut shards, mut rows) = (Vec::new(), Vec::new());
        for (number, (shard, clips)) in opened.into_iter().enumerate() {
            shards.push(shard);
            let place =
                |(row, (clip, payload_hash))| (clip, Place { shard: number, row, payload_hash });
            rows.extend(clips.into_iter().enumerate().map(place));
        }
        rows.retain(|(clip, _)| split.is_none_or(|split| clip.split == split));
        rows.sort_by(|(a, _), (b, _)| a.order().cmp(&b.order()));
        // The same content at two paths is one clip. Otherwise training would weigh it twice.
        rows.dedup_by(|(later, _), (first, _)| {
            let same = later.clip_id == first.clip_id;
            if same {
                tracing::warn!(
                    clip_id = first.clip_id,
                    "the clip is published twice; the second copy is ignored"
                );
            }
            same
        });
        let (clips, places) = rows.into_iter().unzip();
        Ok(Self::of(clips, places, shards))
    }

    fn of(clips: Vec<ClipMeta>, places: Vec<Place>, shards: Vec<Shard>) -> Self {
        let by_id = clips.iter().enumerate().map(|(i, clip)| (clip.clip_id.clone(), i)).collect();
        Self { clips, places, shards, by_id, cache: Mutex::new(Cache::new(CACHE_BYTES)) }
    }

    /// Keeps only the clips that are `wanted`.
    #[must_use]
    pub fn only(self, wanted: impl Fn(&ClipMeta) -> bool) -> Self {
        let rows = self.clips.into_iter().zip(self.places);
        let (clips, places) = rows.filter(|(clip, _)| wanted(clip)).unzip();
        Self::of(clips, places, self.shards)
    }

    /// Limits the payload cache to `bytes`; 0 disables it.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache = Mutex::new(Cache::new(bytes));
        self
    }

    /// All clips, ordered by source, then time.
    #[must_use]
    pub fn clips(&self) -> &[ClipMeta] {
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
        self.by_id.get(clip_id).copied()
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
        let clip = self.clip(i)?;
        let frames = clip.frame_count();
        if len == 0 || first.checked_add(len).is_none_or(|end| end > frames) {
            return Err(Error::Range { clip_id: clip.clip_id.clone(), frames, first, len });
        }
        let payload = self.payload(i)?;
        codec::decode_range(&payload, first, len).map_err(|source| self.payload_error(i, source))
    }

    /// Reads clip `i` with all its frames.
    ///
    /// # Errors
    /// As [`Self::frames`].
    pub fn read(&self, i: usize) -> Result<Clip> {
        Ok(Clip { meta: self.clip(i)?.clone(), frames: self.frames(i)? })
    }

    fn clip(&self, i: usize) -> Result<&ClipMeta> {
        self.clips.get(i).ok_or(Error::NoClip { index: i, count: self.clips.len() })
    }

    /// Returns the payload of clip `i`, after checking its hash and its shape against the row.
    fn payload(&self, i: usize) -> Result<Arc<[u8]>> {
        // Another reader's panic cannot make the cache inconsistent in a way that matters.
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = cache().get(i) {
            return Ok(payload);
        }
        let (clip, place) = (&self.clips[i], &self.places[i]);
        let shard = &self.shards[place.shard];
        // Read outside the lock, so that readers of other clips do not wait for this read.
        let payload = shard.payload(place.row)?;
        if blake3::hash(&payload).to_hex().as_str() != place.payload_hash {
            let (path, clip_id) = (shard.path.clone(), clip.clip_id.clone());
            return Err(Error::Hash { path, row: place.row, clip_id, what: "payload" });
        }
        let shape = codec::shape(&payload).map_err(|source| self.payload_error(i, source))?;
        if (shape.t, shape.height, shape.width)
            != (clip.frame_count(), clip.height as usize, clip.width as usize)
        {
            let problem = format!(
                "the payload has {}×{}×{} frames, but the row says otherwise",
                shape.t, shape.height, shape.width
            );
            return Err(Error::Value {
                path: shard.path.clone(),
                row: place.row,
                field: "payload",
                problem,
            });
        }
        cache().put(i, payload.clone());
        Ok(payload)
    }

    fn payload_error(&self, i: usize, source: codec::CodecError) -> Error {
        let place = &self.places[i];
        let path: Utf8PathBuf = self.shards[place.shard].path.clone();
        Error::Payload { path, row: place.row, clip_id: self.clips[i].clip_id.clone(), source }
    }
}

#[cfg(test)]
mod tests;
