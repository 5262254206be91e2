//! How many clips of the catalog have each hash of an index.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of clips with each hash of an index, before and after a change of the catalog.
///
/// A hash is known by the place of its first posting.
pub struct HashCounts {
    /// The number before the change in the upper 32 bits, and that after it in the lower ones.
    ///
    /// They are beside each other, because each look-up waits for memory.
    counts: Vec<AtomicU64>,
    limit: u32,
}

impl HashCounts {
    /// Counts of zero for an index of `len` postings. A hash is common above `limit` clips.
    pub fn new(len: usize, limit: u32) -> Self {
        Self { counts: (0..len).map(|_| AtomicU64::new(0)).collect(), limit }
    }

    /// Counts a clip that has a hash: before the change, after it, or both.
    pub fn add(&self, place: u32, before: bool, after: bool) {
        let added = u64::from(before) << 32 | u64::from(after);
        self.counts[place as usize].fetch_add(added, Ordering::Relaxed);
    }

    /// Whether a hash is common: before the change, and after it.
    pub fn is_common(&self, place: u32) -> [bool; 2] {
        let count = self.counts[place as usize].load(Ordering::Relaxed);
        [count >> 32, count & 0xffff_ffff].map(|count| count > u64::from(self.limit))
    }

    /// Makes a hash common, before the change and after it.
    pub fn set_common(&self, place: u32) {
        let count = u64::from(self.limit) + 1;
        self.counts[place as usize].store(count << 32 | count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the numbers before and after are mixed up, or the limit itself is common.
    #[test]
    fn a_hash_is_common_above_the_limit() {
        let counts = HashCounts::new(2, 3);
        let add = |times: usize, before, after| {
            (0..times).for_each(|_| counts.add(1, before, after));
        };
        add(3, true, true);
        assert_eq!(counts.is_common(1), [false, false]);
        add(1, false, true);
        assert_eq!(counts.is_common(1), [false, true]);
        add(1, true, false);
        assert_eq!((counts.is_common(0), counts.is_common(1)), ([false, false], [true, true]));
        counts.set_common(0);
        assert_eq!(counts.is_common(0), [true, true]);
    }
}
