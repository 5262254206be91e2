//! Which sources are held out: decided by their content, so that it stays decided.
//!
//! A source is held out if its hash, as a fraction, falls below `data.held_out`. Chance alone may leave a small dataset
//! without one of the two splits, and then nothing can be measured, or nothing trained; so if a split has no clips once a run has
//! decoded everything, the most likely source with clips is moved: the smallest hash to held out, or the largest to train.

use std::collections::BTreeMap;

use genie_shards::{ClipRow, Split};

/// The hash as a fraction of all hashes.
fn fraction(source_id: &str) -> f64 {
    let head = source_id.get(..13).and_then(|head| u64::from_str_radix(head, 16).ok());
    // 13 hex digits are 52 bits: exact in a double.
    head.unwrap_or(0) as f64 / (1_u64 << 52) as f64
}

/// The split of a source that is new.
pub fn split_of(source_id: &str, held_out: f64) -> Split {
    if fraction(source_id) < held_out { Split::HeldOut } else { Split::Train }
}

/// The sources that move, so that both splits have clips; none where both have, or where there is one source only.
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
    // The only source is for training.
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

    /// How many are held out in the end.
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

    /// Would catch a fraction that is not one.
    #[test]
    fn about_as_many_as_wanted() {
        assert!((70..130).contains(&held(&ids(1000), 0.1)));
    }

    /// Would catch a small dataset on which nothing can be measured, or nothing trained.
    #[test]
    fn both_splits_exist() {
        for count in 2..30 {
            for wanted in [0.0001, 0.1, 0.9999] {
                let held = held(&ids(count), wanted);
                assert!((1..count).contains(&held), "{held} of {count} at {wanted}");
            }
        }
        assert_eq!(held(&ids(1), 0.1), 0, "a single source is for training");
        assert_eq!(held(&ids(1), 0.9999), 0, "even where all are wanted held out");
        assert_eq!(held(&ids(9), 0.0), 0, "none wanted");
    }

    /// Would catch a held-out split that holds nothing but a broken file, and sources moved about where both splits have clips.
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
