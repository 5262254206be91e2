//! Narrow tables: tokens, actions, source rows, clip rows and measured windows.

pub(crate) mod actions;
pub(crate) mod clip_rows;
pub(crate) mod clip_verdicts;
pub(crate) mod measured;
pub(crate) mod narrow;
pub(crate) mod places;
pub(crate) mod sources;
pub(crate) mod stream;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;
