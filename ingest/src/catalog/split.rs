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

use super::row_kinds::is_decided;

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

/// Decides the splits of new sources with kept clips, and stores all splits in the clips' rows.
///
/// The split of another source stays as its row says.
pub fn decide(sources: &mut [SourceRow], clips: &mut [ClipRow], held_out: f64) {
    let mut splits: HashMap<String, Split> = HashMap::new();
    for row in sources.iter().filter(|row| is_decided(row)) {
        splits.extend(row.split.map(|split| (row.source_id.clone(), split)));
    }
    let store = |clips: &mut [ClipRow], splits: &HashMap<String, Split>| {
        for row in clips {
            row.meta.split = *splits.get(&row.meta.source_id).unwrap_or(&row.meta.split);
        }
    };
    let same_play = of_same_play(clips, &splits);
    splits.extend(same_play);
    store(clips, &splits);
    splits.extend(balanced(clips, |id| !splits.contains_key(id), held_out));
    store(clips, &splits);
    let kept = clips.iter().filter(|row| row.kept);
    let decided: HashMap<&str, Split> =
        kept.map(|row| (row.meta.source_id.as_str(), row.meta.split)).collect();
    for row in sources.iter_mut().filter(|row| is_decided(row)) {
        row.split = row.split.or(decided.get(row.source_id.as_str()).copied());
    }
}

/// Splits of new sources whose clips are kept in place of clips of earlier sources.
///
/// For example, a merged download is kept in place of the stream that an earlier run found.
fn of_same_play(clips: &[ClipRow], splits: &HashMap<String, Split>) -> HashMap<String, Split> {
    let sources: HashMap<&str, &str> =
        clips.iter().map(|row| (row.meta.clip_id.as_str(), row.meta.source_id.as_str())).collect();
    let mut new = HashMap::new();
    for row in clips {
        let original = row.duplicate_of.as_deref().and_then(|clip| sources.get(clip));
        let (Some(&original), Some(&split)) = (original, splits.get(&row.meta.source_id)) else {
            continue;
        };
        if !splits.contains_key(original) {
            // The training split is the safe one, if there are several.
            let known = new.entry(original.to_owned()).or_insert(split);
            *known = split.min(*known);
        }
    }
    new
}

/// The new source that must move so that both splits have clips, and its new split.
///
/// `None` if both splits have clips, if no new source can move, or if there is only one source and
/// it is in the training split.
fn balanced(
    clips: &[ClipRow],
    is_new: impl Fn(&str) -> bool,
    held_out: f64,
) -> Option<(String, Split)> {
    let kept = clips.iter().filter(|row| row.kept);
    let sources: BTreeMap<&str, Split> =
        kept.map(|row| (row.meta.source_id.as_str(), row.meta.split)).collect();
    let is_empty = |split| !sources.values().any(|&of| of == split);
    let mut new = sources.keys().filter(|id| is_new(id));
    let (id, split) = if held_out > 0.0 && is_empty(Split::HeldOut) {
        (new.next()?, Split::HeldOut)
    } else if is_empty(Split::Train) {
        (new.next_back()?, Split::Train)
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
        if let Some((id, split)) = balanced(&clips, |_| true, wanted) {
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
        let moved = |rows: &[ClipRow]| balanced(rows, |_| true, 0.0001);
        assert_eq!(moved(&rows), Some((all[1].clone(), Split::HeldOut)));
        rows[7].meta.split = Split::HeldOut;
        assert_eq!(moved(&rows), None);
    }

    /// Catches: a better copy of a recording moves its play to the other split.
    #[test]
    fn a_better_copy_gets_the_split_of_the_earlier_source() {
        let all = ids(2);
        let row = |id: &String| SourceRow { source_id: id.clone(), ..SourceRow::default() };
        for earlier in [Split::Train, Split::HeldOut] {
            let mut sources: Vec<SourceRow> = all.iter().map(row).collect();
            sources[0].split = Some(earlier);
            let mut rows = clips(&all, 0.0);
            "better".clone_into(&mut rows[1].meta.clip_id);
            (rows[0].kept, rows[0].duplicate_of) = (false, Some("better".to_owned()));
            decide(&mut sources, &mut rows, 0.0);
            let expected = [Some(earlier), Some(earlier)];
            assert_eq!(sources.iter().map(|row| row.split).collect::<Vec<_>>(), expected);
        }
    }

    /// Catches: a source on which models were trained is held out on a later night; a new source
    /// does not fill an empty split; the split of a source that has no kept clip yet is decided.
    #[test]
    fn a_split_is_decided_once() {
        let mut all = ids(3);
        all.sort();
        let row = |id: &String| SourceRow { source_id: id.clone(), ..SourceRow::default() };
        let mut sources: Vec<SourceRow> = all.iter().map(row).collect();
        let mut rows = clips(&all, 0.0001);
        sources[0].split = Some(Split::Train);
        rows[2].kept = false;
        decide(&mut sources, &mut rows, 0.0001);
        let splits = [Some(Split::Train), Some(Split::HeldOut), None];
        assert_eq!(sources.iter().map(|row| row.split).collect::<Vec<_>>(), splits);
        assert_eq!([0, 1].map(|n| rows[n].meta.split), [Split::Train, Split::HeldOut]);

        // The held-out source loses its clip, and no new source is there.
        rows[1].kept = false;
        decide(&mut sources, &mut rows, 0.0001);
        assert_eq!(sources.iter().map(|row| row.split).collect::<Vec<_>>(), splits);
    }
}
