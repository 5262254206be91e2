//! Action shards: the latent actions of windows.
//!
//! They are in `root/actions/<lam>/`, which has its own manifest. A window of t frames has t − 1
//! actions. The effect of action i is first visible in frame i + 1 of the window. Each window has
//! one hash over all its fields.
//!
//! They depend on the frames and the model alone. True actions are in the clip rows, because a
//! sidecar can come, change or go after a clip was labelled. Version 0.1 wrote a copy of them,
//! which is read only to check the hash.

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
/// If there are no windows, or the file cannot be written.
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
        let strings = |values: Vec<&str>| Arc::new(StringArray::from(values)) as Arc<dyn Array>;
        let hashes: Vec<String> =
            windows().map(|window| hash(window, &Copied::default())).collect();
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
            ("window_blake3", Arc::new(StringArray::from(hashes)), false),
        ])
    }

    fn read(columns: Columns<'_>, path: &Utf8Path, first_row: usize) -> Result<Vec<Self>> {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let splits = columns.splits()?;
        let first_frame = columns.required::<UInt32Array>("first_frame")?;
        let lam = columns.required::<StringArray>("lam")?;
        let codes = columns.lists::<UInt8Type>("codes")?;
        let copies = |field| {
            if columns.has(field) { columns.lists::<UInt8Type>(field) } else { Ok(Vec::new()) }
        };
        let mut truth = copies("truth")?.into_iter();
        let mut effects = copies("effects")?.into_iter();
        let hashes = columns.required::<StringArray>("window_blake3")?;
        let row = |(i, codes): (usize, Option<Vec<u8>>)| {
            let window = ActionWindow {
                clip_id: clip_id.value(i).to_owned(),
                split: splits[i],
                first_frame: first_frame.value(i),
                codes: codes.unwrap_or_default(),
            };
            let copied =
                Copied { truth: truth.next().flatten(), effects: effects.next().flatten() };
            if hash(&window, &copied) != hashes.value(i) {
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

/// True actions and effects as version 0.1 copied them beside the codes.
#[derive(Default)]
struct Copied {
    truth: Option<Vec<u8>>,
    effects: Option<Vec<u8>>,
}

/// The hash of a window. Without copies it is that of a clip without true actions.
fn hash(window: &ActionWindow, copied: &Copied) -> String {
    let ActionWindow { clip_id, first_frame, codes, .. } = window;
    let Copied { truth, effects } = copied;
    let text = format!("{clip_id} {first_frame} {codes:?} {truth:?} {effects:?}");
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// A window as version 0.1 wrote it.
    struct OldRow(ActionRow, Copied);

    impl Row for OldRow {
        const KIND: FileKind = ActionRow::KIND;

        fn columns(rows: &[Self]) -> Result<NamedColumns> {
            let OldRow(ActionRow { window, lam }, copied) = &rows[0];
            let row = ActionRow { window: window.clone(), lam: lam.clone() };
            let mut columns = ActionRow::columns(&[row])?;
            let list = |list: &Option<Vec<u8>>| lists::<UInt8Type>([list.as_deref()].into_iter());
            columns.pop();
            columns.push(("truth", list(&copied.truth), true));
            columns.push(("effects", list(&copied.effects), true));
            let hash = StringArray::from(vec![hash(window, copied)]);
            columns.push(("window_blake3", Arc::new(hash), false));
            Ok(columns)
        }

        fn read(_: Columns<'_>, _: &Utf8Path, _: usize) -> Result<Vec<Self>> {
            Ok(Vec::new())
        }
    }

    /// Catches: labels of version 0.1 count as damaged, so that all clips are labelled again.
    #[test]
    fn labels_with_copies_of_true_actions_are_read() {
        let (_dir, root) = testing::root();
        let window = ActionWindow { clip_id: "a".into(), codes: vec![7, 0], ..Default::default() };
        let copies = [None, Some(vec![1, 2])];
        for truth in copies {
            let row = ActionRow { window: window.clone(), lam: "l".into() };
            let copied = Copied { effects: truth.clone(), truth };
            let entry = table::write(&root, "old", &[OldRow(row, copied)]).unwrap();
            assert_eq!(read_action_shard(&root, &entry).unwrap(), std::slice::from_ref(&window));
        }
    }
}
