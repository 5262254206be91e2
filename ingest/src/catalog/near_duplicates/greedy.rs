//! Which clips are near-duplicates, and of which clip: a greedy decision over near pairs.
//!
//! The clips are looked at from the best to the worst. A clip is a near-duplicate of the best clip
//! with which it forms a pair and which is no near-duplicate itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use genie_shards::{NearPair, PairedClip};

/// For each clip of some pairs, the id of the clip of which it is a near-duplicate, if it is one.
///
/// The pairs must contain all pairs of their clips. Clips for which `is_wanted` is false are
/// neither near-duplicates nor have any.
pub fn originals(
    pairs: &[NearPair],
    is_wanted: impl Fn(&str) -> bool,
) -> HashMap<String, Option<String>> {
    let mut better: BTreeMap<&PairedClip, Vec<&PairedClip>> = BTreeMap::new();
    for pair in pairs {
        better.entry(&pair.worse).or_default().push(&pair.better);
        better.entry(&pair.better).or_default();
    }
    let mut decided = HashMap::new();
    let mut found: HashSet<&str> = HashSet::new();
    // The order of the clips is from the best to the worst.
    for (clip, better) in better {
        let wanted = is_wanted(&clip.clip_id);
        let of = better.into_iter().filter(|other| found.contains(other.clip_id.as_str())).min();
        let of = of.filter(|_| wanted).map(|other| other.clip_id.clone());
        if wanted && of.is_none() {
            found.insert(&clip.clip_id);
        }
        decided.insert(clip.clip_id.clone(), of);
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(name: &str) -> PairedClip {
        PairedClip { clip_id: name.to_owned(), source_id: name.to_owned(), ..PairedClip::default() }
    }

    /// The originals of the clips of pairs like `ab`: `a` is better than `b`.
    fn of(pairs: &[&str], unwanted: &str) -> String {
        let pair = |names: &&str| {
            let (better, worse) = names.split_at(1);
            NearPair { worse: clip(worse), better: clip(better) }
        };
        let pairs: Vec<NearPair> = pairs.iter().map(pair).collect();
        let found: BTreeMap<String, Option<String>> =
            originals(&pairs, |id| !unwanted.contains(id)).into_iter().collect();
        let words = found.into_iter().map(|(clip, of)| of.map_or(clip.clone(), |of| clip + &of));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Catches: a copy of a copy is dropped although its own original is; not the best original is
    /// named; a clip that fails the rules takes its copies with it.
    #[test]
    fn the_best_clip_of_a_set_stays() {
        assert_eq!(of(&["ab", "ac", "bc"], ""), "a ba ca");
        assert_eq!(of(&["ab", "bc"], ""), "a ba c", "c resembles only a clip that goes");
        assert_eq!(of(&["bc", "ac"], ""), "a b ca");
        assert_eq!(of(&["ab", "ac", "bc"], "a"), "a b cb");
        assert_eq!(of(&["ab", "ac"], "a"), "a b c");
        assert_eq!(of(&["ab", "bc"], "b"), "a b c");
    }
}
