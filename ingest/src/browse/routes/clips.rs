//! Clips: the dataset, the clips of a condition, and one clip.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use genie_catalog::ClipOrder;
use genie_serve::{ApiError, query};
use genie_shards::{ClipKey, Judgement};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refusals::refused;
use crate::browse::facts::{WallFacts, score_names};
use crate::browse::state::BrowseState;
use crate::catalog::NewestLabels;

/// Most clips in one answer.
const MOST: usize = 500;

/// A clip, as the page sees it.
#[derive(Serialize)]
pub struct ShownClip {
    id: String,
    source: String,
    split: &'static str,
    kept: bool,
    reason: Option<String>,
    /// The clip of which this one is a near-duplicate.
    original: Option<String>,
    /// Near-duplicates of this clip.
    copies: Vec<String>,
    frames: u32,
    fps: f32,
    /// Start in the source, in seconds.
    start: f32,
    /// In the order of `scores` in `/api/info`.
    scores: Vec<f32>,
    labels: Vec<ShownLabel>,
}

/// A label, as the page sees it.
#[derive(Serialize)]
struct ShownLabel {
    who: String,
    label: Option<&'static str>,
    tags: Vec<String>,
}

impl ShownClip {
    /// The clip with this number.
    pub fn of(facts: &WallFacts, labels: &NewestLabels, number: u32) -> Self {
        let clip = &facts.clips[number as usize];
        let id = clip.key.to_string();
        let labels = labels.of_clip(&id).map(|row| ShownLabel {
            who: row.who.clone(),
            label: row.label.map(Judgement::name),
            tags: row.tags.clone(),
        });
        let copies = facts.copies(clip.key).iter();
        Self {
            labels: labels.collect(),
            source: facts.sources[clip.source as usize].clone(),
            split: clip.split.as_str(),
            kept: clip.kept,
            reason: facts.reason(clip).map(str::to_owned),
            original: clip.original.map(|key| key.to_string()),
            copies: copies.map(|copy| facts.clips[*copy as usize].key.to_string()).collect(),
            frames: clip.frames,
            fps: clip.fps,
            start: clip.start,
            scores: facts.scores(number).to_vec(),
            id,
        }
    }
}

/// `GET /api/info`
pub async fn info(State(state): State<Arc<BrowseState>>) -> Result<Json<Value>, ApiError> {
    let (dataset, keep) = (Arc::clone(&state.dataset), state.keep.clone());
    let read = move || {
        let facts = dataset.facts()?;
        let kept = facts.clips.iter().filter(|clip| clip.kept).count();
        Ok(json!({
            "root": genie_store::shown(dataset.root()),
            "version": facts.version,
            "clips": facts.clips.len(),
            "kept": kept,
            "sources": facts.sources.len(),
            "reasons": facts.reasons,
            "scores": score_names(),
            "keep": keep,
            "program": env!("CARGO_PKG_VERSION"),
        }))
    };
    state.readers.run(read).await?.map(Json).map_err(|error| refused(&error))
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(rename = "where", default)]
    condition: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    descending: bool,
    #[serde(default)]
    after: usize,
    #[serde(default = "hundred")]
    count: usize,
    /// Whether an earlier answer to the same condition must not be used.
    #[serde(default)]
    refresh: bool,
}

fn hundred() -> usize {
    100
}

/// Some clips of a condition.
#[derive(Serialize)]
pub struct ClipList {
    version: String,
    /// Number of all clips of the condition.
    total: usize,
    clips: Vec<ShownClip>,
}

/// `GET /api/clips?where=SQL&sort=COLUMN&descending=true&after=N&count=N&refresh=true`
pub async fn list(
    State(state): State<Arc<BrowseState>>,
    uri: Uri,
) -> Result<Json<ClipList>, ApiError> {
    let ListQuery { condition, sort, descending, after, count, refresh } = query(&uri)?;
    if count > MOST {
        return Err(ApiError::wrong(format!("count is {count}; ask for at most {MOST} clips")));
    }
    let dataset = Arc::clone(&state.dataset);
    let read = move || {
        let order = ClipOrder { column: sort, descending };
        let (facts, chosen) = dataset.choose(&condition, &order, refresh)?;
        dataset.with_labels(|labels| {
            let some = chosen.iter().skip(after).take(count);
            let clips = some.map(|clip| ShownClip::of(&facts, labels, *clip)).collect();
            ClipList { version: facts.version.clone(), total: chosen.len(), clips }
        })
    };
    state.readers.run(read).await?.map(Json).map_err(|error| refused(&error))
}

/// `GET /api/clips/<id>`
pub async fn one(
    State(state): State<Arc<BrowseState>>,
    Path(id): Path<String>,
) -> Result<Json<ShownClip>, ApiError> {
    let dataset = Arc::clone(&state.dataset);
    let read = move || {
        let facts = dataset.facts().map_err(|error| refused(&error))?;
        let clip = facts.position(ClipKey::from(id.as_str())).ok_or_else(|| unknown(&id))?;
        let shown = dataset.with_labels(|labels| ShownClip::of(&facts, labels, clip));
        shown.map_err(|error| refused(&error))
    };
    Ok(Json(state.readers.run(read).await??))
}

/// The answer for a clip that does not exist.
pub fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!(
        "there is no clip {id:?} in this dataset; it may have changed, so load the page again"
    ))
}
