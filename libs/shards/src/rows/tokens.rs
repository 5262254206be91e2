//! Token shards: one row per window, tokens as little-endian `u16`, and a hash per row.
//!
//! They are in `root/tokens/<tokenizer>/`, which has its own manifest. So a new tokenizer adds a
//! directory, and the tokens of the old tokenizer stay valid. The hash covers clip, first frame,
//! shape and tokens. So a reader detects tokens that were exchanged between rows.

use std::sync::Arc;

use arrow::array::{Array, FixedSizeBinaryArray, StringArray, UInt16Array, UInt32Array};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::{Error, Result},
    files::open::FileKind,
    formats::TOKENS_FORMAT,
    manifest::{Entry, Manifest, tables},
    schema::{
        columns::{Columns, NamedColumns},
        split::Split,
    },
};

/// Tokens of one window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenWindow {
    pub clip_id: String,
    pub split: Split,
    /// Index in the clip of the window's first frame.
    pub first_frame: u32,
    /// Number of frames.
    pub t: u16,
    /// Number of rows of tokens per frame.
    pub h: u16,
    /// Number of columns of tokens per frame.
    pub w: u16,
    /// The tokens, `[t, h, w]`.
    pub tokens: Vec<u16>,
}

/// A stored window: the tokens and the key of the tokenizer.
#[derive(Default)]
pub(crate) struct TokenRow {
    window: TokenWindow,
    tokenizer: String,
}

/// Writes windows to `dir/<name>-<hash>.parquet` and returns the shard's manifest entry.
///
/// The shard is visible after the caller commits the entry to the manifest of `dir` under
/// [`tables::TOKENS`].
///
/// # Errors
/// If there are no windows, their shapes differ, or the file cannot be written.
pub fn write_tokens(
    dir: &Utf8Path,
    tokenizer: &str,
    name: &str,
    windows: &[TokenWindow],
) -> Result<Entry> {
    let row =
        |window: &TokenWindow| TokenRow { window: window.clone(), tokenizer: tokenizer.to_owned() };
    table::write(dir, name, &windows.iter().map(row).collect::<Vec<_>>())
}

/// Reads all published windows of a tokenizer's directory, sorted by clip, then by first frame.
///
/// Every window is checked against its hash.
///
/// # Errors
/// If the manifest or one of its files cannot be read or is damaged.
pub fn read_tokens(dir: &Utf8Path) -> Result<Vec<TokenWindow>> {
    let mut windows = Vec::new();
    for entry in Manifest::load(dir)?.table(tables::TOKENS) {
        windows.extend(read_token_shard(dir, entry)?);
    }
    windows.sort_by(|a, b| (&a.clip_id, a.first_frame).cmp(&(&b.clip_id, b.first_frame)));
    Ok(windows)
}

/// Reads one published shard of a tokenizer's directory, in the order of writing.
///
/// Every window is checked against its hash.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn read_token_shard(dir: &Utf8Path, entry: &Entry) -> Result<Vec<TokenWindow>> {
    Ok(table::read::<TokenRow>(dir, entry)?.into_iter().map(TokenRow::into_window).collect())
}

impl TokenRow {
    pub(crate) fn into_window(self) -> TokenWindow {
        self.window
    }
}

impl TokenWindow {
    fn count(&self) -> usize {
        usize::from(self.t) * usize::from(self.h) * usize::from(self.w)
    }
}

impl Row for TokenRow {
    const KIND: FileKind =
        FileKind { name: "tokens", format: TOKENS_FORMAT, command: "genie-tokenize encode" };
    const HIDDEN: &'static [&'static str] = &["tokens", "window_blake3"];

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let windows = || rows.iter().map(|row| &row.window);
        let (mut blobs, mut hashes) = (Vec::new(), Vec::new());
        // One shard has one shape, because the token column has one width.
        let shape = windows().next().map(|first| (first.t, first.h, first.w)).unwrap_or_default();
        for window in windows() {
            let TokenWindow { t, h, w, .. } = *window;
            if (t, h, w) != shape || window.tokens.len() != window.count() {
                let problem = format!(
                    "has {} tokens for {t}×{h}×{w}, in a shard of shape {shape:?}",
                    window.tokens.len()
                );
                return Err(Error::Clip {
                    clip_id: window.clip_id.clone(),
                    field: "tokens",
                    problem,
                });
            }
            let bytes: Vec<u8> =
                window.tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
            hashes.push(hash(window, &bytes));
            blobs.push(bytes);
        }
        let width = i32::try_from(blobs.first().map_or(0, Vec::len)).unwrap_or(i32::MAX);
        let blobs = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            blobs.into_iter().map(Some),
            width,
        )
        .map_err(Error::arrow(Utf8Path::new("tokens")))?;
        let strings = |values: Vec<&str>| Arc::new(StringArray::from(values)) as Arc<dyn Array>;
        let u16s = |get: fn(&TokenWindow) -> u16| {
            Arc::new(UInt16Array::from_iter_values(windows().map(get))) as Arc<dyn Array>
        };
        Ok(vec![
            ("clip_id", strings(windows().map(|window| window.clip_id.as_str()).collect()), false),
            ("split", strings(windows().map(|window| window.split.as_str()).collect()), false),
            (
                "first_frame",
                Arc::new(UInt32Array::from_iter_values(windows().map(|window| window.first_frame))),
                false,
            ),
            ("tokenizer", strings(rows.iter().map(|row| row.tokenizer.as_str()).collect()), false),
            ("t", u16s(|window| window.t), false),
            ("h", u16s(|window| window.h), false),
            ("w", u16s(|window| window.w), false),
            ("tokens", Arc::new(blobs), false),
            ("window_blake3", Arc::new(StringArray::from(hashes)), false),
        ])
    }

    fn read(columns: Columns<'_>, path: &Utf8Path, first_row: usize) -> Result<Vec<Self>> {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let splits = columns.splits()?;
        let first_frame = columns.required::<UInt32Array>("first_frame")?;
        let tokenizer = columns.required::<StringArray>("tokenizer")?;
        let u16s = |field| columns.required::<UInt16Array>(field);
        let (t, h, w) = (u16s("t")?, u16s("h")?, u16s("w")?);
        let tokens = columns.required::<FixedSizeBinaryArray>("tokens")?;
        let hashes = columns.required::<StringArray>("window_blake3")?;
        let row = |i: usize| {
            let bytes = tokens.value(i);
            let window = TokenWindow {
                clip_id: clip_id.value(i).to_owned(),
                split: splits[i],
                first_frame: first_frame.value(i),
                t: t.value(i),
                h: h.value(i),
                w: w.value(i),
                tokens: bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                    .collect(),
            };
            if hash(&window, bytes) != hashes.value(i) || window.count() != window.tokens.len() {
                let clip_id = window.clip_id;
                return Err(Error::Hash {
                    path: path.to_owned(),
                    row: first_row + i,
                    clip_id,
                    what: "token window",
                });
            }
            Ok(Self { window, tokenizer: tokenizer.value(i).to_owned() })
        };
        (0..columns.rows()).map(row).collect()
    }
}

fn hash(window: &TokenWindow, bytes: &[u8]) -> String {
    let TokenWindow { clip_id, first_frame, t, h, w, .. } = window;
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{clip_id} {first_frame} {t} {h} {w}\n").as_bytes());
    hasher.update(bytes);
    hasher.finalize().to_hex().to_string()
}
