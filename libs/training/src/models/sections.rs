//! The config sections that decide which models a run uses.

use anyhow::Result;
use genie_model::LamInput;
use genie_stage::config::{Config, DataConfig, Resolved};
use genie_stage::key::Key;

use super::config::{DynamicsSection, LamSection, TokenizerSection};
use super::pinned::{NEWEST, PinnedSection};
use super::selection::{ClipFilter, Where};
use super::spec::ModelSpec;

/// The sections that decide about models.
#[derive(Clone, Debug)]
pub struct ModelSections {
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
    /// Evaluates `[data] where`; `None` in a binary without SQL.
    filter: Option<ClipFilter>,
}

impl ModelSections {
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
            filter: None,
        };
        let tokenizer = sections.tokenizer_spec();
        let tokenizer = match sections.pinned.tokenizer.as_str() {
            NEWEST => tokenizer.newest()?,
            key => tokenizer.pinned(key)?,
        };
        let lam = sections.lam_spec(tokenizer.as_ref());
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

    /// Lets `filter` evaluate `[data] where`, instead of the selection that another binary recorded.
    ///
    /// # Errors
    /// When the expression cannot judge clips.
    pub fn with_filter(self, filter: ClipFilter) -> Result<Self> {
        let sections = Self { filter: Some(filter), ..self };
        sections.selecting().check()?;
        Ok(sections)
    }

    pub(super) fn selecting(&self) -> Where {
        Where::new(&self.data.r#where, self.filter)
    }

    pub(super) fn tokenizer_spec(&self) -> ModelSpec<'_> {
        ModelSpec::new(
            &self.data.root,
            "tokenizer",
            &self.tokenizer.keyed(),
            &self.tokenizer.0.train,
        )
    }

    /// Of `tokenizer`, where it looks at tokens.
    pub(super) fn lam_spec<'a>(&'a self, tokenizer: Option<&'a Key>) -> ModelSpec<'a> {
        let spec = ModelSpec::new(&self.data.root, "lam", &self.lam.keyed(), &self.lam.0.train);
        match self.lam.0.input {
            LamInput::Pixels => spec,
            LamInput::Tokens => ModelSpec { tokenizer, ..spec },
        }
    }

    /// The tokenizer of this config that was finished last, if there is one.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest_tokenizer(&self) -> Result<Option<Key>> {
        self.tokenizer_spec().newest()
    }

    /// The latent action model of this config that was finished last, if there is one.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest_lam(&self) -> Result<Option<Key>> {
        self.lam_spec(None).newest()
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
