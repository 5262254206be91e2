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
use genie_stage::exit::Usage;
use genie_stage::key::Key;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Version of what is hashed and noted.
const FORMAT: u32 = 1;

/// Says for which clips an expression holds; an error is one of the expression.
pub type Judge = fn(&str, &[ClipRow]) -> Result<Vec<bool>>;

/// What `[data] where` says, and who knows what that means.
#[derive(Clone, Debug)]
pub(crate) struct Where {
    expression: String,
    judge: Option<Judge>,
}

/// What an expression comes to for the clips of one manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Selection {
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
    pub fn new(expression: &str, judge: Option<Judge>) -> Self {
        Self { expression: expression.trim().to_owned(), judge }
    }

    /// # Errors
    /// When the expression cannot judge clips.
    pub fn check(&self) -> Result<()> {
        match self.judge {
            Some(judge) if !self.expression.is_empty() => {
                judge(&self.expression, &[])
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
        let judge = match self.judge {
            _ if self.expression.is_empty() => None,
            Some(judge) => Some(judge),
            None => bail!(
                "which clips [data] where = `{}` selects is not known for the clips that there are now: run `genie-tokenize fit`",
                self.expression
            ),
        };
        let mut rows =
            clip_rows_of(root, manifest).context("cannot read the catalog of the clips")?;
        rows.retain(|row| row.kept && row.meta.split == Split::Train);
        let of = rows.len();
        if let Some(judge) = judge {
            let mut holds = judge(&self.expression, &rows)
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
        if self.judge.is_none() && known.is_some() {
            return Ok(known);
        }
        let (clips, of) = self.rows(root, manifest)?;
        let (r#where, hash, selected) = (self.expression.clone(), hash(&clips), clips.len());
        let selection = Selection { r#where, rows, hash, selected, of };
        if known.as_ref() != Some(&selection) {
            genie_durable::write(&path, serde_json::to_string_pretty(&selection)? + "\n")?;
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

#[cfg(test)]
mod tests {
    use genie_shards::{ClipMeta, Scores, write_clip_rows};
    use genie_stage::config::{ConfigArgs, load};

    use super::*;
    use crate::{Chain, Sections};

    /// Knows two expressions: `moving`, and `not still`, which says the same.
    fn judge(expression: &str, clips: &[ClipRow]) -> Result<Vec<bool>> {
        ensure!(
            ["moving", "not still"].contains(&expression),
            "no column {expression}: motion, noise"
        );
        Ok(clips.iter().map(|clip| clip.meta.scores.motion > 0.5).collect())
    }

    /// A clip of so much motion.
    fn clip(id: &str, split: Split, motion: f32) -> ClipRow {
        let scores = Scores { motion, ..Scores::default() };
        let meta = ClipMeta {
            clip_id: id.into(),
            source_id: id.into(),
            split,
            time_base: (1, 10),
            frame_pts: vec![0, 1],
            width: 1,
            height: 1,
            scores,
            ..ClipMeta::default()
        };
        ClipRow { meta, kept: true, ..ClipRow::default() }
    }

    /// Publishes clips, in place of those that there are. Nobody here reads their frames.
    fn publish(root: &Utf8Path, name: &str, clips: &[ClipRow]) {
        let entry = write_clip_rows(root, name, clips).unwrap();
        Manifest::commit(root, |manifest| {
            for table in [tables::CLIPS, tables::CLIP_ROWS] {
                manifest.retain(table, |_| false);
                manifest.add(table, entry.clone());
            }
        })
        .unwrap();
    }

    fn sections(root: &Utf8Path, expression: &str) -> Sections {
        let set = vec![format!("data.root={root}"), format!("data.where={expression}")];
        Sections::read(&load(&ConfigArgs { config: None, set }).unwrap()).unwrap()
    }

    /// Keys of tokenizer, latent action model and dynamics model, then those of tokens and labels.
    fn keys(sections: &Sections) -> ([String; 3], [String; 2]) {
        let chain = Chain::existing(sections).unwrap();
        let key = |step: &genie_stage::step::StepDir| step.key().to_string();
        (
            [&chain.tokenizer, &chain.lam, &chain.dynamics].map(key),
            [&chain.tokens, &chain.actions].map(key),
        )
    }

    fn clips() -> Vec<ClipRow> {
        let mut dropped = clip("dropped", Split::Train, 0.9);
        dropped.kept = false;
        let (moving, held_out) =
            (clip("moving", Split::Train, 0.9), clip("held out", Split::HeldOut, 0.9));
        vec![moving, clip("still", Split::Train, 0.1), held_out, dropped]
    }

    /// Catches: a training on clips that were not selected, are held out, or were dropped; words, or clips that are not selected, that make new models
    /// of the same clips; new clips that are selected and change nothing; tokens that stay as they are although there are more clips.
    #[test]
    fn keys_hold_the_clips_that_are_selected() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        publish(root, "first", &clips());
        let select = |expression: &str| sections(root, expression).judging(judge).unwrap();
        let chosen = |expression: &str| {
            let mut clips: Vec<_> = Chain::to_train(&select(expression))
                .unwrap()
                .clips()
                .unwrap()
                .into_iter()
                .collect();
            clips.sort();
            clips
        };
        assert_eq!(chosen("moving"), ["moving"]);
        assert_eq!(chosen(""), ["moving", "still"]);
        let (models, made) = keys(&select("moving"));
        assert_eq!((models.clone(), made.clone()), keys(&select("  not still ")));
        let all = keys(&select(""));
        assert!((0..3).all(|model| models[model] != all.0[model]), "{models:?} {all:?}");

        publish(
            root,
            "second",
            &[clips(), vec![clip("another", Split::Train, 0.2), clip("new", Split::HeldOut, 0.9)]]
                .concat(),
        );
        let (same, more) = keys(&select("moving"));
        assert!(same == models && more[0] != made[0] && more[1] != made[1], "{more:?} {made:?}");
        publish(root, "third", &[clips(), vec![clip("third", Split::Train, 0.8)]].concat());
        assert_eq!(chosen("moving"), ["moving", "third"]);
        let (new, _) = keys(&select("moving"));
        assert!((0..3).all(|model| models[model] != new[model]), "{models:?} {new:?}");
    }

    /// Catches: a program without SQL that finds other models than those that have it, goes on with what was noted for other clips or another expression,
    /// or takes no note for all clips.
    #[test]
    fn what_is_noted_serves_those_who_cannot_judge() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        publish(root, "first", &clips());
        let unknown = |expression: &str| {
            Chain::existing(&sections(root, expression)).err().map(|error| error.to_string())
        };
        assert!(unknown("moving").unwrap().contains("run `genie-tokenize fit`"));
        let judged = keys(&sections(root, "moving").judging(judge).unwrap());
        assert_eq!(keys(&sections(root, "moving")), judged);
        assert!(unknown("not still").is_some());
        publish(root, "second", &clips()[1..]);
        assert!(unknown("moving").is_some(), "there are other clips");
        assert!(unknown("").is_none());
    }

    /// Catches: hours of training on nothing, or with an expression that means nothing.
    #[test]
    fn what_selects_nothing_or_is_wrong_is_told_before_any_work() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        publish(root, "first", &clips()[1..]);
        let error = Chain::to_train(&sections(root, "moving").judging(judge).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("`moving`") && error.contains("none of the 1 clips"), "{error}");
        // What is of all clips can go on.
        Chain::existing(&sections(root, "moving").judging(judge).unwrap()).unwrap();

        let error = sections(root, "moton").judging(judge).unwrap_err();
        assert_eq!(genie_stage::exit::code_of(&error), genie_stage::exit::USAGE);
        assert!(
            error.to_string().contains("[data] where")
                && error.to_string().contains("motion, noise"),
            "{error}"
        );
    }
}
