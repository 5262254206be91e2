//! The command line's edge: a clap parser with this project's exit codes.
//!
//! clap leaves with 2 on wrong usage, and 2 means "done, with rejects" here: a cron job must be able to tell the two
//! apart. So wrong usage is 64 (`EX_USAGE`), and `--help` and `--version` are 0.

use std::ffi::OsString;

use crate::exit;

/// Parses the process's arguments, or prints clap's message and leaves with 64 (0 for `--help` and `--version`).
#[must_use]
pub fn parse<T: clap::Parser>() -> T {
    T::try_parse_from(overrides_last(std::env::args_os())).unwrap_or_else(|error| {
        // stdout or stderr, as clap sees fit; a closed pipe there is no reason to fail differently.
        let _ = error.print();
        std::process::exit(i32::from(code_of(&error)))
    })
}

/// The arguments with every `--set` moved to the end: clap forgets the values of an option given before the subcommand when
/// it is given after it as well, and an override must never be dropped without a word.
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

/// The exit code for what clap has to say.
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

    /// Would catch: `--set a=1 run --set b=2` running without a=1 and saying nothing.
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

    /// Would catch: a typo in a cron line being reported as "done, with rejects" (clap's own 2).
    #[test]
    fn wrong_usage_is_64() {
        assert_eq!(code(&["x", "--nubmer", "1"]), 64);
        assert_eq!(code(&["x", "--number", "many"]), 64);
        assert_eq!(code(&["x"]), 64);
    }

    /// Would catch: `--help` in a script with `set -e` ending the script.
    #[test]
    fn help_and_version_are_0() {
        assert_eq!(code(&["x", "--help"]), 0);
        assert_eq!(code(&["x", "--version"]), 0);
    }
}
