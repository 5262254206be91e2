//! The chain of work keys from clips to dynamics under one config: which directory each model's step belongs in. A key holds the keys of what went
//! in, so a changed tokenizer gives new tokens and a new dynamics model, and leaves the latent action model alone.

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{LamInput, MODEL_FORMAT};
use genie_shards::{ACTIONS_FORMAT, Manifest, TOKENS_FORMAT, tables};
use genie_stage::config::{Config, DataConfig, Resolved};
use genie_stage::key::Key;
use genie_stage::step::StepDir;

use crate::{DynamicsSection, LamSection, TokenizerSection};

/// The sections that decide about models.
#[derive(Clone, Debug)]
pub struct Sections {
    /// `[data]`.
    pub data: DataConfig,
    /// `[tokenizer]`.
    pub tokenizer: TokenizerSection,
    /// `[lam]`.
    pub lam: LamSection,
    /// `[dynamics]`.
    pub dynamics: DynamicsSection,
}

impl Sections {
    /// Reads and checks them.
    ///
    /// # Errors
    /// When a value is wrong.
    pub fn read(config: &Config) -> Result<Self> {
        Ok(Self {
            data: config.section()?,
            tokenizer: config.section()?,
            lam: config.section()?,
            dynamics: config.section()?,
        })
    }

    /// Runs every model on `device` instead of where the config says.
    pub fn run_on(&mut self, device: &str) {
        for place in [&mut self.tokenizer.0.device, &mut self.lam.0.device, &mut self.dynamics.0.device] {
            device.clone_into(place);
        }
    }

    /// As TOML.
    #[must_use]
    pub fn resolved(&self) -> Resolved {
        Resolved::new().with(&self.data).with(&self.tokenizer).with(&self.lam).with(&self.dynamics)
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

    /// The chain over the clips that are published now; none without clips.
    ///
    /// # Errors
    /// When the manifest of the clips cannot be read.
    pub fn of(sections: &Sections) -> Result<Option<Self>> {
        let root = &sections.data.root;
        let manifest = Manifest::load(root).context("cannot read the manifest of the clips")?;
        if manifest.table(tables::CLIPS).is_empty() {
            return Ok(None);
        }
        let clips = manifest.table_hash(tables::CLIPS);
        let window = sections.tokenizer.0.frames;

        let key = |step: &str| Key::builder(step, MODEL_FORMAT);
        let tokenizer = key("tokenizer").config(&sections.tokenizer.keyed()).input("clips", &clips).finish();
        let tokens =
            Key::builder("tokens", TOKENS_FORMAT).input("tokenizer", &tokenizer).input("clips", &clips).finish();
        let lam = key("lam").config(&sections.lam.keyed()).input("clips", &clips);
        let lam = match sections.lam.0.input {
            LamInput::Pixels => lam,
            LamInput::Tokens => lam.input("tokenizer", &tokenizer).input("tokens", &tokens),
        }
        .finish();
        let actions =
            Key::builder("actions", ACTIONS_FORMAT).config(&window).input("lam", &lam).input("clips", &clips).finish();
        let dynamics = key("dynamics")
            .config(&sections.dynamics.keyed())
            .input("tokenizer", &tokenizer)
            .input("lam", &lam)
            .input("tokens", &tokens)
            .input("actions", &actions)
            .finish();

        let model = |kind: &str, key: &Key| StepDir::open(directory(root, kind, key), key, kind);
        Ok(Some(Self {
            tokens: StepDir::open(root.join("tokens").join(tokenizer.as_str()), &tokens, "tokens"),
            actions: StepDir::open(root.join("actions").join(lam.as_str()), &actions, "actions"),
            tokenizer: model("tokenizer", &tokenizer),
            lam: model("lam", &lam),
            dynamics: model("dynamics", &dynamics),
        }))
    }
}

fn directory(root: &Utf8Path, kind: &str, key: &Key) -> Utf8PathBuf {
    root.join("models").join(kind).join(key.as_str())
}
