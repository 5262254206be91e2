//! Thresholds, and the queue of clips to label.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use genie_catalog::ClipOrder;
use genie_serve::{ApiError, query};
use serde::Deserialize;

use super::clips::ShownClip;
use super::refusals::refused;
use crate::browse::facts::{QUALITY, score_names};
use crate::browse::keep::{self, KeepView, Side, Threshold};
use crate::browse::queue;
use crate::browse::state::BrowseState;
use crate::catalog::checked_who;

/// Most clips in one answer of the queue. A person who skips many asks for many.
const MOST: usize = 1000;

#[derive(Deserialize)]
struct KeepQuery {
    #[serde(default)]
    expression: String,
    score: String,
    side: Option<Side>,
}

/// `GET /api/keep?expression=SQL&score=motion&side=least`
pub async fn view(
    State(state): State<Arc<BrowseState>>,
    uri: Uri,
) -> Result<Json<KeepView>, ApiError> {
    let KeepQuery { expression, score, side } = query(&uri)?;
    let number = score_names().iter().position(|name| *name == score).ok_or_else(|| {
        let names = score_names().join(", ");
        ApiError::wrong(format!("{score:?} is not a score; the scores are {names}"))
    })?;
    let dataset = Arc::clone(&state.dataset);
    let read = move || keep::view(&dataset, &expression, number, side);
    state.readers.run(read).await?.map(Json).map_err(|error| refused(&error))
}

#[derive(Deserialize)]
struct QueueQuery {
    who: String,
    #[serde(rename = "where", default)]
    condition: String,
    #[serde(default)]
    expression: String,
    #[serde(default = "twelve")]
    count: usize,
}

fn twelve() -> usize {
    12
}

/// `GET /api/queue?who=NAME&where=SQL&expression=SQL&count=N`
pub async fn queue(
    State(state): State<Arc<BrowseState>>,
    uri: Uri,
) -> Result<Json<Vec<ShownClip>>, ApiError> {
    let QueueQuery { who, condition, expression, count } = query(&uri)?;
    let who = checked_who(&who).map_err(ApiError::wrong)?;
    let dataset = Arc::clone(&state.dataset);
    let read = move || -> anyhow::Result<Vec<ShownClip>> {
        let parts = keep::parts(&expression)?;
        let (facts, chosen) = dataset.choose(&condition, &ClipOrder::default(), false)?;
        let thresholds = match quality_border() {
            Some(border) if facts.has_quality => vec![border],
            _ => parts.iter().filter_map(|part| keep::threshold(part)).collect(),
        };
        dataset.with_labels(|labels| {
            let kept = chosen.iter().copied().filter(|clip| facts.clips[*clip as usize].kept);
            let (labelled, open): (Vec<u32>, Vec<u32>) = kept.partition(|clip| {
                let id = facts.clips[*clip as usize].key.to_string();
                labels.row(&id, &who).is_some_and(|row| row.label.is_some())
            });
            let next = queue::next(&facts, &open, &labelled, &thresholds, count.min(MOST));
            next.into_iter().map(|clip| ShownClip::of(&facts, labels, clip)).collect()
        })
    };
    state.readers.run(read).await?.map(Json).map_err(|error| refused(&error))
}

/// The qualities about which a network is least certain. There a label teaches most.
fn quality_border() -> Option<Threshold> {
    let score = score_names().iter().position(|name| *name == QUALITY)?;
    Some(Threshold { score, side: Side::Least, value: 0.5 })
}
