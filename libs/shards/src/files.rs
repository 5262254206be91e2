//! Parquet files of the dataset: write and publish, open and check, and remove old ones.

pub(crate) mod collect;
pub(crate) mod draft;
pub(crate) mod open;
pub(crate) mod parts;
#[cfg(test)]
mod tests;
