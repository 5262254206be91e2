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
use genie_stage::config::{Config, DataConfig, Resolved};
use genie_stage::key::{Key, KeyBuilder};
use genie_stage::step::StepDir;

use crate::pinned::{NEWEST, Work};
use crate::selection::{Judge, Selection, Where};
use crate::{DynamicsSection, LamSection, PinnedSection, TokenizerSection};

/// The sections that decide about models.
#[derive(Clone, Debug)]
pub struct Sections {
    /// `[data]`.
    pub data: DataConfig,
    /// `[pinned]`: keys, or nothing.
    pub pinned: PinnedSection,
    /// `[tokenizer]`.
    pub tokenizer: TokenizerSection,
    /// `[lam]`.
    pub lam: LamSection,
    /// `[dynamics]`.
    pub dynamics: DynamicsSection,
    /// Who knows what `[data] where` means, if anybody does here.
    judge: Option<Judge>,
}

impl Sections {
    /// Reads and checks them, and settles which models are pinned.
    ///
    /// # Errors
    /// When a value is wrong, or a model that is pinned by its key is not there.
    pub fn read(config: &Config) -> Result<Self> {
        let mut sections = Self {
            data: config.section()?,
            pinned: config.section()?,
            tokenizer: config.section()?,
            lam: config.section()?,
            dynamics: config.section()?,
            judge: None,
        };
        let tokenizer = sections.tokenizer_work();
        let tokenizer = match sections.pinned.tokenizer.as_str() {
            NEWEST => tokenizer.newest()?,
            key => tokenizer.pinned(key)?,
        };
        let lam = sections.lam_work(tokenizer.as_ref());
        let lam = match sections.pinned.lam.as_str() {
            // One that looks at tokens goes with its tokenizer, and without a pinned one that is made from the clips that there are now.
            NEWEST if sections.lam.0.input == LamInput::Tokens && tokenizer.is_none() => None,
            NEWEST => lam.newest()?,
            key => lam.pinned(key)?,
        };
        let text = |key: Option<Key>| key.map_or_else(String::new, |key| key.to_string());
        sections.pinned = PinnedSection { tokenizer: text(tokenizer), lam: text(lam) };
        Ok(sections)
    }

    /// Has `judge` say which clips `[data] where` selects, instead of what was noted about that.
    ///
    /// # Errors
    /// When the expression cannot judge clips.
    pub fn judging(self, judge: Judge) -> Result<Self> {
        let sections = Self { judge: Some(judge), ..self };
        sections.selecting().check()?;
        Ok(sections)
    }

    fn selecting(&self) -> Where {
        Where::new(&self.data.r#where, self.judge)
    }

    fn tokenizer_work(&self) -> Work<'_> {
        Work::new(&self.data.root, "tokenizer", &self.tokenizer.keyed(), &self.tokenizer.0.train)
    }

    /// Of `tokenizer`, where it looks at tokens.
    fn lam_work<'a>(&'a self, tokenizer: Option<&'a Key>) -> Work<'a> {
        let work = Work::new(&self.data.root, "lam", &self.lam.keyed(), &self.lam.0.train);
        match self.lam.0.input {
            LamInput::Pixels => work,
            LamInput::Tokens => Work { tokenizer, ..work },
        }
    }

    /// The tokenizer of this config that was finished last, if there is one.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest_tokenizer(&self) -> Result<Option<Key>> {
        self.tokenizer_work().newest()
    }

    /// The latent action model of this config that was finished last, if there is one.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest_lam(&self) -> Result<Option<Key>> {
        self.lam_work(None).newest()
    }

    /// Runs every model on `device` instead of where the config says.
    pub fn run_on(&mut self, device: &str) {
        for place in
            [&mut self.tokenizer.0.device, &mut self.lam.0.device, &mut self.dynamics.0.device]
        {
            device.clone_into(place);
        }
    }

    /// As TOML.
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        Resolved::new()
            .with(&self.data)
            .with(&self.pinned)
            .with(&self.tokenizer)
            .with(&self.lam)
            .with(&self.dynamics)
    }
}

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
    pub fn existing(sections: &Sections) -> Result<Self> {
        let Some(chain) = Self::of(sections)? else {
            bail!("there are no clips under {}: run `genie-ingest run` first", sections.data.root);
        };
        Ok(chain)
    }

    /// The same, for training: there are clips to train on.
    ///
    /// # Errors
    /// The same, and when none is selected.
    pub fn to_train(sections: &Sections) -> Result<Self> {
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
    pub fn of(sections: &Sections) -> Result<Option<Self>> {
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

        let work = sections.tokenizer_work();
        let tokenizer = match work.pinned(&sections.pinned.tokenizer)? {
            Some(pinned) => pinned,
            None => trained_on(work.begin()?).finish(),
        };
        let tokens_of = |clips: &str| {
            Key::builder("tokens", TOKENS_FORMAT)
                .input("tokenizer", &tokenizer)
                .input("clips", clips)
                .finish()
        };
        let work = sections.lam_work(Some(&tokenizer));
        let lam = match (work.pinned(&sections.pinned.lam)?, sections.lam.0.input) {
            (Some(pinned), _) => pinned,
            (None, LamInput::Pixels) => trained_on(work.begin()?).finish(),
            (None, LamInput::Tokens) => {
                let of_clips = trained_on(work.begin()?);
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
        let dynamics =
            Work::new(root, "dynamics", &sections.dynamics.keyed(), &sections.dynamics.0.train)
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
