//! How many clips of the catalog have each hash of an index.

use std::sync::atomic::{AtomicU32, Ordering};

/// The number of clips with each hash of an index, before and after a change of the catalog.
///
/// A hash is known by the place of its first posting. Numbers above the limit are not exact.
pub struct HashCounts {
    /// The number before the change in the upper 16 bits, and that after it in the lower ones.
    ///
    /// They are beside each other, because each look-up waits for memory.
    counts: Vec<AtomicU32>,
    limit: u16,
}

impl HashCounts {
    /// HashCounts of zero for an index of `len` postings. A hash is common above `limit` clips.
    pub fn new(len: usize, limit: u16) -> Self {
        Self { counts: (0..len).map(|_| AtomicU32::new(0)).collect(), limit }
    }

    /// HashCounts a clip that has a hash: before the change, after it, or both.
    pub fn add(&self, place: u32, before: bool, after: bool) {
        // The counting ends above the limit, so a number does not overflow.
        let [was_common, is_common] = self.is_common(place);
        let added = u32::from(before && !was_common) << 16 | u32::from(after && !is_common);
        self.counts[place as usize].fetch_add(added, Ordering::Relaxed);
    }

    /// Whether a hash is common: before the change, and after it.
    pub fn is_common(&self, place: u32) -> [bool; 2] {
        let count = self.counts[place as usize].load(Ordering::Relaxed);
        [count >> 16, count & 0xffff].map(|count| count > u32::from(self.limit))
    }

    /// Makes a hash common, before the change and after it.
    pub fn set_common(&self, place: u32) {
        let count = u32::from(self.limit) + 1;
        self.counts[place as usize].store(count << 16 | count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the numbers before and after are mixed up, or one overflows into the other.
    #[test]
    fn a_hash_is_common_above_the_limit() {
        let counts = HashCounts::new(2, 3);
        let add = |times: usize, before, after| {
            (0..times).for_each(|_| counts.add(1, before, after));
        };
        add(3, true, true);
        assert_eq!(counts.is_common(1), [false, false]);
        add(100_000, false, true);
        assert_eq!(counts.is_common(1), [false, true]);
        add(1, true, false);
        assert_eq!((counts.is_common(0), counts.is_common(1)), ([false, false], [true, true]));
        counts.set_common(0);
        assert_eq!(counts.is_common(0), [true, true]);
    }
}
