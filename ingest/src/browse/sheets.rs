//! Pictures of clips: some frames of a clip in one JPEG file, which the page plays.
//!
//! A sheet is made when it is first asked for. Sheets that were used least recently are forgotten
//! above [`MEMORY`]. The browser keeps its own copies, because the frames of a clip never change.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use genie_shards::{ClipKey, ClipStore};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage, imageops};

/// Memory for sheets, in bytes: some thousand thumbnails.
const MEMORY: usize = 128 << 20;
/// Quality of JPEG, from 1 to 100.
const QUALITY: u8 = 85;

/// How much of a clip a sheet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SheetKind {
    /// At most 12 frames, in one row.
    Thumbnail,
    /// At most 256 frames, in rows of 16.
    Whole,
}

impl SheetKind {
    /// The most frames; `ingest/page/sheets.js` has the same numbers.
    fn frames(self) -> usize {
        match self {
            Self::Thumbnail => 12,
            Self::Whole => 256,
        }
    }

    /// The number of frames in a row.
    fn columns(self) -> usize {
        match self {
            Self::Thumbnail => 12,
            Self::Whole => 16,
        }
    }

    /// The longest side of a frame, in pixels.
    fn side(self) -> usize {
        match self {
            Self::Thumbnail => 192,
            Self::Whole => 480,
        }
    }
}

/// The sheets that were used last.
#[derive(Default)]
pub struct SheetCache(Mutex<Sheets>);

/// A sheet, and when it was used last.
type UsedSheet = (Arc<[u8]>, u64);

#[derive(Default)]
struct Sheets {
    by_clip: HashMap<(ClipKey, SheetKind), UsedSheet>,
    /// What was used when; the first one was used least recently.
    used: BTreeMap<u64, (ClipKey, SheetKind)>,
    bytes: usize,
    clock: u64,
}

impl SheetCache {
    /// Returns a sheet that is in memory.
    pub fn known(&self, key: ClipKey, kind: SheetKind) -> Option<Arc<[u8]>> {
        self.sheets().get(key, kind)
    }

    /// Returns a sheet of a kept clip. Blocks while it is made.
    ///
    /// # Errors
    /// If the frames cannot be read.
    pub fn sheet(&self, store: &ClipStore, key: ClipKey, kind: SheetKind) -> Result<Arc<[u8]>> {
        if let Some(sheet) = self.known(key, kind) {
            return Ok(sheet);
        }
        // Made without the lock. Two requests at a time make it twice, which is rare.
        let sheet: Arc<[u8]> = make(store, key, kind)?.into();
        self.sheets().put(key, kind, Arc::clone(&sheet), MEMORY);
        Ok(sheet)
    }

    /// Makes the sheets of decoded frames, each RGB of `size` (height, width).
    ///
    /// # Errors
    /// If a frame has another size.
    pub fn add(&self, key: ClipKey, frames: &[Vec<u8>], size: (usize, usize)) -> Result<()> {
        for kind in [SheetKind::Thumbnail, SheetKind::Whole] {
            let sheet = compose(frames.len(), size, kind, |frame| Ok(frames[frame].clone()))?;
            self.sheets().put(key, kind, sheet.into(), MEMORY);
        }
        Ok(())
    }

    fn sheets(&self) -> MutexGuard<'_, Sheets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sheets {
    fn get(&mut self, key: ClipKey, kind: SheetKind) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let (sheet, used) = self.by_clip.get_mut(&(key, kind))?;
        self.used.remove(used);
        *used = self.clock;
        self.used.insert(self.clock, (key, kind));
        Some(Arc::clone(sheet))
    }

    fn put(&mut self, key: ClipKey, kind: SheetKind, sheet: Arc<[u8]>, memory: usize) {
        self.clock += 1;
        self.bytes += sheet.len();
        if let Some((old, used)) = self.by_clip.insert((key, kind), (sheet, self.clock)) {
            self.bytes -= old.len();
            self.used.remove(&used);
        }
        self.used.insert(self.clock, (key, kind));
        while self.bytes > memory {
            let Some((_, oldest)) = self.used.pop_first() else { return };
            let forgotten = self.by_clip.remove(&oldest).map_or(0, |(sheet, _)| sheet.len());
            self.bytes -= forgotten;
        }
    }
}

/// The frames of a sheet: all, or as many as are allowed, at equal distances.
fn frames_of(count: usize, kind: SheetKind) -> Vec<usize> {
    let shown = count.min(kind.frames());
    (0..shown).map(|number| number * count / shown).collect()
}

/// Makes the sheet of a clip in a shard.
fn make(store: &ClipStore, key: ClipKey, kind: SheetKind) -> Result<Vec<u8>> {
    let clip = store.position(&key.to_string()).context("there is no such clip in a shard")?;
    let stored = store.clips()[clip];
    compose(stored.frame_count(), stored.size(), kind, |frame| {
        Ok(store.window(clip, frame, 1)?.data)
    })
}

/// Puts frames of a clip, which has `count` of them of `size` (height, width), on a sheet.
fn compose(
    count: usize,
    (height, width): (usize, usize),
    kind: SheetKind,
    rgb: impl Fn(usize) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let largest = height.max(width).max(1);
    let shrunk = |side: usize| (side * kind.side().min(largest) / largest).max(1);
    let (sheet_height, sheet_width) = (shrunk(height), shrunk(width));
    let frames = frames_of(count, kind);
    let columns = frames.len().clamp(1, kind.columns());
    let rows = frames.len().div_ceil(columns).max(1);
    let side = |cells: usize, side: usize| u32::try_from(cells * side).unwrap_or(u32::MAX);
    let mut sheet = RgbImage::new(side(columns, sheet_width), side(rows, sheet_height));
    for (place, frame) in frames.into_iter().enumerate() {
        let picture = RgbImage::from_raw(side(1, width), side(1, height), rgb(frame)?);
        let mut picture = picture.context("a frame has too few pixels")?;
        if (sheet_height, sheet_width) != (height, width) {
            picture = imageops::thumbnail(&picture, side(1, sheet_width), side(1, sheet_height));
        }
        let (x, y) = (side(place % columns, sheet_width), side(place / columns, sheet_height));
        imageops::replace(&mut sheet, &picture, x.into(), y.into());
    }
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY)
        .encode(sheet.as_raw(), sheet.width(), sheet.height(), ExtendedColorType::Rgb8)
        .context("the pictures of the clip cannot be encoded")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a sheet shows the first second only, a frame twice, or none.
    #[test]
    fn frames_are_spread_over_the_clip() {
        assert_eq!(frames_of(5, SheetKind::Thumbnail), [0, 1, 2, 3, 4]);
        let many = frames_of(160, SheetKind::Thumbnail);
        assert_eq!((many.len(), many[0], many[11]), (12, 0, 146));
        assert_eq!(frames_of(256, SheetKind::Whole).last(), Some(&255));
        assert_eq!(frames_of(1000, SheetKind::Whole).len(), 256);
        assert_eq!(frames_of(0, SheetKind::Whole), [0; 0]);
    }

    /// Catches: the memory for sheets grows; the sheet that is on the screen is forgotten.
    #[test]
    fn the_memory_is_bounded() {
        let (mut sheets, kind) = (Sheets::default(), SheetKind::Thumbnail);
        let keys: Vec<ClipKey> = (0..9).map(|i| format!("{i}").as_str().into()).collect();
        for key in &keys {
            assert!(sheets.get(*key, kind).is_none());
            sheets.put(*key, kind, vec![0; 10].into(), 40);
            assert!(sheets.get(keys[0], kind).is_some(), "it was used just now");
        }
        assert_eq!((sheets.bytes, sheets.by_clip.len(), sheets.used.len()), (40, 4, 4));
        sheets.put(keys[0], kind, vec![0; 5].into(), 40);
        assert_eq!((sheets.bytes, sheets.used.len()), (35, 4));
        sheets.put(keys[1], kind, vec![0; 50].into(), 40);
        assert_eq!((sheets.bytes, sheets.by_clip.len()), (0, 0), "it is larger than the memory");
    }
}
