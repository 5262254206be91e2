//! Hashes of weight files.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;

/// Hexadecimal digits of a hash.
const DIGITS: usize = 16;

/// Returns a hash of the content of a weight file.
///
/// `key` is its key in `[evaluate]`, for the error message.
///
/// # Errors
/// Fails if the file cannot be read.
pub fn content_hash(key: &str, path: &Utf8Path) -> Result<String> {
    let bytes = fs::read(path)
        .with_context(|| format!("cannot read the weight file [evaluate] {key} = {path}"))?;
    Ok(blake3::hash(&bytes).to_hex()[..DIGITS].to_owned())
}
