//! The verdict on clips: which ones are kept, and why the others are not.
//!
//! The verdict depends only on the catalog's rows, the config, and the scores of the quality
//! network that the config names. So ingest can repeat it at any time without decoding. A clip is
//! kept if, in this order:
//! 1. it is long enough, and no stretch that was cut out;
//! 2. it passes each condition of `ingest.keep`;
//! 3. it is not a near-duplicate of a better clip;
//! 4. a shard contains it.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use genie_catalog::Condition;
use genie_catalog::Error as CatalogError;
use genie_shards::ClipRow;
use genie_stage::exit::Usage;

use crate::catalog::quality::QualityScores;
use crate::reject::Reason;

/// The rules that decide which clips are kept.
pub struct KeepRules {
    /// `ingest.keep` as the user wrote it.
    expression: String,
    keep: Condition,
    near_duplicates: bool,
    quality: QualityScores,
    /// Whether a clip was found for which `keep` cannot be evaluated.
    has_failed: AtomicBool,
}

impl KeepRules {
    /// Parses the rules: `ingest.keep` and `ingest.near_duplicates`, with the scores of a network.
    ///
    /// # Errors
    ///
    /// [`Usage`] if `expression` is not a condition over the columns of `clips`, or uses `quality`
    /// without a network.
    pub fn new(expression: &str, near_duplicates: bool, quality: QualityScores) -> Result<Self> {
        let keep = Condition::parse(expression).map_err(wrong_keep)?;
        if keep.uses_quality() && quality.is_none() {
            return Err(Usage(
                "ingest.keep uses `quality`, but ingest.quality names no network: set it to the \
                 key that `genie-train quality score` prints"
                    .to_owned(),
            )
            .into());
        }
        let (expression, has_failed) = (expression.to_owned(), AtomicBool::new(false));
        Ok(Self { expression, keep, near_duplicates, quality, has_failed })
    }

    /// The rules as JSON, for a work key.
    pub fn keyed(&self) -> serde_json::Value {
        let (keep, near_duplicates) = (&self.expression, self.near_duplicates);
        let mut keyed = serde_json::json!({ "keep": keep, "near_duplicates": near_duplicates });
        // Without a network, the key is that of earlier versions.
        if let Some(quality) = self.quality.keyed() {
            keyed["quality"] = quality;
        }
        keyed
    }

    /// The first condition of `ingest.keep` that a clip fails, after setting its `quality`.
    ///
    /// Looks only at the clip's own row. A clip passes if the conditions cannot be evaluated for
    /// it, so that its frames are there for better conditions. Finalizing the catalog then fails.
    pub fn failure(&self, row: &mut ClipRow) -> Result<Option<String>> {
        row.quality = self.quality.of_clip(&row.meta.clip_id);
        match self.keep.failures(std::slice::from_ref(row), |_| true) {
            Ok(mut failures) => Ok(failures.pop().flatten()),
            Err(error) if error.is_wrong_sql() => {
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        "ingest.keep: {}. The run decodes the other videos, too, keeps what it \
                         decodes, and then ends with 64",
                        error.with_cause()
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the quality of the clips for which the conditions are evaluated.
    fn judge(&self, clips: &mut [ClipRow], is_open: impl Fn(&ClipRow) -> bool) {
        for row in clips.iter_mut().filter(|row| is_open(row)) {
            row.quality = self.quality.of_clip(&row.meta.clip_id);
        }
    }

    /// For each clip, why it does not pass the rules, apart from near-duplicates.
    ///
    /// `is_open` says for which clips the conditions are evaluated. For the others, their rows say
    /// it.
    ///
    /// # Errors
    ///
    /// [`Usage`] if the conditions cannot be evaluated for one of these clips.
    fn failures(
        &self,
        clips: &[ClipRow],
        is_open: impl Fn(&ClipRow) -> bool,
    ) -> Result<Vec<Option<String>>> {
        let is_of_cutter = |row: &ClipRow| row.reason.as_deref().is_some_and(Reason::is_of_cutter);
        let is_asked = |row: &ClipRow| is_open(row) && !is_of_cutter(row);
        let mut failures = Vec::new();
        if clips.iter().any(is_asked) {
            failures = self.keep.failures(clips, is_asked).map_err(wrong_keep)?;
        }
        failures.resize(clips.len(), None);
        let failure = |(row, failure): (&ClipRow, Option<String>)| match &row.reason {
            Some(reason) if Reason::is_of_cutter(reason) => Some(reason.clone()),
            _ if is_open(row) => failure,
            Some(reason) if !Reason::passes_rules(reason) => Some(reason.clone()),
            _ => None,
        };
        Ok(clips.iter().zip(failures).map(failure).collect())
    }

    /// The ids of the clips that pass the rules, apart from near-duplicates.
    ///
    /// `is_open` says for which clips the conditions are evaluated. They get their quality.
    pub fn wanted<'a>(
        &self,
        clips: &'a mut [ClipRow],
        is_open: impl Fn(&ClipRow) -> bool,
    ) -> Result<Vec<&'a str>> {
        self.judge(clips, &is_open);
        let clips = &*clips;
        let failures = self.failures(clips, is_open)?;
        let wanted = clips.iter().zip(failures).filter(|(_, failure)| failure.is_none());
        Ok(wanted.map(|(row, _)| row.meta.clip_id.as_str()).collect())
    }

    /// Decides about clips: sets `quality`, `kept`, `reason` and `duplicate_of`.
    ///
    /// On entry `kept` means that a shard contains the clip. A clip that passes the rules and is in
    /// no shard gets [`Reason::Gone`], until its source is decoded again. `original_of` returns the
    /// clip of which a clip is a near-duplicate, or nothing if this did not change.
    pub fn apply(
        &self,
        clips: &mut [ClipRow],
        is_open: impl Fn(&ClipRow) -> bool,
        original_of: impl Fn(&str) -> Option<Option<String>>,
    ) -> Result<()> {
        self.judge(clips, &is_open);
        let failures = self.failures(clips, &is_open)?;
        for (row, failure) in clips.iter_mut().zip(failures) {
            if failure.is_some() {
                (row.kept, row.reason, row.duplicate_of) = (false, failure, None);
                continue;
            }
            let original = original_of(&row.meta.clip_id);
            let original = original.or_else(|| is_open(row).then_some(None));
            match original.map(|original| original.filter(|_| self.near_duplicates)) {
                Some(Some(original)) => {
                    row.reason = Some(Reason::NearDuplicate.code().to_owned());
                    (row.kept, row.duplicate_of) = (false, Some(original));
                }
                Some(None) => {
                    row.reason = (!row.kept).then(|| Reason::Gone.code().to_owned());
                    row.duplicate_of = None;
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// The error of `ingest.keep`, which is a mistake in the config unless something cannot be read.
fn wrong_keep(error: CatalogError) -> anyhow::Error {
    if error.is_wrong_sql() {
        return Usage(format!("ingest.keep: {}", error.with_cause())).into();
    }
    error.into()
}
