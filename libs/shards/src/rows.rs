//! Narrow tables: tokens, actions, sources, clips, near pairs, labels, qualities, measured windows.

pub(crate) mod actions;
pub(crate) mod clip_rows;
pub(crate) mod clip_verdicts;
pub(crate) mod labels;
pub(crate) mod measured;
pub(crate) mod misplaced;
pub(crate) mod narrow;
pub(crate) mod near_pairs;
pub(crate) mod places;
pub(crate) mod quality;
pub(crate) mod scan;
pub(crate) mod sources;
pub(crate) mod stream;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;
