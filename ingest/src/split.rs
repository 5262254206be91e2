//! Which sources are held out: decided by their content, so that it stays decided.
//!
//! A source is held out if its hash, as a fraction, falls below `data.held_out`. Chance alone may leave a small dataset
//! without one of the two splits, and then nothing can be measured, or nothing trained; so if a split would have no
//! usable source, the most likely one is moved: the smallest hash to held out, or the largest to train.

use std::collections::HashSet;

use genie_shards::Split;

/// The hash as a fraction of all hashes.
fn fraction(source_id: &str) -> f64 {
    let head = source_id.get(..13).and_then(|head| u64::from_str_radix(head, 16).ok());
    // 13 hex digits are 52 bits: exact in a double.
    head.unwrap_or(0) as f64 / (1_u64 << 52) as f64
}

/// The new sources that are held out. `published` are the splits that have clips already; `usable` says whether a
/// source will probably give any (it is asked only where a split is in danger of staying empty).
pub fn held_out<'a>(
    new: &[&'a str],
    published: &HashSet<Split>,
    wanted: f64,
    usable: impl Fn(&str) -> bool,
) -> HashSet<&'a str> {
    let mut order = new.to_vec();
    order.sort_unstable();
    let mut held: HashSet<&str> = order.iter().copied().filter(|id| fraction(id) < wanted).collect();
    if wanted <= 0.0 {
        return held;
    }
    if !published.contains(&Split::HeldOut) && !order.iter().any(|id| held.contains(id) && usable(id)) {
        let mut candidates = order.iter().filter(|id| !held.contains(*id) && usable(id));
        let smallest = candidates.next().copied();
        // The only usable source is for training.
        if published.contains(&Split::Train) || candidates.next().is_some() {
            held.extend(smallest);
        }
    }
    let no_train = !published.contains(&Split::Train) && !order.iter().any(|id| !held.contains(id) && usable(id));
    if no_train && let Some(largest) = order.iter().rev().find(|id| held.contains(*id) && usable(id)) {
        held.remove(largest);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| blake3::hash(&n.to_le_bytes()).to_hex().to_string()).collect()
    }

    fn split(new: &[String], published: &[Split], wanted: f64, usable: impl Fn(&str) -> bool) -> usize {
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        held_out(&new, &published.iter().copied().collect(), wanted, usable).len()
    }

    /// Would catch a split that depends on the other sources: a source could be in both over time.
    #[test]
    fn a_source_keeps_its_split_in_a_larger_set() {
        let (few, many) = (ids(100), ids(1000));
        let names = |ids: &'_ [String]| -> HashSet<String> {
            let new: Vec<&str> = ids.iter().map(String::as_str).collect();
            held_out(&new, &HashSet::new(), 0.1, |_| true).into_iter().map(str::to_owned).collect()
        };
        assert!(names(&few).is_subset(&names(&many)));
        assert!((70..130).contains(&names(&many).len()));
    }

    /// Would catch a small dataset on which nothing can be measured, or nothing trained.
    #[test]
    fn both_splits_exist() {
        for count in 2..30 {
            for wanted in [0.0001, 0.1, 0.9999] {
                let held = split(&ids(count), &[], wanted, |_| true);
                assert!((1..count).contains(&held), "{held} of {count} at {wanted}");
            }
        }
        assert_eq!(split(&ids(1), &[], 0.1, |_| true), 0, "a single source is for training");
        assert_eq!(split(&ids(9), &[], 0.0, |_| true), 0, "none wanted");
    }

    /// Would catch a held-out split that holds nothing but a broken file.
    #[test]
    fn only_usable_sources_count() {
        let all = ids(20);
        let mut sorted = all.clone();
        sorted.sort();
        let broken = sorted[0].clone();
        let new: Vec<&str> = all.iter().map(String::as_str).collect();
        let held = held_out(&new, &HashSet::new(), 0.0001, |id| id != broken);
        assert!(held.contains(sorted[1].as_str()));
    }

    /// Would catch moving sources about in a dataset that has both splits.
    #[test]
    fn published_splits_are_enough() {
        assert_eq!(split(&ids(3), &[Split::Train, Split::HeldOut], 0.0001, |_| true), 0);
        assert_eq!(split(&ids(3), &[Split::Train], 0.0001, |_| true), 1);
    }
}
