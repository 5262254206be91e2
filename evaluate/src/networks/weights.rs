//! Files of weights.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;

/// How many digits of a hash are shown.
const DIGITS: usize = 16;

/// Names a file of weights, of the config's key `key`, by what is in it.
///
/// # Errors
/// When it cannot be read.
pub fn content_hash(key: &str, path: &Utf8Path) -> Result<String> {
    let bytes = fs::read(path)
        .with_context(|| format!("cannot read the weights, [evaluate] {key} = {path}"))?;
    Ok(blake3::hash(&bytes).to_hex()[..DIGITS].to_owned())
}
