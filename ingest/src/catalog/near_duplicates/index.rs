//! An index of the moments of some clips: which of them have a hash.

use std::ops::Range;

use rayon::prelude::*;

use super::hashes::{BANDS, MomentHasher};
use crate::analysis::{Likeness, MotionPeak};

/// Number of moments that are hashed at once.
const CHUNK: usize = 512;

/// Number of postings of a moment: its hashes and those of its mirrored picture.
pub const POSTINGS: usize = 2 * BANDS;

/// Bits of the filter for each posting, at most; at least half as many.
///
/// One in 30 to 100 hashes that are not in the index passes the filter.
const FILTER: usize = 16;

/// A moment of an indexed clip, or its mirrored picture, under one of its hashes.
///
/// The hash is in the upper 32 bits. The lower ones are twice the number of the moment, and one
/// more for its mirrored picture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Posting(u64);

impl Posting {
    fn new(hash: u32, picture: usize) -> Self {
        Self(u64::from(hash) << 32 | picture as u64)
    }

    fn hash(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn picture(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}

/// A moment of an indexed clip that has a hash.
#[derive(Clone, Copy)]
pub struct IndexedMoment {
    /// Number of the clip.
    pub clip: u32,
    /// Time of the moment in milliseconds.
    pub time: u32,
    /// Whether the mirrored picture of the moment has the hash.
    pub is_mirrored: bool,
}

/// The moments of some clips, by hash.
pub struct MomentIndex {
    /// The clip and the time of each moment.
    moments: Vec<(u32, u32)>,
    /// Sorted.
    postings: Vec<Posting>,
    /// For each value of the upper bits of a hash, the first posting with this or a higher value.
    starts: Vec<u32>,
    /// Number of lower bits of a hash that are not in `starts`.
    shift: u32,
    /// A Bloom filter of the hashes: a word for each value of the lower bits of a hash.
    filter: Vec<u64>,
    /// The bits of a hash that are the number of its word.
    mask: u32,
}

impl MomentIndex {
    /// Largest number of moments of an index.
    pub const MOST_MOMENTS: usize = u32::MAX as usize / POSTINGS;

    /// Indexes the moments of clips and their mirrored pictures.
    pub fn new<'a>(hasher: &MomentHasher, clips: impl Iterator<Item = &'a Likeness>) -> Self {
        let (mut moments, mut clip_of) = (Vec::new(), Vec::new());
        for (clip, likeness) in (0..).zip(clips) {
            moments.extend(likeness.moments());
            clip_of.resize(moments.len(), clip);
        }
        let mut postings = vec![Posting(0); moments.len() * POSTINGS];
        let chunks = postings.par_chunks_mut(CHUNK * POSTINGS).zip(moments.par_chunks(CHUNK));
        chunks.enumerate().for_each(|(chunk, (postings, moments))| {
            let hashes = hasher.hashes(moments);
            let pictures = hashes.as_flattened().iter().enumerate();
            for (postings, (picture, hashes)) in postings.chunks_mut(BANDS).zip(pictures) {
                for (posting, hash) in postings.iter_mut().zip(hashes) {
                    *posting = Posting::new(*hash, 2 * CHUNK * chunk + picture);
                }
            }
        });
        postings.par_sort_unstable();
        let times = moments.iter().map(|moment: &MotionPeak| moment.time);
        let moments = clip_of.into_iter().zip(times).collect();
        let bits = postings.len().max(2).ilog2();
        let shift = 32 - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        let words: usize = 1 << (postings.len() * FILTER / 64).clamp(1, 1 << 31).ilog2();
        let (mask, mut filter) = (u32::try_from(words - 1).unwrap_or(u32::MAX), vec![0; words]);
        for posting in &postings {
            starts[(posting.hash() >> shift) as usize + 1] += 1;
            filter[(posting.hash() & mask) as usize] |= filter_bits(posting.hash());
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { moments, postings, starts, shift, filter, mask }
    }

    /// Which of some hashes have postings: their numbers, and the places of their postings.
    ///
    /// Each step is a loop over all hashes, so that the processor waits for many look-ups at once.
    pub fn find(&self, hashes: &[u32]) -> Vec<(usize, Range<u32>)> {
        let mut found = Vec::new();
        for (number, &hash) in hashes.iter().enumerate() {
            let bits = filter_bits(hash);
            if self.filter[(hash & self.mask) as usize] & bits == bits {
                let upper = (hash >> self.shift) as usize;
                found.push((number, self.starts[upper]..self.starts[upper + 1]));
            }
        }
        found.retain_mut(|(number, places)| {
            let hash = hashes[*number];
            while places.start < places.end && self.hash_at(places.start) < hash {
                places.start += 1;
            }
            let other = places.clone().find(|place| self.hash_at(*place) != hash);
            places.end = other.unwrap_or(places.end);
            places.start < places.end
        });
        found
    }

    /// The moments at the places that [`Self::find`] returned.
    pub fn moments(&self, places: Range<u32>) -> impl Iterator<Item = IndexedMoment> {
        let postings = &self.postings[places.start as usize..places.end as usize];
        postings.iter().map(|posting| {
            let picture = posting.picture();
            let (clip, time) = self.moments[picture / 2];
            IndexedMoment { clip, time, is_mirrored: picture % 2 == 1 }
        })
    }

    /// The hash of the posting at a place.
    pub fn hash_at(&self, place: u32) -> u32 {
        self.postings[place as usize].hash()
    }

    /// Number of postings.
    pub fn len(&self) -> usize {
        self.postings.len()
    }
}

/// The bits of a hash in its word of the filter: three of 64.
fn filter_bits(hash: u32) -> u64 {
    let mixed = hash.wrapping_mul(0x9e37_79b1);
    1 << (mixed >> 26) | 1 << (mixed >> 20 & 63) | 1 << (mixed >> 14 & 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::near_duplicates::testing::noise;

    /// Catches: the filter hides a hash; a hash has the moments of another one, or not all of its
    /// own; the clip, time or orientation of a moment is wrong.
    #[test]
    fn every_hash_has_its_moments() {
        let hasher = MomentHasher::new();
        // Every clip is there twice.
        let clips: Vec<Likeness> = (0..200)
            .map(|clip| Likeness::of(&noise(clip / 2), 16.0, 10.0).expect("enough moments"))
            .collect();
        let index = MomentIndex::new(&hasher, clips.iter());
        assert_eq!(index.len(), 200 * 15 * POSTINGS);
        for (clip, likeness) in clips.iter().enumerate() {
            let hashes = hasher.hashes(likeness.moments());
            let hashes = hashes.as_flattened().as_flattened();
            let found = index.find(hashes);
            assert_eq!(found.len(), hashes.len(), "all hashes are in the index");
            for (number, places) in found {
                let moment = likeness.moments()[number / POSTINGS];
                let is_mirrored = number / BANDS % 2 == 1;
                let of_clip: Vec<u32> = index
                    .moments(places)
                    .filter(|other| (other.time, other.is_mirrored) == (moment.time, is_mirrored))
                    .map(|other| other.clip)
                    .collect();
                let first = u32::try_from(clip / 2 * 2).unwrap();
                assert!(of_clip.contains(&first) && of_clip.contains(&(first + 1)));
            }
        }
        let other = hasher.hashes(Likeness::of(&noise(999), 16.0, 10.0).unwrap().moments());
        assert!(index.find(other.as_flattened().as_flattened()).len() < 180, "most are not");
        assert!(MomentIndex::new(&hasher, [].into_iter()).find(&[0, u32::MAX]).is_empty());
    }
}
