//! The verdict on clips: which ones are kept, and why the others are not.
//!
//! The verdict depends only on the catalog's rows and the config, so ingest can repeat it at any
//! time without decoding. A clip is kept if, in this order:
//! 1. it is long enough, and no stretch that was cut out;
//! 2. it passes each condition of `ingest.keep`;
//! 3. it is not a near-duplicate of a better clip;
//! 4. a shard contains it.

use std::collections::HashMap;

use anyhow::Result;
use genie_catalog::Condition;
use genie_shards::{ClipRow, SourceRow};
use genie_stage::exit::Usage;

use super::near_duplicates::Originals;
use crate::reject::Reason;

/// The rules that decide which clips are kept.
pub struct KeepRules {
    /// `ingest.keep` as the user wrote it.
    expression: String,
    keep: Condition,
    near_duplicates: bool,
}

impl KeepRules {
    /// Parses the rules: `ingest.keep` and `ingest.near_duplicates`.
    ///
    /// # Errors
    ///
    /// [`Usage`] if `expression` is not a condition over the columns of `clips`.
    pub fn new(expression: &str, near_duplicates: bool) -> Result<Self> {
        let keep = Condition::parse(expression).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map_or(String::new(), |cause| format!(": {cause}"));
            Usage(format!("ingest.keep: {error}{cause}"))
        })?;
        Ok(Self { expression: expression.to_owned(), keep, near_duplicates })
    }

    /// The rules as JSON, for a work key.
    pub fn keyed(&self) -> serde_json::Value {
        serde_json::json!({ "keep": self.expression, "near_duplicates": self.near_duplicates })
    }

    /// The first condition of `ingest.keep` that a clip fails. Looks only at the clip's own row.
    pub fn failure(&self, row: &ClipRow) -> Result<Option<String>> {
        Ok(self.keep.failures(std::slice::from_ref(row))?.pop().flatten())
    }

    /// Decides about all clips of a dataset: sets `kept`, `reason` and `duplicate_of`.
    ///
    /// On entry `kept` means that a shard contains the clip. A clip that passes the rules and is in
    /// no shard gets [`Reason::Gone`], until its source is decoded again.
    pub fn apply(&self, clips: &mut [ClipRow], sources: &[SourceRow]) -> Result<()> {
        let failures = self.keep.failures(clips)?;
        let mut wanted = Vec::new();
        for (index, (row, failure)) in clips.iter_mut().zip(failures).enumerate() {
            if row.reason.as_deref().is_some_and(Reason::is_of_cutter) {
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
            Self::mark_near_duplicates(clips, &mut wanted, sources);
        }
        for index in wanted {
            let row = &mut clips[index];
            row.reason = (!row.kept).then(|| Reason::Gone.code().to_owned());
        }
        Ok(())
    }

    /// Removes near-duplicates from the wanted clips. The best clip of each set stays.
    fn mark_near_duplicates(clips: &mut [ClipRow], wanted: &mut Vec<usize>, sources: &[SourceRow]) {
        let sources: HashMap<&str, &SourceRow> =
            sources.iter().map(|row| (row.source_id.as_str(), row)).collect();
        let quality = |index: &usize| {
            let clip = &clips[*index].meta;
            let source = sources.get(clip.source_id.as_str());
            let pixels = source.map_or(0, |row| {
                u64::from(row.width.unwrap_or(0)) * u64::from(row.height.unwrap_or(0))
            });
            let bytes = source.map_or(0, |row| row.bytes);
            // Smaller is better. True actions count more than pixels. The ID and time break ties.
            (
                clip.actions.is_none(),
                u64::MAX - pixels,
                u64::MAX - bytes,
                &clip.source_id,
                clip.start_pts,
            )
        };
        wanted.sort_by(|a, b| quality(a).cmp(&quality(b)));
        let mut known = Originals::default();
        let mut originals = Vec::new();
        for &index in wanted.iter() {
            match known.original_of(&clips[index].meta) {
                Some(original) => originals.push((index, original.to_owned())),
                None => known.add(&clips[index].meta),
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
