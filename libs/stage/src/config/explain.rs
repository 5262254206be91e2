//! The flag `--explain` of a stage's subcommand `config`.

use std::io::{self, Write as _};

use super::resolved::Resolved;

/// Flags of `config` that print the reference of the stage's sections.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct ExplainArgs {
    /// Print what each key means, with its type and default; of one section only, if given.
    #[arg(long, value_name = "SECTION", num_args = 0..=1, default_missing_value = "")]
    explain: Option<String>,
    /// With --explain: print JSON.
    #[arg(long, requires = "explain")]
    json: bool,
}

impl ExplainArgs {
    /// Prints the reference of the sections of `resolved`, or `resolved` itself without the flag.
    ///
    /// # Errors
    /// If the sections have no such name, or stdout cannot be written.
    pub fn print(&self, resolved: &Resolved) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        let Some(name) = &self.explain else {
            write!(stdout, "{resolved}")?;
            return Ok(());
        };
        let mut reference = resolved.reference();
        if !name.is_empty() {
            reference = reference.select(name)?;
        }
        if self.json {
            writeln!(stdout, "{}", serde_json::to_string(&reference)?)?;
        } else {
            write!(stdout, "{reference}")?;
        }
        Ok(())
    }
}
