//! The catalog as partitions: a run rewrites only those whose rows change.
//!
//! A partition has all rows of the sources whose content hashes begin with the same bits: their
//! source rows, clip rows and near pairs, in one file per table. During a run, groups of new
//! sources are loose files. Finalizing the catalog folds them into their partitions.

mod layout;
mod prefix;
mod rows;
mod units;
mod write;

pub use layout::{CatalogLayout, PartitionFiles};
pub use prefix::{KeyPrefix, key_of, key_of_row};
pub use rows::{CatalogRows, sort_sources};
pub use units::{CatalogUnit, units};
pub use write::{Partitions, divide_large, merge};

/// How the catalog is divided into partitions.
#[derive(Clone, Copy, Debug)]
pub struct Partitioning {
    /// Number of source rows and clip rows of a partition, at most.
    ///
    /// With more of them, a new source rewrites fewer rows, but the dataset has more files.
    pub rows: u64,
}

impl Default for Partitioning {
    fn default() -> Self {
        Self { rows: 2048 }
    }
}
