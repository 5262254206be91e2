//! Which sources are held out.
//!
//! The hash of a source's content, as a fraction between 0 and 1, decides: the source is held out
//! if the fraction is below `data.held_out`. So the split of a source never depends on other
//! sources.
//!
//! In a small dataset a split may be empty by chance. Then nothing can be measured, or nothing
//! trained. So after a run has decoded everything, one new source with clips moves to an empty
//! split: the one with the smallest hash to the held-out split, or the one with the largest hash to
//! the training split. A source that an earlier run kept clips of never moves, because models may
//! have been trained on it. A new source that shows the same play as such a source gets its split.

use std::collections::{BTreeMap, HashMap};

use genie_shards::{ClipRow, SourceRow, Split};

use crate::catalog::row_kinds::is_decided;

/// A hash in hex as a fraction between 0 and 1.
fn fraction(source_id: &str) -> f64 {
    let head = source_id.get(..13).and_then(|head| u64::from_str_radix(head, 16).ok());
    // 13 hex digits are 52 bits, which an f64 represents exactly.
    head.unwrap_or(0) as f64 / (1_u64 << 52) as f64
}

/// The split of a new source.
pub fn split_of(source_id: &str, held_out: f64) -> Split {
    if fraction(source_id) < held_out { Split::HeldOut } else { Split::Train }
}

/// A source with kept clips.
pub enum KeptSource {
    /// Its split was decided earlier.
    Decided(Split),
    /// It is new. `split` is the one of its clips, and `id` its content hash.
    New { id: String, split: Split },
}

/// What the splits of new sources depend on.
#[derive(Default)]
pub struct SplitSurvey {
    pub kept: Vec<KeptSource>,
    /// Sources whose clips are kept in place of clips of sources that have a split, and that split.
    ///
    /// For example, a merged download is kept in place of the stream that an earlier run found.
    same_play: HashMap<String, Split>,
}

impl SplitSurvey {
    /// Adds the sources and clips of a part of the catalog.
    ///
    /// `sources_of` has the source of each clip of which there are near-duplicates.
    pub fn add(
        &mut self,
        sources: &[SourceRow],
        clips: &[ClipRow],
        sources_of: &HashMap<&str, &str>,
    ) {
        let decided = sources.iter().filter(|row| is_decided(row));
        let splits: HashMap<&str, Option<Split>> =
            decided.map(|row| (row.source_id.as_str(), row.split)).collect();
        let kept: BTreeMap<&str, Split> = (clips.iter().filter(|row| row.kept))
            .map(|row| (row.meta.source_id.as_str(), row.meta.split))
            .collect();
        for (id, split) in kept {
            self.kept.push(match splits.get(id).copied().flatten() {
                Some(split) => KeptSource::Decided(split),
                None => KeptSource::New { id: id.to_owned(), split },
            });
        }
        for row in clips {
            let original = row.duplicate_of.as_deref().and_then(|clip| sources_of.get(clip));
            let split = splits.get(row.meta.source_id.as_str()).copied().flatten();
            if let (Some(&original), Some(split)) = (original, split) {
                self.add_same_play(original.to_owned(), split);
            }
        }
    }

    fn add_same_play(&mut self, original: String, split: Split) {
        // The training split is the safe one, if there are several.
        let known = self.same_play.entry(original).or_insert(split);
        *known = split.min(*known);
    }

    /// The survey of two parts of a catalog.
    pub fn merge(mut self, other: Self) -> Self {
        self.kept.extend(other.kept);
        for (original, split) in other.same_play {
            self.add_same_play(original, split);
        }
        self
    }

    /// The splits of new sources that differ from those of their clips.
    pub fn decide(self, held_out: f64) -> HashMap<String, Split> {
        let Self { mut kept, same_play } = self;
        let mut moved = HashMap::new();
        for source in &mut kept {
            if let KeptSource::New { id, .. } = source
                && let Some(&split) = same_play.get(id.as_str())
            {
                moved.insert(std::mem::take(id), split);
                *source = KeptSource::Decided(split);
            }
        }
        moved.extend(balanced(&kept, held_out));
        moved
    }
}

/// The new source that must move so that both splits have clips, and its new split.
///
/// `None` if both splits have clips, if no new source can move, or if there is only one source and
/// it is in the training split.
fn balanced(kept: &[KeptSource], held_out: f64) -> Option<(String, Split)> {
    let split = |source: &KeptSource| match source {
        KeptSource::Decided(split) | KeptSource::New { split, .. } => *split,
    };
    let is_empty = |of| !kept.iter().any(|source| split(source) == of);
    let new = kept.iter().filter_map(|source| match source {
        KeptSource::New { id, .. } => Some(id),
        KeptSource::Decided(_) => None,
    });
    let (id, split) = if held_out > 0.0 && is_empty(Split::HeldOut) {
        (new.min()?, Split::HeldOut)
    } else if is_empty(Split::Train) {
        (new.max()?, Split::Train)
    } else {
        return None;
    };
    // A single source belongs to the training split.
    (kept.len() > 1 || split == Split::Train).then(|| (id.clone(), split))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| blake3::hash(&n.to_le_bytes()).to_hex().to_string()).collect()
    }

    fn kept(ids: &[String], wanted: f64) -> Vec<KeptSource> {
        let source = |id: &String| KeptSource::New { id: id.clone(), split: split_of(id, wanted) };
        ids.iter().map(source).collect()
    }

    /// Number of held-out sources after balancing.
    fn held(ids: &[String], wanted: f64) -> usize {
        let moved = balanced(&kept(ids, wanted), wanted);
        let split = |id: &String| match &moved {
            Some((other, split)) if other == id => *split,
            _ => split_of(id, wanted),
        };
        ids.iter().filter(|id| split(id) == Split::HeldOut).count()
    }

    /// Catches: a fraction does not follow the uniform distribution.
    #[test]
    fn about_as_many_as_wanted() {
        assert!((70..130).contains(&held(&ids(1000), 0.1)));
    }

    /// Catches: a small dataset has an empty split.
    #[test]
    fn both_splits_exist() {
        for count in 2..30 {
            for wanted in [0.0001, 0.1, 0.9999] {
                let held = held(&ids(count), wanted);
                assert!((1..count).contains(&held), "{held} of {count} at {wanted}");
            }
        }
        assert_eq!(held(&ids(1), 0.1), 0, "a single source is for training");
        assert_eq!(held(&ids(1), 0.9999), 0, "even if `held_out` is almost 1");
        assert_eq!(held(&ids(9), 0.0), 0, "`held_out` is 0");
    }

    /// The rows of sources and of one clip of each; `kept` says which clips are kept.
    fn rows(ids: &[String], kept: impl Fn(usize) -> bool) -> (Vec<SourceRow>, Vec<ClipRow>) {
        let source = |id: &String| SourceRow { source_id: id.clone(), ..SourceRow::default() };
        let clip = |(number, id): (usize, &String)| {
            let mut row = ClipRow { kept: kept(number), ..ClipRow::default() };
            (row.meta.source_id, row.meta.clip_id) = (id.clone(), format!("clip {number}"));
            row
        };
        (ids.iter().map(source).collect(), ids.iter().enumerate().map(clip).collect())
    }

    fn decided(
        (sources, clips): &(Vec<SourceRow>, Vec<ClipRow>),
        sources_of: &[(&str, &str)],
        held_out: f64,
    ) -> Vec<(String, Split)> {
        let sources_of = sources_of.iter().copied().collect();
        // The result must not depend on the parts of the catalog.
        let parts = sources.iter().zip(clips).map(|(source, clip)| {
            let mut part = SplitSurvey::default();
            part.add(std::slice::from_ref(source), std::slice::from_ref(clip), &sources_of);
            part
        });
        let all = parts.reduce(SplitSurvey::merge).unwrap();
        let mut decided: Vec<_> = all.decide(held_out).into_iter().collect();
        decided.sort();
        decided
    }

    /// Catches: a held-out split contains only a damaged file; a source moves although both splits
    /// have clips.
    #[test]
    fn only_kept_clips_count() {
        let mut all = ids(20);
        all.sort();
        let mut rows = rows(&all, |number| number > 0);
        let moved = |rows: &_| decided(rows, &[], 0.0001);
        assert_eq!(moved(&rows), [(all[1].clone(), Split::HeldOut)]);
        rows.1[7].meta.split = Split::HeldOut;
        assert_eq!(moved(&rows), []);
    }

    /// Catches: a better copy of a recording moves its play to the other split.
    #[test]
    fn a_better_copy_gets_the_split_of_the_earlier_source() {
        let all = ids(2);
        for earlier in [Split::Train, Split::HeldOut] {
            let mut rows = rows(&all, |number| number == 1);
            rows.0[0].split = Some(earlier);
            rows.1[0].duplicate_of = Some("clip 1".to_owned());
            let moved = decided(&rows, &[("clip 1", &all[1])], 0.0);
            assert_eq!(moved, [(all[1].clone(), earlier)]);
        }
    }

    /// Catches: a source on which models were trained is held out on a later night; a new source
    /// does not fill an empty split; a source that has no kept clip fills it.
    #[test]
    fn a_split_is_decided_once() {
        let mut all = ids(3);
        all.sort();
        let mut rows = rows(&all, |number| number < 2);
        rows.0[0].split = Some(Split::Train);
        assert_eq!(decided(&rows, &[], 0.0001), [(all[1].clone(), Split::HeldOut)]);
        rows.0[1].split = Some(Split::HeldOut);
        // The held-out source loses its clip, and no new source is there.
        rows.1[1].kept = false;
        assert_eq!(decided(&rows, &[], 0.0001), []);
    }
}
