//! Finding near-duplicates: clips that look the same.
//!
//! Videos look the same after they were re-encoded, scaled, mirrored, reposted or cut at another
//! time. Two clips form a near pair if they come from different sources and one resembles the other
//! or its mirrored picture ([`crate::analysis::Likeness`]).
//!
//! A clip is compared only with clips that have moments like its own at the same shift. An index
//! finds them: each moment has a few hashes, and similar moments probably share one (MinHash in
//! bands). The pairs are stored, so no two clips are compared twice. Which clips are
//! near-duplicates follows from the pairs alone.

mod counts;
mod greedy;
mod hashes;
mod index;
mod pass;
mod queries;
mod search;
mod stream;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use greedy::originals;
pub use search::PairSearch;
