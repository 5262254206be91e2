//! What lies beside an exported video: its row as JSON, and its actions as CSV.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use genie_catalog::{Format, render};
use genie_shards::{ClipMeta, ClipRow, condition_columns};
use serde_json::{Map, Value, json};

use super::clip_video::VideoTimes;
use crate::export::encode::Coding;

/// The content of `ID.json`: the columns of the clip's row, as SQL names them, and its lists.
///
/// `frame_times` are the times of the frames in the video, in seconds.
pub fn json_of(clip: &ClipMeta, coding: Coding) -> Result<String> {
    let row = ClipRow { meta: clip.clone(), kept: true, ..ClipRow::default() };
    let rows = render(&[condition_columns(std::slice::from_ref(&row))?], Format::Json)?;
    let mut rows: Vec<Map<String, Value>> = serde_json::from_str(&rows)?;
    let mut object = rows.pop().context("a row has no columns")?;
    // It depends on a network, and not on the clip alone.
    object.remove("quality");
    let times = VideoTimes::of(clip);
    object.insert("actions".to_owned(), json!(clip.actions));
    object.insert("effects".to_owned(), json!(clip.effects));
    object.insert("frame_pts".to_owned(), json!(clip.frame_pts));
    object.insert("frame_times".to_owned(), json!(times.seconds().collect::<Vec<_>>()));
    object.insert("source_times".to_owned(), json!(times.of_source));
    object.insert("lossless".to_owned(), json!(coding == Coding::Lossless));
    Ok(serde_json::to_string(&object)? + "\n")
}

/// The content of `ID.actions.csv`, which ingest reads; `None` if the clip has no true actions.
pub fn actions_of(clip: &ClipMeta) -> Option<String> {
    let actions = clip.actions.as_ref()?;
    let names = clip.action_names.as_deref().unwrap_or_default();
    let mut text = String::from("frame,action,action_name\n");
    for (frame, &action) in actions.iter().enumerate() {
        let name = names.get(usize::from(action)).map_or("", String::as_str);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{frame},{action},{}", quoted(name));
    }
    Some(text)
}

/// A cell of CSV. Names come from the recordings of strangers.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}
