//! `labels import`: labels of a CSV file.
//!
//! Lines that cannot be used are named on stderr, and the exit code is 2. The others are added in
//! one commit. A label that is there already, or is older than the one that is there, is not added.
//! So a file can be imported again.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{ClipKey, Manifest, tables, visit_clip_verdicts};
use genie_stage::Exit;
use jiff::Timestamp;

use super::csv_file::{self, CsvLine};
use crate::catalog::{NewestLabels, append_labels};

/// Most wrong lines that are named.
const SHOWN: usize = 20;

/// Imports the labels of a file.
///
/// # Errors
/// If the file has no usable header, or the labels cannot be written. Then none is added.
pub fn run(root: &Utf8Path, file: &Utf8Path, who: Option<&str>) -> Result<Exit> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
    let lines = csv_file::read(&text, who, Timestamp::now().as_millisecond())
        .with_context(|| format!("{file}:1 is no header of labels"))?;
    let known = known_clips(root)?;
    let mut labels = NewestLabels::read(root)?;
    let (mut new, mut old, mut wrong) = (Vec::new(), 0, 0);
    for CsvLine { number, label } in lines {
        let label = label.and_then(|row| {
            let is_known = known.contains(&ClipKey::from(&*row.clip_id));
            let unknown = || format!("there is no clip {:?} in this dataset", row.clip_id);
            if is_known { Ok(row) } else { Err(unknown()) }
        });
        match label {
            Ok(row) if labels.add(row.clone()) => new.push(row),
            Ok(_) => old += 1,
            Err(words) => {
                if wrong < SHOWN {
                    tracing::warn!("{file}:{number}: {words}");
                }
                wrong += 1;
            }
        }
    }
    if wrong > SHOWN {
        tracing::warn!("{file}: {} more lines are wrong", wrong - SHOWN);
    }
    append_labels(root, &new)?;
    tracing::info!(
        "labels: {} labels of {file} are new, {old} were there or are older, {wrong} lines are \
         wrong",
        new.len()
    );
    Ok(if wrong == 0 { Exit::Done } else { Exit::Rejects })
}

/// All clips of the catalog, kept or not.
fn known_clips(root: &Utf8Path) -> Result<HashSet<ClipKey>> {
    let mut known = HashSet::new();
    for entry in Manifest::load(root)?.table(tables::CLIP_ROWS) {
        visit_clip_verdicts(root, entry, |clip| {
            known.insert(clip.clip_id.into());
        })?;
    }
    Ok(known)
}
