//! Which clips models are trained on: `[data] where`.
//!
//! Of the clips that may be trained on, which are kept and not held out, those for which the expression holds. Training alone is narrowed:
//! everything is encoded and labelled, so that selections share their tokens, and reports are on all held-out clips, so that they can be compared.
//!
//! Work keys hold which clips are selected, and not by which words. So another expression for the same clips changes nothing, nor do
//! clips that come and are not selected; those that are make new models.
//!
//! It takes SQL to know what an expression says, and that is four fifths of a binary which has it. `genie-tokenize` and `genie-train` have it; they note
//! what a selection comes to under `root/selections/`, for `genie-evaluate`, which trains nothing.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipRow, Manifest, Split, clip_rows_of, tables};
use genie_stage::atomic;
use genie_stage::exit::Usage;
use genie_stage::key::Key;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Version of what is hashed and noted.
const FORMAT: u32 = 1;

/// Says for which clips an expression holds; an error is one of the expression.
pub type ClipFilter = fn(&str, &[ClipRow]) -> Result<Vec<bool>>;

/// What `[data] where` says, and who knows what that means.
#[derive(Clone, Debug)]
pub(super) struct Where {
    expression: String,
    filter: Option<ClipFilter>,
}

/// What an expression comes to for the clips of one manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Selection {
    r#where: String,
    /// Hash of the clips' rows that were judged.
    rows: String,
    /// Hash of the selected clips, in any order: their ids, and the true actions where sidecars have them.
    pub hash: String,
    /// How many are selected,
    pub selected: usize,
    /// of how many that may be trained on.
    pub of: usize,
}

impl Where {
    pub fn new(expression: &str, filter: Option<ClipFilter>) -> Self {
        Self { expression: expression.trim().to_owned(), filter }
    }

    /// # Errors
    /// When the expression cannot judge clips.
    pub fn check(&self) -> Result<()> {
        match self.filter {
            Some(filter) if !self.expression.is_empty() => {
                filter(&self.expression, &[])
                    .map_err(|error| Usage(format!("[data] where: {error:#}")))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Rows of the clips that models are trained on, of those that `manifest` names; and how many may be.
    ///
    /// # Errors
    /// When the catalog cannot be read, or the expression cannot be computed.
    pub fn rows(&self, root: &Utf8Path, manifest: &Manifest) -> Result<(Vec<ClipRow>, usize)> {
        let filter = match self.filter {
            _ if self.expression.is_empty() => None,
            Some(filter) => Some(filter),
            None => bail!(
                "which clips [data] where = `{}` selects is not known for the clips that there are now: run `genie-tokenize fit`",
                self.expression
            ),
        };
        let mut rows =
            clip_rows_of(root, manifest).context("cannot read the catalog of the clips")?;
        rows.retain(|row| row.kept && row.meta.split == Split::Train);
        let of = rows.len();
        if let Some(filter) = filter {
            let mut holds = filter(&self.expression, &rows)
                .context("cannot select clips by [data] where")?
                .into_iter();
            rows.retain(|_| holds.next() == Some(true));
        }
        Ok((rows, of))
    }

    /// What the expression comes to; nothing, where there is none.
    ///
    /// # Errors
    /// As [`Self::rows`]; when it cannot be noted.
    pub fn settle(&self, root: &Utf8Path, manifest: &Manifest) -> Result<Option<Selection>> {
        if self.expression.is_empty() {
            return Ok(None);
        }
        let path = self.note(root);
        let known =
            fs::read(&path).ok().and_then(|json| serde_json::from_slice::<Selection>(&json).ok());
        let rows = manifest.table_hash(tables::CLIP_ROWS);
        let known = known.filter(|known| known.r#where == self.expression && known.rows == rows);
        if self.filter.is_none() && known.is_some() {
            return Ok(known);
        }
        let (clips, of) = self.rows(root, manifest)?;
        let (r#where, hash, selected) = (self.expression.clone(), hash(&clips), clips.len());
        let selection = Selection { r#where, rows, hash, selected, of };
        if known.as_ref() != Some(&selection) {
            atomic::write(&path, serde_json::to_string_pretty(&selection)? + "\n")?;
        }
        Ok(Some(selection))
    }

    /// Where it is noted: one file an expression, so that nights do not pile up.
    fn note(&self, root: &Utf8Path) -> Utf8PathBuf {
        let key =
            Key::builder("where", FORMAT).config(&json!({ "where": self.expression })).finish();
        root.join("selections").join(format!("{key}.json"))
    }
}

impl Selection {
    /// # Errors
    /// When nothing is selected.
    pub fn check(&self) -> Result<()> {
        let Self { r#where, of, .. } = self;
        ensure!(
            self.selected > 0,
            "[data] where = `{where}` selects none of the {of} clips that models may be trained on (those that are kept and not held out): \
             widen it; `genie-ingest sql \"select * from clips where kept and split = 'train'\"` shows what they are like"
        );
        Ok(())
    }
}

fn hash(rows: &[ClipRow]) -> String {
    let line = |row: &ClipRow| {
        json!([row.meta.clip_id, row.meta.actions, row.meta.action_names]).to_string()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort_unstable();
    lines.dedup();
    Key::builder("selection", FORMAT).config(&json!({ "clips": lines })).finish().to_string()
}
