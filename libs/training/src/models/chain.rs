//! The chain of work keys from clips to dynamics under one config: which directory each model's step belongs in. A key holds the keys of what went
//! in, so a changed tokenizer gives new tokens and a new dynamics model, and leaves the latent action model alone. A pinned model has the key
//! that it has, whatever clips there are now; what follows from it goes on as ever.
//!
//! Where training is narrowed to a selection of clips, keys of models hold that selection in place of all clips; tokens and labels are of all clips as ever.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::LamInput;
use genie_shards::{ACTIONS_FORMAT, Manifest, TOKENS_FORMAT, tables};
use genie_stage::key::{Key, KeyBuilder};
use genie_stage::step::StepDir;

use super::sections::ModelSections;
use super::selection::{Selection, Where};
use super::spec::ModelSpec;

/// The steps of one config over one set of clips.
#[derive(Debug)]
pub struct Chain {
    /// Training of the tokenizer: `models/tokenizer/<key>`.
    pub tokenizer: StepDir,
    /// Token shards: `tokens/<tokenizer's key>`.
    pub tokens: StepDir,
    /// Training of the latent action model: `models/lam/<key>`.
    pub lam: StepDir,
    /// Latent actions: `actions/<LAM's key>`.
    pub actions: StepDir,
    /// Training of the dynamics model: `models/dynamics/<key>`.
    pub dynamics: StepDir,
    root: Utf8PathBuf,
    /// What was published when the keys were made.
    manifest: Manifest,
    selecting: Where,
    selection: Option<Selection>,
}

impl Chain {
    /// The chain over the clips that are published now.
    ///
    /// # Errors
    /// When there are none or their manifest cannot be read.
    pub fn existing(sections: &ModelSections) -> Result<Self> {
        let Some(chain) = Self::of(sections)? else {
            bail!("there are no clips under {}: run `genie-ingest run` first", sections.data.root);
        };
        Ok(chain)
    }

    /// The same, for training: there are clips to train on.
    ///
    /// # Errors
    /// The same, and when none is selected.
    pub fn to_train(sections: &ModelSections) -> Result<Self> {
        let chain = Self::existing(sections)?;
        if let Some(selection) = &chain.selection {
            selection.check()?;
            tracing::info!(
                "[data] where selects {} of {} clips to train on",
                selection.selected,
                selection.of
            );
        }
        Ok(chain)
    }

    /// The chain over the clips that are published now; none without clips.
    ///
    /// # Errors
    /// When the manifest of the clips, their catalog or a file to import cannot be read; when nobody here knows which clips are selected.
    pub fn of(sections: &ModelSections) -> Result<Option<Self>> {
        let root = &sections.data.root;
        let manifest = Manifest::load(root).context("cannot read the manifest of the clips")?;
        if manifest.table(tables::CLIPS).is_empty() {
            return Ok(None);
        }
        let clips = manifest.table_hash(tables::CLIPS);
        let selecting = sections.selecting();
        let selection = selecting.settle(root, &manifest)?;
        let selected = selection.as_ref().map(|selection| selection.hash.as_str());
        let trained_on = |key: KeyBuilder| match selected {
            Some(selected) => key.input("selected", selected),
            None => key.input("clips", &clips),
        };
        // What training sees of tokens and actions, which are of all clips.
        let seen = selected.unwrap_or(&clips);
        let window = sections.tokenizer.0.frames;

        let spec = sections.tokenizer_spec();
        let tokenizer = match spec.pinned(&sections.pinned.tokenizer)? {
            Some(pinned) => pinned,
            None => trained_on(spec.begin()?).finish(),
        };
        let tokens_of = |clips: &str| {
            Key::builder("tokens", TOKENS_FORMAT)
                .input("tokenizer", &tokenizer)
                .input("clips", clips)
                .finish()
        };
        let spec = sections.lam_spec(Some(&tokenizer));
        let lam = match (spec.pinned(&sections.pinned.lam)?, sections.lam.0.input) {
            (Some(pinned), _) => pinned,
            (None, LamInput::Pixels) => trained_on(spec.begin()?).finish(),
            (None, LamInput::Tokens) => {
                let of_clips = trained_on(spec.begin()?);
                of_clips.input("tokenizer", &tokenizer).input("tokens", tokens_of(seen)).finish()
            }
        };
        let actions_of = |clips: &str| {
            Key::builder("actions", ACTIONS_FORMAT)
                .config(&window)
                .input("lam", &lam)
                .input("clips", clips)
                .finish()
        };
        let dynamics = ModelSpec::new(
            root,
            "dynamics",
            &sections.dynamics.keyed(),
            &sections.dynamics.0.train,
        )
        .begin()?
        .input("tokenizer", &tokenizer)
        .input("lam", &lam)
        .input("tokens", tokens_of(seen))
        .input("actions", actions_of(seen))
        .finish();

        let model = |kind: &str, key: &Key| StepDir::open(directory(root, kind, key), key, kind);
        Ok(Some(Self {
            tokens: StepDir::open(
                root.join("tokens").join(tokenizer.as_str()),
                &tokens_of(&clips),
                "tokens",
            ),
            actions: StepDir::open(
                root.join("actions").join(lam.as_str()),
                &actions_of(&clips),
                "actions",
            ),
            tokenizer: model("tokenizer", &tokenizer),
            lam: model("lam", &lam),
            dynamics: model("dynamics", &dynamics),
            root: root.clone(),
            manifest,
            selecting,
            selection,
        }))
    }

    /// Ids of the clips that models of this chain are trained on: of those that were kept and not held out when the chain was made, the selected ones.
    /// Directories of tokens and labels hold windows of others, too, also of clips that came since, or that were dropped.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn clips(&self) -> Result<HashSet<String>> {
        let (rows, _) = self.selecting.rows(&self.root, &self.manifest)?;
        Ok(rows.into_iter().map(|row| row.meta.clip_id).collect())
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }
}

fn directory(root: &Utf8Path, kind: &str, key: &Key) -> Utf8PathBuf {
    root.join("models").join(kind).join(key.as_str())
}

#[cfg(test)]
mod tests;
