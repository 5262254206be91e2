//! Which sources are held out.
//!
//! The hash of a source's content, as a fraction between 0 and 1, decides: the source is held out
//! if the fraction is below `data.held_out`. So the split of a source never depends on other
//! sources.
//!
//! In a small dataset a split may be empty by chance. Then nothing can be measured, or nothing
//! trained. So after a run has decoded everything, one source with clips moves to an empty split:
//! the one with the smallest hash to the held-out split, or the one with the largest hash to the
//! training split.

use std::collections::BTreeMap;

use genie_shards::{ClipRow, Split};

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

/// The source that must move so that both splits have clips, and its new split.
///
/// `None` if both splits have clips, or if there is only one source and it is in the training
/// split.
pub fn balanced(clips: &[ClipRow], held_out: f64) -> Option<(String, Split)> {
    let kept = clips.iter().filter(|row| row.kept);
    let sources: BTreeMap<&str, Split> =
        kept.map(|row| (row.meta.source_id.as_str(), row.meta.split)).collect();
    let is_empty = |split| !sources.values().any(|&of| of == split);
    let (id, split) = if held_out > 0.0 && is_empty(Split::HeldOut) {
        (sources.keys().next()?, Split::HeldOut)
    } else if is_empty(Split::Train) {
        (sources.keys().next_back()?, Split::Train)
    } else {
        return None;
    };
    // A single source belongs to the training split.
    (sources.len() > 1 || split == Split::Train).then(|| ((*id).to_owned(), split))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| blake3::hash(&n.to_le_bytes()).to_hex().to_string()).collect()
    }

    fn clips(ids: &[String], wanted: f64) -> Vec<ClipRow> {
        let clip = |id: &String| {
            let mut row = ClipRow { kept: true, ..ClipRow::default() };
            row.meta.source_id.clone_from(id);
            row.meta.split = split_of(id, wanted);
            row
        };
        ids.iter().map(clip).collect()
    }

    /// Number of held-out sources after balancing.
    fn held(ids: &[String], wanted: f64) -> usize {
        let mut clips = clips(ids, wanted);
        if let Some((id, split)) = balanced(&clips, wanted) {
            clips
                .iter_mut()
                .filter(|row| row.meta.source_id == id)
                .for_each(|row| row.meta.split = split);
        }
        clips.iter().filter(|row| row.meta.split == Split::HeldOut).count()
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

    /// Catches: a held-out split contains only a damaged file; a source moves although both splits
    /// have clips.
    #[test]
    fn only_kept_clips_count() {
        let mut all = ids(20);
        all.sort();
        let mut rows = clips(&all, 0.0001);
        rows[0].kept = false;
        assert_eq!(balanced(&rows, 0.0001), Some((all[1].clone(), Split::HeldOut)));
        rows[7].meta.split = Split::HeldOut;
        assert_eq!(balanced(&rows, 0.0001), None);
    }
}
