//! The contents of the files: clips, splits, scores, windows, and their columns.

pub(crate) mod clip;
pub(crate) mod clip_columns;
pub(crate) mod clip_key;
pub(crate) mod columns;
pub(crate) mod scores;
pub(crate) mod split;
pub(crate) mod timing;
pub(crate) mod windows;
