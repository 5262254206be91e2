//! Narrow tables: tokens, actions, source rows, clip rows and measured windows.

pub(crate) mod actions;
pub(crate) mod clip_rows;
pub(crate) mod measured;
pub(crate) mod narrow;
pub(crate) mod near_pairs;
pub(crate) mod scan;
pub(crate) mod sources;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;
