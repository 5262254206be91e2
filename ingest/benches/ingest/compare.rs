//! Compares the contenders' frames: their number, and the differences of their pixels.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::ClipStore;

use crate::contender::raw;

pub const FRAME_BYTES: usize = 160 * 90 * 3;

/// Difference between the frames of two contenders.
#[derive(Clone, Default)]
pub struct Difference {
    pub frames: usize,
    /// Number of videos whose number of frames differs.
    pub miscounted: usize,
    /// Largest difference of a value, in levels of 255.
    pub most: u8,
    sum: u64,
    values: u64,
}

impl Difference {
    pub fn add(&mut self, expected: &[u8], found: &[u8]) {
        self.frames += found.len() / FRAME_BYTES;
        self.miscounted += usize::from(expected.len() != found.len());
        for (&one, &other) in expected.iter().zip(found) {
            let apart = one.abs_diff(other);
            self.most = self.most.max(apart);
            self.sum += u64::from(apart);
        }
        self.values += expected.len().min(found.len()) as u64;
    }

    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.values.max(1) as f64
    }

    pub fn is_none(&self) -> bool {
        self.frames > 0 && self.miscounted == 0 && self.most == 0
    }

    /// Describes the difference, for the table.
    pub fn describe(&self) -> String {
        let counts = if self.miscounted > 0 {
            format!("{} files miscounted, ", self.miscounted)
        } else {
            String::new()
        };
        if self.most == 0 && self.values > 0 {
            return format!("{counts}equal");
        }
        format!("{counts}mean {:.2}, max {}", self.mean(), self.most)
    }
}

/// Compares two directories of raw frames.
pub fn raws(videos: &[Utf8PathBuf], expected: &Utf8Path, found: &Utf8Path) -> Result<Difference> {
    let mut difference = Difference::default();
    for video in videos {
        difference.add(&read(expected, video)?, &read(found, video)?);
    }
    Ok(difference)
}

/// Compares raw frames with the published clips of each source, in time order.
pub fn shards(videos: &[Utf8PathBuf], expected: &Utf8Path, root: &Utf8Path) -> Result<Difference> {
    let store = ClipStore::open(root, None)?;
    let mut sources: BTreeMap<String, Vec<(i64, usize)>> = BTreeMap::new();
    for index in 0..store.len() {
        let clip = store.meta(index)?;
        sources.entry(clip.source_path).or_default().push((clip.start_pts, index));
    }
    let mut difference = Difference::default();
    for video in videos {
        let mut clips = sources.remove(video.as_str()).unwrap_or_default();
        clips.sort_unstable();
        let mut found = Vec::new();
        for (_, index) in clips {
            found.extend(store.frames(index)?.data);
        }
        difference.add(&read(expected, video)?, &found);
    }
    Ok(difference)
}

/// Returns the sorted video files of a directory.
pub fn videos(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let entries = dir.read_dir_utf8().with_context(|| format!("cannot read {dir}"))?;
    let mut videos: Vec<_> = entries.flatten().map(|entry| entry.path().to_owned()).collect();
    videos.sort();
    Ok(videos)
}

fn read(dir: &Utf8Path, video: &Utf8Path) -> Result<Vec<u8>> {
    let path = raw(dir, video);
    fs::read(&path).with_context(|| format!("cannot read {path}"))
}
