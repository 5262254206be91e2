//! How the near pairs of a catalog change, and which clips need a new decision.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{NearPair, near_pairs_of_file};
use rayon::prelude::*;

use super::survey::Survey;
use crate::catalog::near_duplicates::PairSearch;
use crate::catalog::partitions::{CatalogLayout, KeyPrefix, PartitionFiles, key_of};

/// The change of the near pairs of a catalog.
pub struct PairChange<'a> {
    /// All clips were compared again, so no stored pair counts.
    is_reset: bool,
    /// Ids of sources whose pairs go.
    dropped: &'a HashSet<String>,
    /// New pairs, by the key of the worse clip's source.
    new: BTreeMap<u64, Vec<NearPair>>,
    /// Number of comparisons that were left out.
    pub skipped: u64,
}

impl<'a> PairChange<'a> {
    /// Searches the near pairs of new clips, or of all clips if `all` is true.
    pub fn search(root: &Utf8Path, survey: &'a Survey, memory_mb: u64, all: bool) -> Result<Self> {
        let dropped = &survey.dropped;
        let search = PairSearch::new(root, &survey.units, dropped, memory_mb);
        let found = if all { None } else { search.new_clips(&survey.touched)? };
        let is_reset = found.is_none();
        let found = found.map_or_else(|| search.all(), Ok)?;
        let mut new: BTreeMap<u64, Vec<NearPair>> = BTreeMap::new();
        for pair in found.pairs {
            new.entry(key_of(&pair.worse.source_id)).or_default().push(pair);
        }
        Ok(Self { is_reset, dropped, new, skipped: found.skipped })
    }

    /// Whether all clips need a new decision.
    pub fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// The pairs of a part of the catalog after the change.
    pub fn apply(&self, prefix: KeyPrefix, stored: &mut Vec<NearPair>) {
        stored.retain(|pair| self.stays(pair));
        stored.extend(self.new.range(prefix.range()).flat_map(|(_, pairs)| pairs.iter().cloned()));
    }

    /// The clips that need a new decision, with all their pairs.
    ///
    /// These are clips of new or dropped pairs, the clips `undecided`, and all clips that are
    /// connected with them by pairs. With `all` they are all clips with pairs.
    pub fn open_clips(
        &self,
        root: &Utf8Path,
        layout: &CatalogLayout,
        undecided: HashSet<String>,
        all: bool,
    ) -> Result<OpenClips> {
        let all = all || self.is_reset;
        let mut members = undecided;
        let mut open = OpenClips::default();
        let mut pairs = BTreeSet::new();
        for pair in self.new.values().flatten() {
            members.extend([pair.worse.clip_id.clone(), pair.better.clip_id.clone()]);
            pairs.insert(pair.clone());
        }
        if self.is_reset {
            open.pairs.extend(pairs);
            return Ok(open);
        }
        let files: Vec<&PartitionFiles> =
            layout.partitions.values().filter(|files| files.pairs.is_some()).collect();
        if !self.dropped.is_empty() {
            let lost = read(root, &files, |pair| !self.stays(pair))?;
            let ends = lost.into_iter().flat_map(|pair| [pair.worse, pair.better]);
            let left = ends.filter(|clip| !self.dropped.contains(&clip.source_id));
            open.freed.extend(left.map(|clip| (clip.clip_id, clip.source_id)));
            members.extend(open.freed.keys().cloned());
        }
        if members.is_empty() && !all {
            return Ok(open);
        }
        loop {
            let is_open = |pair: &NearPair| {
                let ends = [&pair.worse.clip_id, &pair.better.clip_id];
                self.stays(pair) && (all || ends.into_iter().any(|id| members.contains(id)))
            };
            let found = read(root, &files, is_open)?;
            let before = members.len();
            for pair in &found {
                members.extend([pair.worse.clip_id.clone(), pair.better.clip_id.clone()]);
            }
            pairs.extend(found);
            if all || members.len() == before {
                open.pairs.extend(pairs);
                return Ok(open);
            }
        }
    }

    fn stays(&self, pair: &NearPair) -> bool {
        let is_gone = |id: &String| self.dropped.contains(id);
        !self.is_reset && !is_gone(&pair.worse.source_id) && !is_gone(&pair.better.source_id)
    }
}

/// The clips that need a new decision.
#[derive(Default)]
pub struct OpenClips {
    /// All pairs of these clips.
    pub pairs: Vec<NearPair>,
    /// Clips that lost a pair, and perhaps all of them, with their sources.
    pub freed: HashMap<String, String>,
}

impl OpenClips {
    /// Ids of the sources of the clips, by the id of the clip.
    pub fn sources(&self) -> HashMap<&str, &str> {
        let ends = self.pairs.iter().flat_map(|pair| [&pair.worse, &pair.better]);
        let of_pairs = ends.map(|clip| (clip.clip_id.as_str(), clip.source_id.as_str()));
        let freed = self.freed.iter().map(|(clip, source)| (clip.as_str(), source.as_str()));
        of_pairs.chain(freed).collect()
    }
}

/// Reads the stored pairs for which `is_wanted` is true.
fn read(
    root: &Utf8Path,
    files: &[&PartitionFiles],
    is_wanted: impl Fn(&NearPair) -> bool + Sync,
) -> Result<Vec<NearPair>> {
    let of_file = |files: &&PartitionFiles| -> Result<Vec<NearPair>> {
        let Some(entry) = &files.pairs else { return Ok(Vec::new()) };
        let mut pairs = near_pairs_of_file(root, entry)?;
        pairs.retain(&is_wanted);
        Ok(pairs)
    };
    let parts: Vec<Vec<NearPair>> = files.par_iter().map(of_file).collect::<Result<_>>()?;
    Ok(parts.into_iter().flatten().collect())
}
