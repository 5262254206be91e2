//! The verdict on clips: which are kept, and why the others are not.
//!
//! It is a function of the catalog's rows and the config alone, so it can be passed again at any time without decoding. In this
//! order: a clip is long enough; every part of `ingest.keep` holds for it; it is no copy of a better one; it is at hand.

use std::collections::HashMap;

use anyhow::Result;
use genie_catalog::Condition;
use genie_shards::{ClipRow, SourceRow};
use genie_stage::exit::Usage;

use super::near_duplicates::Originals;
use crate::reject::Reason;

/// What judges clips.
pub struct KeepRules {
    expression: String,
    keep: Condition,
    near_duplicates: bool,
}

impl KeepRules {
    /// With a config's rules. An expression that cannot judge clips is wrong usage.
    pub fn new(expression: &str, near_duplicates: bool) -> Result<Self> {
        let keep = Condition::parse(expression).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map_or(String::new(), |cause| format!(": {cause}"));
            Usage(format!("ingest.keep: {error}{cause}"))
        })?;
        Ok(Self { expression: expression.to_owned(), keep, near_duplicates })
    }

    /// The rules as an input of a work key.
    pub fn keyed(&self) -> serde_json::Value {
        serde_json::json!({ "keep": self.expression, "near_duplicates": self.near_duplicates })
    }

    /// Why a clip is not kept, by its scores alone.
    pub fn failure(&self, row: &ClipRow) -> Result<Option<String>> {
        Ok(self.keep.failures(std::slice::from_ref(row))?.pop().flatten())
    }

    /// Passes the verdict on all clips of a dataset. A clip that `kept` says is there stays or goes; one that is wanted and not
    /// there is [`Reason::Gone`], until its source is decoded again.
    pub fn apply(&self, clips: &mut [ClipRow], sources: &[SourceRow]) -> Result<()> {
        let failures = self.keep.failures(clips)?;
        let mut wanted = Vec::new();
        for (index, (row, failure)) in clips.iter_mut().zip(failures).enumerate() {
            if row.reason.as_deref() == Some(Reason::TooShort.code()) {
                continue;
            }
            row.reason = failure;
            row.duplicate_of = None;
            if row.reason.is_none() {
                wanted.push(index);
            } else {
                row.kept = false;
            }
        }
        if self.near_duplicates {
            Self::mark_copies(clips, &mut wanted, sources);
        }
        for index in wanted {
            let row = &mut clips[index];
            row.reason = (!row.kept).then(|| Reason::Gone.code().to_owned());
        }
        Ok(())
    }

    /// Takes the copies out of the wanted clips, the better one of two staying.
    fn mark_copies(clips: &mut [ClipRow], wanted: &mut Vec<usize>, sources: &[SourceRow]) {
        let sources: HashMap<&str, &SourceRow> =
            sources.iter().map(|row| (row.source_id.as_str(), row)).collect();
        let quality = |index: &usize| {
            let clip = &clips[*index].meta;
            let source = sources.get(clip.source_id.as_str());
            let pixels = source.map_or(0, |row| {
                u64::from(row.width.unwrap_or(0)) * u64::from(row.height.unwrap_or(0))
            });
            let bytes = source.map_or(0, |row| row.bytes);
            // True actions are worth more than pixels; names decide between equals.
            (
                clip.actions.is_none(),
                u64::MAX - pixels,
                u64::MAX - bytes,
                &clip.source_id,
                clip.start_pts,
            )
        };
        wanted.sort_by(|a, b| quality(a).cmp(&quality(b)));
        let mut copies = Originals::default();
        let mut originals = Vec::new();
        for &index in wanted.iter() {
            match copies.original_of(&clips[index].meta) {
                Some(original) => originals.push((index, original.to_owned())),
                None => copies.add(&clips[index].meta),
            }
        }
        for (index, original) in originals {
            let row = &mut clips[index];
            (row.kept, row.reason) = (false, Some(Reason::NearDuplicate.code().to_owned()));
            row.duplicate_of = Some(original);
        }
        wanted.retain(|&index| clips[index].reason.is_none());
    }
}
