//! What a run tells people as it goes: plain sentences on stderr, that do not tear progress bars apart.
//!
//! stdout is data and is never written here. Information is a bare line, as a person would write it; warnings and
//! errors begin with their name, as the compiler's do. `-v` adds detail with its origin; `RUST_LOG` overrides all.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::progress;

/// `-v` and `-q`, to flatten into a parser: `log::init(cli.verbosity.level())`.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
pub struct Verbosity {
    /// Say more; twice for still more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl Verbosity {
    #[must_use]
    pub fn level(self) -> i8 {
        if self.quiet { -1 } else { i8::try_from(self.verbose).unwrap_or(i8::MAX) }
    }
}

/// Starts logging to stderr: -1 warnings only, 0 information, 1 debug, 2 and more everything. Only the first call in
/// a process counts.
pub fn init(verbosity: i8) {
    let ours = match verbosity {
        ..0 => "warn",
        0 => "info",
        1 => "debug",
        2.. => "trace",
    };
    // The prefix "genie" covers every crate of this workspace; libraries only speak up when something is wrong.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,genie={ours}")));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .event_format(Sentence)
        .with_writer(|| BesideBars)
        .try_init();
}

/// stderr, with the bars taken away while it is written.
struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The format described at the head of this file.
struct Sentence;

impl<S, N> FormatEvent<S, N> for Sentence
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
