//! Clips that are searched for, and when two clips form a near pair.

use std::collections::HashMap;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{ClipPrint, NearPair, PairedClip, SourceRow};

use crate::analysis::Likeness;
use crate::catalog::partitions::CatalogUnit;
use crate::catalog::row_kinds::is_decided;

/// A clip that is searched for.
pub struct Query {
    pub clip: PairedClip,
    pub likeness: Likeness,
    /// Whether its source is no longer in the catalog.
    pub is_dropped: bool,
}

impl Query {
    /// The pair with another clip, if this clip or its mirrored picture looks the same.
    pub fn pair(&self, is_mirrored: bool, other: &(PairedClip, Likeness)) -> Option<NearPair> {
        let mirrored = is_mirrored.then(|| self.likeness.mirrored());
        let likeness = mirrored.as_ref().unwrap_or(&self.likeness);
        let (better, worse, looks) = if self.clip < other.0 {
            (&self.clip, &other.0, likeness.resembles(&other.1))
        } else {
            (&other.0, &self.clip, other.1.resembles(likeness))
        };
        looks.then(|| NearPair { worse: worse.clone(), better: better.clone() })
    }
}

/// The likeness of a clip; `None` if it has no fingerprint.
pub fn likeness(print: &ClipPrint<'_>) -> Option<Likeness> {
    let seconds = f64::from(print.frames) / print.fps.max(f64::MIN_POSITIVE);
    Likeness::of(print.fingerprint, seconds, print.fps)
}

/// Pixels and bytes of the sources of a unit.
pub struct Qualities(HashMap<String, (u64, u64)>);

impl Qualities {
    /// Reads the source rows of a unit.
    pub fn read(root: &Utf8Path, unit: &CatalogUnit) -> Result<Self> {
        let quality = |row: &SourceRow| {
            let pixels = u64::from(row.width.unwrap_or(0)) * u64::from(row.height.unwrap_or(0));
            (row.source_id.clone(), (pixels, row.bytes))
        };
        let rows = unit.sources(root)?;
        Ok(Self(rows.iter().filter(|row| is_decided(row)).map(quality).collect()))
    }

    /// A clip of the unit, with what decides whether it is the better one of a pair.
    pub fn paired(&self, print: &ClipPrint<'_>) -> PairedClip {
        let (pixels, bytes) = self.0.get(print.source_id).copied().unwrap_or_default();
        PairedClip {
            clip_id: print.clip_id.to_owned(),
            source_id: print.source_id.to_owned(),
            start_pts: print.start_pts,
            has_actions: print.has_actions,
            pixels,
            bytes,
        }
    }
}
