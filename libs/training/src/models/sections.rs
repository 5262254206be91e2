//! The config sections that decide which models a run uses.

use anyhow::Result;
use genie_model::LamInput;
use genie_stage::config::{Config, DataConfig, Resolved};
use genie_stage::key::Key;

use super::config::{DynamicsSection, LamSection, TokenizerSection};
use super::pinned::{NEWEST, PinnedSection};
use super::selection::{ClipFilter, ClipSelector};
use super::spec::ModelSpec;

/// The config sections that decide which models a run uses.
#[derive(Clone, Debug)]
pub struct ModelSections {
    /// The section `[data]`.
    pub data: DataConfig,
    /// The section `[pinned]`. Each value is a key or empty: `newest` is replaced by a key.
    pub pinned: PinnedSection,
    /// The section `[tokenizer]`.
    pub tokenizer: TokenizerSection,
    /// The section `[lam]`.
    pub lam: LamSection,
    /// The section `[dynamics]`.
    pub dynamics: DynamicsSection,
    /// Evaluates `[data] where`; `None` in a binary without SQL.
    filter: Option<ClipFilter>,
}

impl ModelSections {
    /// Reads and checks the sections, and replaces `newest` in `[pinned]` by keys.
    ///
    /// # Errors
    /// When a value is wrong, or a model that is pinned by its key does not exist.
    pub fn read(config: &Config) -> Result<Self> {
        let mut sections = Self {
            data: config.section::<DataConfig>()?.mounted()?,
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
            // A model of tokens belongs to one tokenizer. Without a pinned tokenizer, that is the
            // one of the current clips.
            NEWEST if sections.lam.0.input == LamInput::Tokens && tokenizer.is_none() => None,
            NEWEST => lam.newest()?,
            key => lam.pinned(key)?,
        };
        let text = |key: Option<Key>| key.map_or_else(String::new, |key| key.to_string());
        sections.pinned = PinnedSection { tokenizer: text(tokenizer), lam: text(lam) };
        Ok(sections)
    }

    /// Lets `filter` evaluate `[data] where`, instead of reading the recorded selection.
    ///
    /// # Errors
    /// When the expression is not valid.
    pub fn with_filter(self, filter: ClipFilter) -> Result<Self> {
        let sections = Self { filter: Some(filter), ..self };
        sections.clip_selector().check()?;
        Ok(sections)
    }

    pub(super) fn clip_selector(&self) -> ClipSelector {
        ClipSelector::new(&self.data.r#where, self.filter)
    }

    pub(super) fn tokenizer_spec(&self) -> ModelSpec<'_> {
        ModelSpec::new(&self.data, "tokenizer", &self.tokenizer.keyed(), &self.tokenizer.0.train)
    }

    /// `tokenizer` matters only if the input of the latent action model is tokens.
    pub(super) fn lam_spec<'a>(&'a self, tokenizer: Option<&'a Key>) -> ModelSpec<'a> {
        let spec = ModelSpec::new(&self.data, "lam", &self.lam.keyed(), &self.lam.0.train);
        match self.lam.0.input {
            LamInput::Pixels => spec,
            LamInput::Tokens => ModelSpec { tokenizer, ..spec },
        }
    }

    /// The key of the last finished tokenizer of this config.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest_tokenizer(&self) -> Result<Option<Key>> {
        self.tokenizer_spec().newest()
    }

    /// The key of the last finished latent action model of this config.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest_lam(&self) -> Result<Option<Key>> {
        self.lam_spec(None).newest()
    }

    /// Sets the device of every model.
    pub fn run_on(&mut self, device: &str) {
        for place in
            [&mut self.tokenizer.0.device, &mut self.lam.0.device, &mut self.dynamics.0.device]
        {
            device.clone_into(place);
        }
    }

    /// The sections that have a device, with the device's name.
    #[must_use]
    pub fn devices(&self) -> [(&'static str, &str); 3] {
        [
            ("tokenizer", &self.tokenizer.0.device),
            ("lam", &self.lam.0.device),
            ("dynamics", &self.dynamics.0.device),
        ]
    }

    /// The sections as TOML.
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
