//! Features of the real clips and of their probes, stored on disk.
//!
//! They are the same for every checkpoint that is measured on these clips, and for I3D on a CPU
//! they take hours. `<root>/features/<key>.f32` has the features of at most [`CHUNK`] windows, as
//! little-endian floats. The key contains the encoder and the windows, whose clip ids are hashes of
//! content. So a file is never out of date. A killed run resumes after the last whole file. All
//! files may be deleted.

use std::fs;
use std::ops::Range;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::key::Key;

use crate::distance::encoder::{ClipFeatures, EncoderDescription, features_of};
use crate::distance::features::Features;
use crate::distance::probe;
use crate::held_out::HeldOutWindow;
use crate::measure::{MeasurementObserver, load_batch};
use crate::world::VideoBatch;

/// Version of the files' content.
const FORMAT: u32 = 1;
/// Windows per file.
const CHUNK: usize = 64;

/// Features of the real clips, and of the first clips frozen and with shuffled frames.
pub struct RealFeatures {
    pub real: Features,
    pub frozen: Features,
    pub shuffled: Features,
}

/// The real clips, and the directory for their features.
pub struct RealClips<'a> {
    pub windows: &'a [HeldOutWindow],
    /// Frames of each window.
    pub frames: usize,
    /// Reads a window as `[1, time, height, width, 3]`.
    pub load: &'a dyn Fn(usize) -> Result<VideoBatch>,
    /// Windows per batch of the encoder.
    pub batch: usize,
    /// Root of the dataset.
    pub root: &'a Utf8Path,
}

impl RealClips<'_> {
    /// Returns the features, from disk where they are stored; `None` if the observer stops it.
    ///
    /// # Errors
    /// Fails if windows cannot be read or encoded, or if features cannot be stored.
    pub fn features(
        &self,
        encoder: &dyn ClipFeatures,
        observer: &dyn MeasurementObserver,
    ) -> Result<Option<RealFeatures>> {
        let mut sets: [Vec<f32>; 3] = Default::default();
        for start in (0..self.windows.len()).step_by(CHUNK) {
            let range = start..(start + CHUNK).min(self.windows.len());
            let probes = if start < probe::MOST_CLIPS { sets.len() } else { 1 };
            let Some(chunk) = self.chunk(encoder, range.clone(), probes, observer)? else {
                return Ok(None);
            };
            let length = range.len() * encoder.encoder().dimension;
            for (set, part) in sets.iter_mut().zip(chunk.chunks(length)) {
                set.extend_from_slice(part);
            }
        }
        let [real, frozen, shuffled] =
            sets.map(|set| Features::new(encoder.encoder().dimension, set));
        Ok(Some(RealFeatures { real, frozen, shuffled }))
    }

    /// Returns the first `sets` sets of features (real, frozen, shuffled) of some windows.
    fn chunk(
        &self,
        encoder: &dyn ClipFeatures,
        range: Range<usize>,
        sets: usize,
        observer: &dyn MeasurementObserver,
    ) -> Result<Option<Vec<f32>>> {
        let path = self.path(encoder.encoder(), range.clone(), sets);
        let length = sets * range.len() * encoder.encoder().dimension;
        if let Some(found) = read(&path, length) {
            observer.found(range.len());
            return Ok(Some(found));
        }
        let mut found = [const { Vec::new() }; 3];
        for start in range.clone().step_by(self.batch) {
            if observer.stopped() {
                return Ok(None);
            }
            let end = (start + self.batch).min(range.end);
            let clips = load_batch(self.windows, start..end, self.load)?;
            found[0].extend(features_of(encoder, &clips)?);
            if sets > 1 {
                found[1].extend(features_of(encoder, &probe::frozen(&clips))?);
                found[2].extend(features_of(encoder, &probe::shuffled(&clips, start))?);
            }
            observer.advance(clips.batch);
        }
        let found = found.concat();
        let bytes: Vec<u8> = found.iter().flat_map(|value| value.to_le_bytes()).collect();
        genie_durable::write(&path, bytes).context("cannot store the features of real clips")?;
        Ok(Some(found))
    }

    fn path(&self, encoder: &EncoderDescription, range: Range<usize>, sets: usize) -> Utf8PathBuf {
        let windows: Vec<_> = self.windows[range.clone()]
            .iter()
            .map(|window| (&window.clip_id, window.first))
            .collect();
        let key = Key::builder("features", FORMAT)
            .config(&serde_json::json!({
                "encoder": encoder.identity,
                "preset": encoder.preset,
                "windows": windows,
                "frames": self.frames,
                "first": range.start,
                "sets": sets,
            }))
            .finish();
        self.root.join("features").join(format!("{}.f32", key.as_str()))
    }
}

/// Reads a file of exactly `length` floats; `None` if it is missing or has another length.
fn read(path: &Utf8Path, length: usize) -> Option<Vec<f32>> {
    let bytes = fs::read(path).ok().filter(|bytes| bytes.len() == length * 4)?;
    let floats = bytes
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    Some(floats.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CountingEncoder, FRAMES, SilentObserver, recordings};

    /// Catches: a second run encodes features again; features of other windows or of another
    /// encoder are used; features depend on the batch size; half a file counts as a whole one.
    #[test]
    fn features_are_kept_by_what_they_are_of() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let (windows, videos) = recordings(20, 4);
        let load = |i: usize| Ok(videos[i].clone());
        let of = |encoder: &CountingEncoder, count: usize, batch: usize| {
            let clips =
                RealClips { windows: &windows[..count], frames: FRAMES, load: &load, batch, root };
            clips.features(encoder, &SilentObserver).unwrap().unwrap()
        };
        let first = CountingEncoder::new("one");
        let found = of(&first, 80, 7);
        assert_eq!((first.clips(), found.real.len(), found.frozen.len()), (3 * 80, 80, 80));
        assert_ne!(found.real, found.frozen);
        let again = CountingEncoder::new("one");
        let kept = of(&again, 80, 5);
        assert_eq!(again.clips(), 0, "all features are stored");
        assert_eq!(
            (kept.real.data(), kept.shuffled.data()),
            (found.real.data(), found.shuffled.data())
        );
        // A file of 64 windows does not depend on the number of all windows.
        let fewer = CountingEncoder::new("one");
        assert_eq!(of(&fewer, 70, 5).real.data(), &found.real.data()[..70 * 3]);
        assert_eq!(fewer.clips(), 3 * 6, "64 windows are stored");
        let other = CountingEncoder::new("two");
        of(&other, 80, 5);
        assert_eq!(other.clips(), 3 * 80);
        for file in fs::read_dir(root.join("features")).unwrap() {
            let path = file.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        }
        let damaged = CountingEncoder::new("one");
        assert_eq!(of(&damaged, 80, 5).real.data(), found.real.data());
        assert_eq!(damaged.clips(), 3 * 80);
    }
}
