//! Colour on a terminal, and plain text elsewhere.

use std::io::{self, IsTerminal};
use std::sync::LazyLock;

static COLOURS: LazyLock<bool> =
    LazyLock::new(|| io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());

/// Makes a heading bold, for stderr.
#[must_use]
pub fn bold(text: &str) -> String {
    paint("1", text)
}

/// Makes less important text dim, for stderr.
#[must_use]
pub fn dim(text: &str) -> String {
    paint("2", text)
}

fn paint(code: &str, text: &str) -> String {
    if *COLOURS { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
