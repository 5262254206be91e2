//! The command line's edge: a clap parser with this project's exit codes.
//!
//! clap leaves with 2 on wrong usage, and 2 means "done, with rejects" here: a cron job must be able to tell the two
//! apart. So wrong usage is 64 (`EX_USAGE`), and `--help` and `--version` are 0.

use crate::exit;

/// Parses the process's arguments, or prints clap's message and leaves with 64 (0 for `--help` and `--version`).
#[must_use]
pub fn parse<T: clap::Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| {
        // stdout or stderr, as clap sees fit; a closed pipe there is no reason to fail differently.
        let _ = error.print();
        std::process::exit(i32::from(code_of(&error)))
    })
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
