//! Outstanding work: clips of which something has not been made yet.
//!
//! A clip is done when all its windows are there, so one that was half done before a crash is outstanding again; and
//! one that is shorter than a window has none, so it never is.

use arrow::array::{Array, StringArray};
use datafusion::scalar::ScalarValue;
use genie_shards::Split;

use crate::{Catalog, error::Result};

impl Catalog {
    /// Kept clips that have fewer windows of tokens, by this tokenizer, than they have windows of `window` frames; by
    /// source, then time.
    ///
    /// # Errors
    /// When a file of the catalog or the tokens cannot be read.
    pub fn clips_without_tokens(
        &self,
        tokenizer: &str,
        split: Option<Split>,
        window: u32,
    ) -> Result<Vec<String>> {
        self.clips_without("tokens", "tokenizer", tokenizer, split, window)
    }

    /// The same for the actions of a latent action model.
    ///
    /// # Errors
    /// When a file of the catalog or the actions cannot be read.
    pub fn clips_without_actions(
        &self,
        lam: &str,
        split: Option<Split>,
        window: u32,
    ) -> Result<Vec<String>> {
        self.clips_without("actions", "lam", lam, split, window)
    }

    fn clips_without(
        &self,
        table: &str,
        model_column: &str,
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
                 FROM {table} WHERE {model_column} = $model GROUP BY clip_id
             ) AS done ON done.clip_id = clips.clip_id AND done.windows >= clips.frames / {window}
             WHERE clips.kept AND clips.frames >= {window} {in_split}
             ORDER BY clips.source_id, clips.start_pts, clips.clip_id"
        );
        let batches = self.sql_with(&sql, vec![("model", ScalarValue::from(model))])?;
        let ids = batches
            .iter()
            .filter_map(|batch| batch.column(0).as_any().downcast_ref::<StringArray>());
        Ok(ids.flat_map(|ids| ids.iter().flatten().map(str::to_owned)).collect())
    }
}
