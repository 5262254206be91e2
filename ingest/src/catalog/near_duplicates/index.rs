//! An index of the moments of some clips: which of them have a hash.

use crate::analysis::Likeness;

use super::hashes::{BANDS, MomentHasher};

/// Bits of the filter for each posting. One in as many other hashes passes the filter.
const FILTER: usize = 16;

/// A moment of an indexed clip, or its mirrored picture, under one of its hashes.
#[derive(Clone, Copy)]
pub struct Posting {
    pub hash: u32,
    /// Number of the clip.
    pub clip: u32,
    /// Time of the moment in milliseconds.
    pub time: u32,
    pub is_mirrored: bool,
}

/// The postings of some clips, by hash.
pub struct MomentIndex {
    /// Sorted by hash.
    postings: Vec<Posting>,
    /// For each value of the upper bits of a hash, the first posting with this or a higher value.
    starts: Vec<u32>,
    /// Number of lower bits of a hash that are not in `starts`.
    shift: u32,
    /// A bit for each value of the lower bits of a hash: whether there may be postings.
    filter: Vec<u64>,
}

impl MomentIndex {
    /// Indexes the moments of clips and their mirrored pictures.
    pub fn new<'a>(hasher: &MomentHasher, clips: impl Iterator<Item = &'a Likeness>) -> Self {
        let mut postings = Vec::new();
        for (clip, likeness) in (0..).zip(clips) {
            for moment in likeness.moments() {
                for (moment, is_mirrored) in [(*moment, false), (moment.mirrored(), true)] {
                    let of = |hash| Posting { hash, clip, time: moment.time, is_mirrored };
                    postings.extend(hasher.hashes(&moment).map(of));
                }
            }
        }
        postings.sort_unstable_by_key(|posting| {
            (posting.hash, posting.clip, posting.time, posting.is_mirrored)
        });
        let bits = (postings.len().max(2)).ilog2().min(31);
        let shift = 32 - bits;
        let first = |upper: u32| {
            let hash = u64::from(upper) << shift;
            postings.partition_point(|posting| u64::from(posting.hash) < hash)
        };
        let starts = (0..=1 << bits).map(|upper| u32::try_from(first(upper)).unwrap_or(u32::MAX));
        let starts = starts.collect();
        let size = (postings.len() * FILTER).next_power_of_two().max(64);
        let mut filter = vec![0; size / 64];
        for posting in &postings {
            let bit = posting.hash as usize & (size - 1);
            filter[bit / 64] |= 1 << (bit % 64);
        }
        Self { postings, starts, shift, filter }
    }

    /// The range of the postings with a hash; empty if there are none.
    pub fn find(&self, hash: u32) -> std::ops::Range<usize> {
        let bit = hash as usize & (self.filter.len() * 64 - 1);
        if self.filter[bit / 64] >> (bit % 64) & 1 == 0 {
            return 0..0;
        }
        let upper = (hash >> self.shift) as usize;
        let (from, to) = (self.starts[upper] as usize, self.starts[upper + 1] as usize);
        let bucket = &self.postings[from..to];
        let first = bucket.partition_point(|posting| posting.hash < hash);
        let count = bucket[first..].iter().take_while(|posting| posting.hash == hash).count();
        from + first..from + first + count
    }

    /// The postings at the places that [`Self::find`] returned.
    pub fn postings(&self, places: std::ops::Range<usize>) -> &[Posting] {
        &self.postings[places]
    }

    /// Number of postings.
    pub fn len(&self) -> usize {
        self.postings.len()
    }
}

/// Number of postings of a clip with this many moments.
pub const fn postings_of(moments: usize) -> usize {
    2 * BANDS * moments
}
