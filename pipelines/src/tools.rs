//! The stages' binaries: where they are, and what their `config` and `status` commands print.
//!
//! They are in the directory of this binary, where cargo and every installation put them. `PATH` is
//! not searched, so a pipeline cannot mix versions.

use std::process::{Command, Stdio};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::config::{Config, ConfigArgs};
use genie_stage::exit;
use genie_stage::status::StepStatus;
use toml::Table;

use crate::steps::{Stage, Step};

/// A binary failed with this exit code, and printed the reason on stderr.
#[derive(Debug, thiserror::Error)]
#[error("`{command}` ended with exit code {code}: its message is above")]
pub struct StageFailed {
    pub command: String,
    pub code: u8,
}

/// The directory of the stages' binaries.
#[derive(Debug, Clone)]
pub struct Tools(Utf8PathBuf);

impl Tools {
    /// The binaries in the directory of the running binary.
    pub fn beside_this_one() -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("cannot find the path of this binary")?;
        let this = Utf8PathBuf::try_from(this).context("this binary's path is not UTF-8")?;
        let dir = this.parent().context("this binary has no parent directory")?;
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

    /// Checks that all binaries exist, before anything starts.
    pub fn check(&self) -> anyhow::Result<()> {
        let missing: Vec<_> = Stage::ALL
            .iter()
            .map(|stage| stage.binary())
            .filter(|binary| !self.0.join(binary).is_file())
            .collect();
        anyhow::ensure!(
            missing.is_empty(),
            "{} not found in {}, the directory of this binary: build everything with \
             `make build` or `cargo build --release --workspace`",
            missing.join(", "),
            self.0
        );
        Ok(())
    }

    /// The command that runs a stage's binary; the caller adds arguments.
    #[must_use]
    pub fn command(&self, stage: Stage) -> Command {
        Command::new(self.0.join(stage.binary()))
    }

    /// Checks the whole config, and returns it with every key filled in.
    pub fn resolve(&self, config: &Config, args: &ConfigArgs) -> anyhow::Result<Table> {
        self.check_keys(config)?;
        self.sections(args, &[])
    }

    /// Checks that all binaries and all keys of the config exist.
    ///
    /// This process knows the keys of all stages, so its message can name the section of a key.
    pub fn check_keys(&self, config: &Config) -> anyhow::Result<()> {
        self.check()?;
        Ok(config.check_keys(&self.sections(&ConfigArgs::default(), &[])?)?)
    }

    /// The sections of all stages together, with every key filled in.
    ///
    /// The stages check types and ranges, and whether their binary can use the devices of `steps`.
    pub fn sections(&self, args: &ConfigArgs, steps: &[Step]) -> anyhow::Result<Table> {
        let mut all = Table::new();
        for stage in Stage::ALL {
            let mut words = vec!["config"];
            for section in
                steps.iter().filter(|step| step.stage == stage).filter_map(Step::device_section)
            {
                words.extend(["--check-device", section]);
            }
            let text = self.ask(stage, &words, args, Stdio::inherit())?;
            let sections: Table = text
                .parse()
                .with_context(|| format!("`{} config` printed no valid TOML", stage.binary()))?;
            all.extend(sections);
        }
        Ok(all)
    }

    /// What `stage` prints about its steps. Its messages go to `stderr`.
    pub fn status(
        &self,
        stage: Stage,
        args: &ConfigArgs,
        stderr: Stdio,
    ) -> anyhow::Result<Vec<StepStatus>> {
        let text = self.ask(stage, &["status", "--json"], args, stderr)?;
        serde_json::from_str(&text).with_context(|| {
            format!("`{} status --json` did not print a list of steps", stage.binary())
        })
    }

    /// Runs a subcommand of a stage and returns its stdout.
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

/// Turns the failure of a stage, which has printed its message already, into an exit code.
pub fn explained(error: anyhow::Error) -> anyhow::Result<exit::Exit> {
    match error.downcast::<StageFailed>() {
        Ok(failed) => Ok(exit::Exit::Failed(failed.code)),
        Err(other) => Err(other),
    }
}
