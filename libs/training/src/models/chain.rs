//! The work keys from clips to the dynamics model under one config, and the directory of each step.
//!
//! A key contains the keys of its inputs. So a changed tokenizer gives new tokens and a new
//! dynamics model, and does not change the latent action model. A pinned model keeps its key,
//! whatever clips exist now.
//!
//! If `[data] where` selects clips for training, the keys of models contain the selected clips
//! instead of all clips. Tokens and labels are always of all clips.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::LamInput;
use genie_shards::{ACTIONS_FORMAT, Manifest, TOKENS_FORMAT, tables};
use genie_stage::key::{Key, KeyBuilder};
use genie_stage::lock::InUse;
use genie_stage::step::StepDir;

use super::clip_set::ClipSet;
use super::sections::ModelSections;
use super::selection::{ClipSelector, Selection};
use super::spec::ModelSpec;

/// The directories of the steps of one config over one set of clips.
///
/// While it exists, `gc` deletes no file that its manifest of the clips names.
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
    /// The manifest of the clips from which the keys were computed.
    manifest: Manifest,
    in_use: Arc<InUse>,
    selector: ClipSelector,
    selection: Option<Selection>,
    shuffle_bytes: u64,
}

impl Chain {
    /// The chain over the published clips.
    ///
    /// # Errors
    /// When there are no clips, or as [`Self::of`].
    pub fn existing(sections: &ModelSections) -> Result<Self> {
        let Some(chain) = Self::of(sections)? else {
            bail!(
                "there are no clips under {}: run `genie-ingest run` first; if it has run, \
                 `genie-ingest stats` shows why it kept no clip",
                sections.data.root
            );
        };
        Ok(chain)
    }

    /// The chain over the published clips, for training.
    ///
    /// # Errors
    /// As [`Self::existing`], and when `[data] where` selects no clip.
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

    /// The chain over the published clips; `None` if there are no clips.
    ///
    /// # Errors
    /// When the manifest or the catalog of the clips or an imported file cannot be read; in a
    /// binary without SQL, when no other binary recorded which clips `[data] where` selects.
    pub fn of(sections: &ModelSections) -> Result<Option<Self>> {
        let root = &sections.data.root;
        // Before the manifest is read: `gc` deletes no file that this manifest names.
        let in_use = Arc::new(InUse::mark(root)?);
        let manifest = Manifest::load(root).context("cannot read the manifest of the clips")?;
        if manifest.table(tables::CLIPS).is_empty() {
            return Ok(None);
        }
        let clips = manifest.table_hash(tables::CLIPS);
        let selector = sections.clip_selector();
        let selection = selector.resolve(root, &manifest)?;
        let selected = selection.as_ref().map(|selection| selection.hash.as_str());
        let trained_on = |key: KeyBuilder| match selected {
            Some(selected) => key.input("selected", selected),
            None => key.input("clips", &clips),
        };
        // All clips have tokens and actions; models are trained on the selected clips.
        let trained = selected.unwrap_or(&clips);
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
                of_clips.input("tokenizer", &tokenizer).input("tokens", tokens_of(trained)).finish()
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
            &sections.data,
            "dynamics",
            &sections.dynamics.keyed(),
            &sections.dynamics.0.train,
        )
        .begin()?
        .input("tokenizer", &tokenizer)
        .input("lam", &lam)
        .input("tokens", tokens_of(trained))
        .input("actions", actions_of(trained))
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
            in_use,
            selector,
            selection,
            shuffle_bytes: sections.data.shuffle_mb << 20,
        }))
    }

    /// The clips that the models of this chain are trained on.
    ///
    /// When the chain was computed, they were kept, selected, and not held out. The directories of
    /// tokens and labels can also contain windows of other clips: of clips that were added later,
    /// or that were dropped.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn clips(&self) -> Result<ClipSet> {
        self.selector.clips(&self.root, &self.manifest, false)
    }

    /// The [clips](Self::clips); `None` if they are all clips of the training split in the shards.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn selected_clips(&self) -> Result<Option<ClipSet>> {
        self.selection.is_some().then(|| self.clips()).transpose()
    }

    /// The [clips](Self::clips) whose true actions are known.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn labelled_clips(&self) -> Result<ClipSet> {
        self.selector.clips(&self.root, &self.manifest, true)
    }

    /// The number of bytes of training data that may be in memory.
    #[must_use]
    pub fn shuffle_bytes(&self) -> u64 {
        self.shuffle_bytes
    }

    /// The dataset root.
    #[must_use]
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The manifest of the clips from which the keys were computed.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The mark that keeps the files of this manifest, for what reads them after the chain is gone.
    #[must_use]
    pub fn in_use(&self) -> Arc<InUse> {
        Arc::clone(&self.in_use)
    }
}

fn directory(root: &Utf8Path, kind: &str, key: &Key) -> Utf8PathBuf {
    root.join("models").join(kind).join(key.as_str())
}

#[cfg(test)]
mod tests;
