//! Parses the command line with clap and this project's exit codes.
//!
//! clap exits with 2 on wrong usage, but here 2 means "done, with rejects". A cron job must be able
//! to distinguish the two. So wrong usage is 64 (`EX_USAGE`), and `--help` and `--version` are 0.

use std::ffi::OsString;

use crate::exit;

/// Parses the arguments of the process.
///
/// If they are wrong, it prints clap's message and exits with 64. For `--help` and `--version` it
/// exits with 0.
#[must_use]
pub fn parse<T: clap::Parser>() -> T {
    T::try_parse_from(overrides_last(std::env::args_os())).unwrap_or_else(|error| {
        // clap chooses stdout or stderr. A closed pipe must not change the exit code.
        let _ = error.print();
        std::process::exit(i32::from(code_of(&error)))
    })
}

/// Moves every `--set` to the end of the arguments.
///
/// If an option is given before and after the subcommand, clap forgets the values before it. An
/// override must never be lost silently.
fn overrides_last(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let (mut others, mut overrides) = (Vec::new(), Vec::new());
    let mut args = args;
    while let Some(arg) = args.next() {
        if arg == "--set" {
            overrides.push(arg);
            overrides.extend(args.next());
        } else if arg.to_string_lossy().starts_with("--set=") {
            overrides.push(arg);
        } else {
            others.push(arg);
        }
    }
    others.extend(overrides);
    others
}

/// Exit code for an error or a message of clap.
fn code_of(error: &clap::Error) -> u8 {
    if error.use_stderr() { exit::USAGE } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    #[command(version = "1")]
    struct Cli {
        #[arg(long)]
        number: u8,
    }

    #[derive(Parser, Debug)]
    struct Overridden {
        #[arg(long, global = true)]
        set: Vec<String>,
        #[command(subcommand)]
        command: Command,
    }

    #[derive(clap::Subcommand, Debug)]
    enum Command {
        Run { path: Option<String> },
    }

    /// Catches: `--set a=1 run --set b=2` silently runs without a=1.
    #[test]
    fn overrides_count_on_either_side_of_the_subcommand() {
        let args =
            ["x", "--set", "a=1", "run", "--set=b=2", "here", "--set", "c=3"].map(OsString::from);
        let parsed = Overridden::try_parse_from(overrides_last(args.into_iter())).unwrap();
        assert_eq!(parsed.set, ["a=1", "b=2", "c=3"]);
        let Command::Run { path } = parsed.command;
        assert_eq!(path.as_deref(), Some("here"));
        let dangling = ["x", "run", "--set"].map(OsString::from);
        assert!(Overridden::try_parse_from(overrides_last(dangling.into_iter())).is_err());
    }

    fn code(args: &[&str]) -> u8 {
        code_of(&Cli::try_parse_from(args).unwrap_err())
    }

    /// Catches: a typing error in a cron line is reported as "done, with rejects" (clap's own 2).
    #[test]
    fn wrong_usage_is_64() {
        assert_eq!(code(&["x", "--nubmer", "1"]), 64);
        assert_eq!(code(&["x", "--number", "many"]), 64);
        assert_eq!(code(&["x"]), 64);
    }

    /// Catches: `--help` has another exit code than 0, which ends a script with `set -e`.
    #[test]
    fn help_and_version_are_0() {
        assert_eq!(code(&["x", "--help"]), 0);
        assert_eq!(code(&["x", "--version"]), 0);
    }
}
