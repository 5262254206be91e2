//! What the page shows of every clip of a dataset, at one moment.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{
    ClipKey, ClipRow, ClipStore, Manifest, Scores, Split, stream_clip_rows, tables,
};

use crate::reject::Reason;

/// Memory for compressed frames, in bytes. A clip has about a megabyte.
const FRAMES_CACHE: usize = 64 << 20;

/// What the page shows of a clip, apart from its scores.
#[derive(Clone, Copy, Debug)]
pub struct ClipFacts {
    pub key: ClipKey,
    /// Number in [`WallFacts::sources`].
    pub source: u32,
    /// Number in [`WallFacts::reasons`]; `None` if there is no reason.
    pub reason: Option<u32>,
    /// The clip of which this one is a near-duplicate.
    pub original: Option<ClipKey>,
    pub split: Split,
    /// Whether the clip is in a shard. Only then there are pictures.
    pub kept: bool,
    pub frames: u32,
    pub fps: f32,
    /// Start in the source, in seconds.
    pub start: f32,
    /// Video stream of the source, and the time stamps of the first and the last frame there.
    pub stream: u32,
    pub pts: (i64, i64),
}

/// The clips of a dataset, at one moment.
pub struct WallFacts {
    /// Changes with every change of the dataset.
    pub version: String,
    pub clips: Vec<ClipFacts>,
    /// Paths of the sources.
    pub sources: Vec<String>,
    /// Reasons why clips are not kept.
    pub reasons: Vec<String>,
    /// Frames of the kept clips.
    pub store: ClipStore,
    /// `[clip, score]`; NaN for a clip without a quality.
    scores: Vec<f32>,
    /// Whether a clip has a quality.
    pub has_quality: bool,
    /// Numbers of the clips, sorted by key.
    by_key: Vec<u32>,
    /// Numbers of the near-duplicates of clips.
    copies: HashMap<ClipKey, Vec<u32>>,
}

impl WallFacts {
    /// Reads the facts of a dataset root.
    ///
    /// # Errors
    /// If a file of the catalog or a shard is damaged.
    pub fn read(root: &Utf8Path) -> Result<Self> {
        let manifest = Manifest::load(root).context("cannot read the manifest of the dataset")?;
        let store =
            ClipStore::of_manifest(root, &manifest, None).context("cannot read the clips")?;
        let mut facts = Self {
            version: manifest.content_hash(),
            clips: Vec::new(),
            sources: Vec::new(),
            reasons: Vec::new(),
            store: store.with_cache_bytes(FRAMES_CACHE),
            scores: Vec::new(),
            has_quality: false,
            by_key: Vec::new(),
            copies: HashMap::new(),
        };
        let (mut sources, mut reasons) = (Numbers::default(), Numbers::default());
        for entry in manifest.table(tables::CLIP_ROWS) {
            for rows in stream_clip_rows(root, entry)? {
                for row in rows? {
                    let source = sources.of(&row.meta.source_path);
                    let reason = row.reason.as_deref().map(|reason| reasons.of(reason));
                    facts.add(&row, source, reason);
                }
            }
        }
        (facts.sources, facts.reasons) = (sources.names, reasons.names);
        let count = u32::try_from(facts.clips.len()).context("there are too many clips")?;
        facts.by_key = (0..count).collect();
        facts.by_key.sort_unstable_by_key(|clip| facts.clips[*clip as usize].key);
        for (number, clip) in (0..).zip(&facts.clips) {
            if let Some(original) = clip.original {
                facts.copies.entry(original).or_default().push(number);
            }
        }
        Ok(facts)
    }

    fn add(&mut self, row: &ClipRow, source: u32, reason: Option<u32>) {
        let ClipRow { meta, kept, duplicate_of, quality, .. } = row;
        let (numerator, denominator) = meta.time_base;
        let start = meta.start_pts as f64 * f64::from(numerator) / f64::from(denominator.max(1));
        self.clips.push(ClipFacts {
            key: meta.clip_id.as_str().into(),
            source,
            reason,
            original: duplicate_of.as_deref().map(ClipKey::from),
            split: meta.split,
            kept: *kept,
            frames: u32::try_from(meta.frame_count()).unwrap_or(u32::MAX),
            fps: narrow(meta.fps),
            start: narrow(start),
            stream: meta.stream,
            pts: (meta.start_pts, meta.end_pts),
        });
        self.scores.extend(meta.scores.named().map(|(_, value)| value));
        self.scores.push(quality.unwrap_or(f32::NAN));
        self.has_quality |= quality.is_some();
    }

    /// The number of the clip with this id.
    pub fn position(&self, key: ClipKey) -> Option<u32> {
        let clip = |number: &u32| self.clips[*number as usize].key;
        self.by_key.binary_search_by_key(&key, clip).ok().map(|place| self.by_key[place])
    }

    /// The scores of a clip, in the order of [`score_names`].
    pub fn scores(&self, clip: u32) -> &[f32] {
        let (width, clip) = (self.scores.len() / self.clips.len().max(1), clip as usize);
        &self.scores[clip * width..(clip + 1) * width]
    }

    /// The near-duplicates of a clip.
    pub fn copies(&self, key: ClipKey) -> &[u32] {
        self.copies.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The reason of a clip that is not kept.
    pub fn reason(&self, clip: &ClipFacts) -> Option<&str> {
        clip.reason.map(|reason| self.reasons[reason as usize].as_str())
    }

    /// Whether `ingest.keep` alone decides about a clip.
    ///
    /// It does not for stretches that were cut out, and for copies of other clips.
    pub fn is_decided_by_keep(&self, clip: &ClipFacts) -> bool {
        let is_copy = |reason: &str| reason == Reason::NearDuplicate.code();
        let reason = self.reason(clip);
        reason.is_none_or(|reason| !Reason::is_of_cutter(reason) && !is_copy(reason))
    }
}

/// Name of the score that a quality network gives.
pub const QUALITY: &str = "quality";

/// The names of the scores. The last one is the quality, which not every clip has.
pub fn score_names() -> Vec<&'static str> {
    Scores::default().named().map(|(name, _)| name).chain([QUALITY]).collect()
}

#[allow(clippy::cast_possible_truncation, reason = "a number to show")]
fn narrow(number: f64) -> f32 {
    number as f32
}

/// Numbers of names, in the order of their first use.
#[derive(Default)]
struct Numbers {
    names: Vec<String>,
    by_name: HashMap<String, u32>,
}

impl Numbers {
    fn of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), number);
        number
    }
}
