//! Which clips models are trained on: `[data] where`.
//!
//! Models may be trained on clips that are kept and not held out. `[data] where` selects some of
//! these. Only training uses the selection. All clips are encoded and labelled, so several
//! selections share their tokens. Reports use all held-out clips, so reports of several selections
//! can be compared.
//!
//! Work keys contain the selected clips, not the text of the expression. So another expression that
//! selects the same clips changes nothing. New clips that are not selected change nothing either;
//! new clips that are selected give new models.
//!
//! To evaluate the expression, a binary needs SQL, which is four fifths of its size.
//! `genie-tokenize` and `genie-train` have it, and record the selection under `root/selections/`.
//! `genie-evaluate` has no SQL and reads that record.

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipRow, Manifest, Split, stream_clip_rows, tables, visit_clip_verdicts};
use genie_stage::exit::{Usage, usage};
use genie_stage::key::Key;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::clip_set::{ClipSet, SetClip};
use super::selection_hash::SelectionHash;

/// Version of the recorded selection.
const FORMAT: u32 = 1;
/// Largest number of bytes of selected clips in memory while their hash is computed.
const LINE_BYTES: usize = 128 << 20;

/// Evaluates an expression for every clip. An error means that the expression is wrong.
pub type ClipFilter = fn(&str, &[ClipRow]) -> Result<Vec<bool>>;

/// The expression `[data] where`, and the function that evaluates it.
#[derive(Clone, Debug)]
pub(super) struct ClipSelector {
    expression: String,
    /// `None` in a binary without SQL.
    filter: Option<ClipFilter>,
}

/// The clips of one manifest that an expression selects, as recorded in `root/selections/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Selection {
    r#where: String,
    /// Hash of the rows of all clips for which the expression was evaluated.
    rows: String,
    /// Hash of the selected clips: their ids, and their true actions if a sidecar has them.
    ///
    /// The order of the clips does not matter.
    pub hash: String,
    /// The number of selected clips.
    pub selected: usize,
    /// The number of clips that models may be trained on.
    pub of: usize,
}

impl ClipSelector {
    pub fn new(expression: &str, filter: Option<ClipFilter>) -> Self {
        Self { expression: expression.trim().to_owned(), filter }
    }

    /// Checks the expression, if this binary has SQL.
    ///
    /// # Errors
    /// When the expression is not valid.
    pub fn check(&self) -> Result<()> {
        match self.filter {
            Some(filter) if !self.expression.is_empty() => {
                filter(&self.expression, &[]).map_err(|error| {
                    // The causes of an SQL error repeat each other, and the last one is complete.
                    let (text, cause) = (error.to_string(), error.root_cause().to_string());
                    let same = text == cause;
                    let cause = if same { String::new() } else { format!("\n  cause: {cause}") };
                    Usage(format!("[data] where: {text}{cause}"))
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Calls `visit` for every selected clip, in the order of the catalog's files.
    ///
    /// Returns the number of clips that models may be trained on. The rows of a clip are in memory
    /// only during the call.
    ///
    /// # Errors
    /// When the catalog cannot be read, or the expression cannot be computed.
    fn visit_rows(
        &self,
        root: &Utf8Path,
        manifest: &Manifest,
        filter: ClipFilter,
        mut visit: impl FnMut(&ClipRow),
    ) -> Result<usize> {
        let mut of = 0;
        for entry in manifest.table(tables::CLIP_ROWS) {
            let read = "cannot read the catalog of the clips";
            for rows in stream_clip_rows(root, entry).context(read)? {
                let mut rows = rows.context(read)?;
                rows.retain(|row| row.kept && row.meta.split == Split::Train);
                of += rows.len();
                let holds = filter(&self.expression, &rows)
                    .map_err(|error| usage(error.context("cannot select clips by [data] where")))?;
                rows.iter().zip(holds).filter(|(_, holds)| *holds).for_each(|(row, _)| visit(row));
            }
        }
        Ok(of)
    }

    /// The function that evaluates the expression.
    ///
    /// # Errors
    /// When this binary has no SQL.
    fn filter(&self) -> Result<ClipFilter> {
        self.filter.with_context(|| {
            format!(
                "no binary has recorded yet which of the current clips [data] where = `{}` \
                 selects: run `genie-tokenize fit`",
                self.expression
            )
        })
    }

    /// The selected clips.
    ///
    /// With `labelled`, only those with true actions. Only a few columns of the catalog are read,
    /// unless there is an expression.
    ///
    /// # Errors
    /// When the catalog cannot be read, or the expression cannot be computed.
    pub fn clips(&self, root: &Utf8Path, manifest: &Manifest, labelled: bool) -> Result<ClipSet> {
        let mut clips: Vec<SetClip> = Vec::new();
        if !self.expression.is_empty() {
            self.visit_rows(root, manifest, self.filter()?, |row| {
                if !labelled || row.meta.actions.is_some() {
                    let frames = u32::try_from(row.meta.frame_count()).unwrap_or(u32::MAX);
                    clips.push(SetClip::new(&row.meta.clip_id, &row.meta.source_id, frames));
                }
            })?;
            return Ok(clips.into_iter().collect());
        }
        for entry in manifest.table(tables::CLIP_ROWS) {
            visit_clip_verdicts(root, entry, |clip| {
                let may_train = clip.kept && clip.split == Split::Train;
                if may_train && (!labelled || clip.has_actions) {
                    clips.push(SetClip::new(clip.clip_id, clip.source_id, clip.frames));
                }
            })
            .context("cannot read the catalog of the clips")?;
        }
        Ok(clips.into_iter().collect())
    }

    /// The selection, read from its record or evaluated and recorded; `None` without an expression.
    ///
    /// If the record has the same rows and the same expression, nothing is evaluated.
    ///
    /// # Errors
    /// As [`Self::clips`], and when the record cannot be written.
    pub fn resolve(&self, root: &Utf8Path, manifest: &Manifest) -> Result<Option<Selection>> {
        if self.expression.is_empty() {
            return Ok(None);
        }
        let path = self.record_path(root);
        let known = genie_store::read(&path)?;
        let known = known.and_then(|json| serde_json::from_slice::<Selection>(&json).ok());
        let rows = manifest.table_hash(tables::CLIP_ROWS);
        let known = known.filter(|known| known.r#where == self.expression && known.rows == rows);
        if known.is_some() {
            return Ok(known);
        }
        let mut hash = SelectionHash::new(LINE_BYTES);
        let filter = self.filter()?;
        let of = self.visit_rows(root, manifest, filter, |row| hash.add(&row.meta))?;
        let (hash, selected) = hash.finish(|visit| {
            self.visit_rows(root, manifest, filter, |row| visit(&row.meta)).map(drop)
        })?;
        let selection = Selection { r#where: self.expression.clone(), rows, hash, selected, of };
        genie_store::write(&path, serde_json::to_string_pretty(&selection)? + "\n")?;
        Ok(Some(selection))
    }

    /// The file of the record. Each expression has one file, so nightly runs do not add files.
    fn record_path(&self, root: &Utf8Path) -> Utf8PathBuf {
        let key =
            Key::builder("where", FORMAT).config(&json!({ "where": self.expression })).finish();
        root.join("selections").join(format!("{key}.json"))
    }
}

impl Selection {
    /// Checks that the selection is not empty.
    ///
    /// # Errors
    /// When no clip is selected.
    pub fn check(&self) -> Result<()> {
        let Self { r#where, of, .. } = self;
        ensure!(
            self.selected > 0,
            "[data] where = `{where}` selects none of the {of} clips that models may be trained on \
             (those that are kept and not held out): change it; \
             `genie-ingest sql \"select * from clips where kept and split = 'train'\"` shows them"
        );
        Ok(())
    }
}
