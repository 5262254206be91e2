//! Labels: counts, and a new label.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use genie_serve::{ApiError, query, read_body};
use genie_shards::{ClipKey, Judgement, LabelRow};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clips::unknown;
use super::refusals::refused;
use crate::browse::dataset::BrowsedDataset;
use crate::browse::state::BrowseState;
use crate::catalog::{checked_tags, checked_who, judgement};

/// Most bytes of a label as JSON.
const JSON_BYTES: usize = 4 << 10;

#[derive(Deserialize)]
struct CountsQuery {
    #[serde(default)]
    who: String,
}

/// `GET /api/labels?who=NAME`: the labels of a person, and of all people.
pub async fn counts(
    State(state): State<Arc<BrowseState>>,
    uri: Uri,
) -> Result<Json<Value>, ApiError> {
    let CountsQuery { who } = query(&uri)?;
    let dataset = Arc::clone(&state.dataset);
    let read = move || {
        dataset.with_labels(|labels| {
            let of = |judgement: Judgement| {
                let ours = labels.iter().filter(|row| row.who == who.trim());
                ours.filter(|row| row.label == Some(judgement)).count()
            };
            let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
            let mut people: BTreeMap<&str, usize> = BTreeMap::new();
            for row in labels.iter() {
                *people.entry(&row.who).or_default() += 1;
                row.tags.iter().for_each(|tag| *tags.entry(tag).or_default() += 1);
            }
            json!({
                "good": of(Judgement::Good),
                "bad": of(Judgement::Bad),
                "unsure": of(Judgement::Unsure),
                "people": people,
                "tags": tags,
            })
        })
    };
    state.readers.run(read).await?.map(Json).map_err(|error| refused(&error))
}

/// A label that the page sends. Without `label`, it takes the person's label back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLabel {
    clip: String,
    who: String,
    label: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

/// `POST /api/labels`: the answer comes when the label is on the disk.
pub async fn add(
    State(state): State<Arc<BrowseState>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let json = read_body(&headers, body, JSON_BYTES, &state.http).await?;
    let new: NewLabel = serde_json::from_slice(&json).map_err(|error| {
        let form = r#"{"clip": "<id>", "who": "ana", "label": "good", "tags": ["menu"]}"#;
        ApiError::wrong(format!("the label is wrong: {error}; send {form}"))
    })?;
    let dataset = Arc::clone(&state.dataset);
    let (row, before) = state.readers.run(move || checked(&dataset, new)).await??;
    state.labels.write(row.clone()).await?;
    let dataset = Arc::clone(&state.dataset);
    let added = row.clone();
    let add = move || dataset.with_labels(|labels| labels.add(added));
    state.readers.run(add).await?.map_err(|error| refused(&error))?;
    Ok(Json(json!({ "label": shown(&row), "before": before.as_ref().map(shown) })))
}

/// Checks a label, and finds the one that it replaces.
fn checked(
    dataset: &BrowsedDataset,
    new: NewLabel,
) -> Result<(LabelRow, Option<LabelRow>), ApiError> {
    let who = checked_who(&new.who).map_err(ApiError::wrong)?;
    let label = new.label.map(|label| judgement(&label)).transpose().map_err(ApiError::wrong)?;
    let tags = checked_tags(new.tags.iter().map(String::as_str)).map_err(ApiError::wrong)?;
    let facts = dataset.facts().map_err(|error| refused(&error))?;
    let key = ClipKey::from(new.clip.as_str());
    facts.position(key).ok_or_else(|| unknown(&new.clip))?;
    let before = dataset.with_labels(|labels| labels.row(&new.clip, &who).cloned());
    let before = before.map_err(|error| refused(&error))?;
    // A clock may go back, and the newest label counts.
    let after = before.as_ref().map_or(i64::MIN, |row| row.at.saturating_add(1));
    let at = Timestamp::now().as_millisecond().max(after);
    let before = before.filter(|row| row.label.is_some());
    Ok((LabelRow { at, clip_id: new.clip, who, label, tags }, before))
}

fn shown(row: &LabelRow) -> Value {
    json!({
        "clip": row.clip_id,
        "who": row.who,
        "label": row.label.map(Judgement::name),
        "tags": row.tags,
        "at": row.at,
    })
}
