//! Action shards: the latent actions of windows, and the true actions where the source has them.
//!
//! They are in `root/actions/<lam>/`, which has its own manifest. A window of t frames has t − 1
//! actions. The effect of action i is first visible in frame i + 1 of the window. Each window has
//! one hash over all its fields.

use std::sync::Arc;

use arrow::{
    array::{Array, StringArray, UInt32Array},
    datatypes::UInt8Type,
};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::{Error, Result},
    files::open::FileKind,
    formats::ACTIONS_FORMAT,
    manifest::{Entry, Manifest, tables},
    schema::{
        columns::{Columns, NamedColumns, lists},
        split::Split,
    },
};

/// Actions of one window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionWindow {
    pub clip_id: String,
    pub split: Split,
    /// Index in the clip of the window's first frame.
    pub first_frame: u32,
    /// Latent actions, `[t - 1]`.
    pub codes: Vec<u8>,
    /// True actions, `[t - 1]`.
    pub truth: Option<Vec<u8>>,
    /// True displacement classes, `[t - 1]`.
    pub effects: Option<Vec<u8>>,
}

/// A stored window: the actions and the key of the latent action model.
#[derive(Default)]
pub(crate) struct ActionRow {
    window: ActionWindow,
    lam: String,
}

/// Writes and publishes windows at `dir/<name>-<hash>.parquet`.
///
/// Commit the entry to the manifest of `dir` under [`tables::ACTIONS`].
///
/// # Errors
/// If there are no windows, a window's lists differ in length, or the file cannot be written.
pub fn write_actions(
    dir: &Utf8Path,
    lam: &str,
    name: &str,
    windows: &[ActionWindow],
) -> Result<Entry> {
    let row = |window: &ActionWindow| ActionRow { window: window.clone(), lam: lam.to_owned() };
    table::write(dir, name, &windows.iter().map(row).collect::<Vec<_>>())
}

/// Reads all published windows of a LAM's directory, sorted by clip, then by first frame.
///
/// Every window is checked against its hash.
///
/// # Errors
/// If the manifest or one of its files cannot be read or is damaged.
pub fn read_actions(dir: &Utf8Path) -> Result<Vec<ActionWindow>> {
    let mut windows = Vec::new();
    for entry in Manifest::load(dir)?.table(tables::ACTIONS) {
        windows.extend(read_action_shard(dir, entry)?);
    }
    windows.sort_by(|a, b| (&a.clip_id, a.first_frame).cmp(&(&b.clip_id, b.first_frame)));
    Ok(windows)
}

/// Reads one published shard of a latent action model's directory, in the order of writing.
///
/// Every window is checked against its hash.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn read_action_shard(dir: &Utf8Path, entry: &Entry) -> Result<Vec<ActionWindow>> {
    Ok(table::read::<ActionRow>(dir, entry)?.into_iter().map(ActionRow::into_window).collect())
}

impl ActionRow {
    pub(crate) fn into_window(self) -> ActionWindow {
        self.window
    }
}

impl Row for ActionRow {
    const KIND: FileKind =
        FileKind { name: "actions", format: ACTIONS_FORMAT, command: "genie-train label" };
    const HIDDEN: &'static [&'static str] = &["window_blake3"];

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let windows = || rows.iter().map(|row| &row.window);
        for window in windows() {
            let (count, given) =
                (window.codes.len(), [("truth", &window.truth), ("effects", &window.effects)]);
            for (field, list) in given {
                if let Some(list) = list.as_ref().filter(|list| list.len() != count) {
                    let problem =
                        format!("has {} entries, but there are {count} codes", list.len());
                    return Err(Error::Clip { clip_id: window.clip_id.clone(), field, problem });
                }
            }
        }
        let strings = |values: Vec<&str>| Arc::new(StringArray::from(values)) as Arc<dyn Array>;
        let hashes: Vec<String> = windows().map(hash).collect();
        Ok(vec![
            ("clip_id", strings(windows().map(|window| window.clip_id.as_str()).collect()), false),
            ("split", strings(windows().map(|window| window.split.as_str()).collect()), false),
            (
                "first_frame",
                Arc::new(UInt32Array::from_iter_values(windows().map(|window| window.first_frame))),
                false,
            ),
            ("lam", strings(rows.iter().map(|row| row.lam.as_str()).collect()), false),
            (
                "codes",
                lists::<UInt8Type>(windows().map(|window| Some(window.codes.as_slice()))),
                false,
            ),
            ("truth", lists::<UInt8Type>(windows().map(|window| window.truth.as_deref())), true),
            (
                "effects",
                lists::<UInt8Type>(windows().map(|window| window.effects.as_deref())),
                true,
            ),
            ("window_blake3", Arc::new(StringArray::from(hashes)), false),
        ])
    }

    fn read(columns: Columns<'_>, path: &Utf8Path, first_row: usize) -> Result<Vec<Self>> {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let splits = columns.splits()?;
        let first_frame = columns.required::<UInt32Array>("first_frame")?;
        let lam = columns.required::<StringArray>("lam")?;
        let codes = columns.lists::<UInt8Type>("codes")?;
        let mut truth = columns.lists::<UInt8Type>("truth")?.into_iter();
        let mut effects = columns.lists::<UInt8Type>("effects")?.into_iter();
        let hashes = columns.required::<StringArray>("window_blake3")?;
        let row = |(i, codes): (usize, Option<Vec<u8>>)| {
            let window = ActionWindow {
                clip_id: clip_id.value(i).to_owned(),
                split: splits[i],
                first_frame: first_frame.value(i),
                codes: codes.unwrap_or_default(),
                truth: truth.next().flatten(),
                effects: effects.next().flatten(),
            };
            if hash(&window) != hashes.value(i) {
                let clip_id = window.clip_id;
                return Err(Error::Hash {
                    path: path.to_owned(),
                    row: first_row + i,
                    clip_id,
                    what: "action window",
                });
            }
            Ok(Self { window, lam: lam.value(i).to_owned() })
        };
        codes.into_iter().enumerate().map(row).collect()
    }
}

fn hash(window: &ActionWindow) -> String {
    let ActionWindow { clip_id, first_frame, codes, truth, effects, .. } = window;
    let text = format!("{clip_id} {first_frame} {codes:?} {truth:?} {effects:?}");
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
