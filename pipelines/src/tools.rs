//! The stages' binaries: where they are, and what they answer to `config` and `status`.
//!
//! They lie in the directory of this binary, as cargo and any installation put them: never found by `PATH`, so that a
//! pipeline cannot mix versions.

use std::process::{Command, Stdio};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::config::{Config, ConfigArgs};
use genie_stage::exit;
use genie_stage::status::StepStatus;
use toml::Table;

use crate::steps::Stage;

/// A binary ended with a code of its own, having told why on stderr.
#[derive(Debug, thiserror::Error)]
#[error("{command} ended with exit code {code}: its message is above")]
pub struct StageFailed {
    pub command: String,
    pub code: u8,
}

/// The directory of the stages' binaries.
#[derive(Debug, Clone)]
pub struct Tools(Utf8PathBuf);

impl Tools {
    /// Those beside the running binary.
    pub fn beside_this_one() -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("cannot find out where this binary is")?;
        let this = Utf8PathBuf::try_from(this).context("this binary's path is not UTF-8")?;
        let dir = this.parent().context("this binary is in no directory")?;
        Ok(Self::in_dir(dir))
    }

    #[must_use]
    pub fn in_dir(dir: impl Into<Utf8PathBuf>) -> Self {
        Self(dir.into())
    }

    #[must_use]
    pub fn dir(&self) -> &Utf8Path {
        &self.0
    }

    /// All binaries must be there before anything starts: not after an hour of training.
    pub fn check(&self) -> anyhow::Result<()> {
        let missing: Vec<_> = Stage::ALL
            .iter()
            .map(|stage| stage.binary())
            .filter(|binary| !self.0.join(binary).is_file())
            .collect();
        anyhow::ensure!(
            missing.is_empty(),
            "{} not found in {}, beside this binary: build everything with `make build` \
             or `cargo build --release --workspace`",
            missing.join(", "),
            self.0
        );
        Ok(())
    }

    /// A command of `stage`, to which arguments may be added.
    #[must_use]
    pub fn command(&self, stage: Stage) -> Command {
        Command::new(self.0.join(stage.binary()))
    }

    /// The whole config as the stages understand it: every key of every section, or the error of the first that
    /// refuses it.
    pub fn resolve(&self, config: &Config, args: &ConfigArgs) -> anyhow::Result<Table> {
        self.check()?;
        // First every key in every section, here, where all sections are known: the best message.
        config.check_keys(&self.sections(&ConfigArgs::default())?)?;
        // Then types and ranges, which only the stages know.
        self.sections(args)
    }

    /// The sections of all stages together.
    fn sections(&self, args: &ConfigArgs) -> anyhow::Result<Table> {
        let mut all = Table::new();
        for stage in Stage::ALL {
            let text = self.ask(stage, &["config"], args, Stdio::inherit())?;
            let sections: Table = text
                .parse()
                .with_context(|| format!("`{} config` printed no valid TOML", stage.binary()))?;
            all.extend(sections);
        }
        Ok(all)
    }

    /// What `stage` says about its steps; what it says when it cannot goes to `stderr`.
    pub fn status(
        &self,
        stage: Stage,
        args: &ConfigArgs,
        stderr: Stdio,
    ) -> anyhow::Result<Vec<StepStatus>> {
        let text = self.ask(stage, &["status", "--json"], args, stderr)?;
        serde_json::from_str(&text)
            .with_context(|| format!("`{} status --json` printed something else", stage.binary()))
    }

    /// The stdout of a subcommand.
    pub fn ask(
        &self,
        stage: Stage,
        words: &[&str],
        args: &ConfigArgs,
        stderr: Stdio,
    ) -> anyhow::Result<String> {
        let output = self
            .command(stage)
            .args(words)
            .args(args.to_words())
            .stdin(Stdio::null())
            .stderr(stderr)
            .output()
            .with_context(|| format!("cannot start {}", stage.binary()))?;
        if !output.status.success() {
            return Err(StageFailed {
                command: format!("{} {}", stage.binary(), words.join(" ")),
                code: crate::child::code_of(output.status),
            }
            .into());
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("{} printed something that is not UTF-8", stage.binary()))
    }
}

/// The exit for an error that a stage has already explained, in its own words, on stderr.
pub fn explained(error: anyhow::Error) -> anyhow::Result<exit::Exit> {
    match error.downcast::<StageFailed>() {
        Ok(failed) => Ok(exit::Exit::Failed(failed.code)),
        Err(other) => Err(other),
    }
}
