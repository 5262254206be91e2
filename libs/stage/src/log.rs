//! Messages for people on stderr, which do not disturb progress bars.
//!
//! stdout is for data, and the log never writes to it. Information is a plain line. Warnings and
//! errors start with "warning:" or "error:". `-v` adds details and their origin; `RUST_LOG`
//! overrides everything.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::progress;

/// The flags `-v` and `-q`; use them as `log::init(cli.verbosity.level())`.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
pub struct Verbosity {
    /// Print more; repeat for still more.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Print only warnings and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Verbosity {
    #[must_use]
    pub fn level(self) -> i8 {
        if self.quiet { -1 } else { i8::try_from(self.verbose).unwrap_or(i8::MAX) }
    }
}

/// Starts logging to stderr; only the first call in a process counts.
///
/// A verbosity of -1 prints warnings only, 0 also information, 1 also debug messages, and 2 or more
/// everything.
pub fn init(verbosity: i8) {
    let ours = match verbosity {
        ..0 => "warn",
        0 => "info",
        1 => "debug",
        2.. => "trace",
    };
    // The prefix "genie" matches every crate of this workspace. Other libraries only print
    // warnings.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,genie={ours}")));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .event_format(PlainLine)
        .with_writer(|| HidingBars)
        .try_init();
}

/// stderr; each write hides the progress bars.
struct HidingBars;

impl Write for HidingBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The line format that the head of this file describes.
struct PlainLine;

impl<S, N> FormatEvent<S, N> for PlainLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let (colour, name) = match *metadata.level() {
            Level::ERROR => ("\x1b[1;31m", "error"),
            Level::WARN => ("\x1b[1;33m", "warning"),
            Level::INFO => ("", ""),
            Level::DEBUG => ("\x1b[2m", "debug"),
            Level::TRACE => ("\x1b[2m", "trace"),
        };
        if !name.is_empty() {
            if writer.has_ansi_escapes() {
                write!(writer, "{colour}{name}:\x1b[0m ")?;
            } else {
                write!(writer, "{name}: ")?;
            }
        }
        if *metadata.level() > Level::INFO {
            write!(writer, "{}: ", metadata.target())?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
