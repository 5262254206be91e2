//! Pending work: clips that lack tokens or actions.
//!
//! A clip is done if it has all its windows, of the right length. So a clip that lacks some of them
//! is pending. A clip that is shorter than a window has no windows, and is never pending.

use arrow::array::{Array, StringArray};
use datafusion::scalar::ScalarValue;
use genie_shards::Split;

use crate::{catalog::Catalog, error::Result};

impl Catalog {
    /// Kept clips that lack token windows of this tokenizer, sorted by source, then time.
    ///
    /// `window` is the number of frames of a window.
    ///
    /// # Errors
    /// If a file of the catalog or of the tokens cannot be read.
    pub fn clips_without_tokens(
        &self,
        tokenizer: &str,
        split: Option<Split>,
        window: u32,
    ) -> Result<Vec<String>> {
        self.clips_without("tokens", "tokenizer", "t", tokenizer, split, window)
    }

    /// Kept clips that lack action windows of this LAM, sorted by source, then time.
    ///
    /// `window` is the number of frames of a window.
    ///
    /// # Errors
    /// If a file of the catalog or of the actions cannot be read.
    pub fn clips_without_actions(
        &self,
        lam: &str,
        split: Option<Split>,
        window: u32,
    ) -> Result<Vec<String>> {
        self.clips_without("actions", "lam", "array_length(codes) + 1", lam, split, window)
    }

    /// `frames` is an expression for the number of frames of a window.
    fn clips_without(
        &self,
        table: &str,
        model_column: &str,
        frames: &str,
        model: &str,
        split: Option<Split>,
        window: u32,
    ) -> Result<Vec<String>> {
        if window == 0 {
            return Ok(Vec::new());
        }
        let in_split =
            split.map_or_else(String::new, |split| format!("AND clips.split = '{split}'"));
        let sql = format!(
            "SELECT DISTINCT clips.clip_id, clips.source_id, clips.start_pts
             FROM clips LEFT ANTI JOIN (
                 SELECT clip_id, count(DISTINCT first_frame) AS windows
                 FROM {table}
                 WHERE {model_column} = $model
                   AND {frames} = {window} AND first_frame % {window} = 0
                 GROUP BY clip_id
             ) AS done ON done.clip_id = clips.clip_id AND done.windows >= clips.frames / {window}
             WHERE clips.kept AND clips.frames >= {window} {in_split}
             ORDER BY clips.source_id, clips.start_pts, clips.clip_id"
        );
        let mut pending = Vec::new();
        for batch in self.stream_with(&sql, vec![("model", ScalarValue::from(model))])? {
            let batch = batch?;
            let ids = batch.column(0).as_any().downcast_ref::<StringArray>();
            pending.extend(ids.into_iter().flatten().flatten().map(str::to_owned));
        }
        Ok(pending)
    }
}
