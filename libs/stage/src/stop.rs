//! Stops on request: after Ctrl-C or SIGTERM, the work saves its state and ends.
//!
//! The first signal sets a flag that the work checks between training steps or items. A second
//! signal ends the process immediately, with the exit code that shells expect. Signals within one
//! second of the first count as the same request. They often arrive twice: Ctrl-C reaches every
//! process of the terminal, and `genie` also forwards it; systemd and `timeout` send SIGTERM to all
//! processes of a group. If such an echo ended the process, the checkpoint would be lost.
//!
//! A thread receives the signals, so the work may compute for seconds without checking.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::progress;

/// Signals within this time after the first one are echoes of it.
const ECHO: Duration = Duration::from_secs(1);

/// Result of an interrupted computation: no failure, and nothing to print. Exit code 130 or 143.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request")]
pub struct Stopped(pub u8);

/// Whether somebody asked this process to stop. Clones are cheap and share their state.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Received>);

#[derive(Debug, Default)]
struct Received {
    /// Number of the last signal; 0 before the first.
    last: AtomicI32,
    count: AtomicUsize,
}

/// Effect of a second signal on this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SecondSignal {
    /// It ends the process immediately.
    Ends,
    /// It is only counted: this process waits for its children, which decide.
    Counts,
}

impl Stop {
    /// Listens for SIGINT and SIGTERM; a second signal ends the process immediately.
    ///
    /// Later calls return the same `Stop`.
    #[must_use]
    pub fn install() -> Self {
        Self::listen(SecondSignal::Ends)
    }

    /// Like [`Stop::install`], but a second signal does not end the process.
    ///
    /// For a process that forwards signals to its children and waits for them.
    #[must_use]
    pub fn install_for_parent() -> Self {
        Self::listen(SecondSignal::Counts)
    }

    /// A separate `Stop` without signals: for tests, and to end work with [`Stop::request`].
    #[must_use]
    pub fn manual() -> Self {
        Self::default()
    }

    fn listen(second: SecondSignal) -> Self {
        static INSTALLED: OnceLock<Stop> = OnceLock::new();
        INSTALLED
            .get_or_init(|| {
                let stop = Self::default();
                if let Err(error) = stop.spawn_listener(second) {
                    tracing::warn!(
                        "cannot listen for Ctrl-C and SIGTERM ({error}); these signals will end \
                         this run without saving"
                    );
                }
                stop
            })
            .clone()
    }

    fn spawn_listener(&self, second: SecondSignal) -> std::io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let stop = self.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut first = None;
                for signal in signals.forever() {
                    stop.receive(signal);
                    let first: &mut Instant = first.get_or_insert_with(|| {
                        announce(second);
                        Instant::now()
                    });
                    if second == SecondSignal::Ends && first.elapsed() > ECHO {
                        if progress::on_terminal() {
                            eprintln!();
                        }
                        // Not `process::exit`: destructors may wait for other threads that are
                        // still running.
                        signal_hook::low_level::exit(i32::from(code(signal)));
                    }
                }
            })
            .map(drop)
    }

    fn receive(&self, signal: i32) {
        self.0.last.store(signal, Ordering::SeqCst);
        self.0.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Asks to stop, like Ctrl-C.
    pub fn request(&self) {
        self.receive(SIGINT);
    }

    /// Whether to save and end now.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.count() > 0
    }

    /// Returns `Err` if asked to stop: use `stop.check()?` in a loop that has nothing to save.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.requested() { Err(Stopped(self.exit_code())) } else { Ok(()) }
    }

    /// Number of signals so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Name of the last signal: "INT" or "TERM".
    #[must_use]
    pub fn signal_name(&self) -> &'static str {
        if self.0.last.load(Ordering::SeqCst) == SIGTERM { "TERM" } else { "INT" }
    }

    /// Exit code after stopping: 143 after SIGTERM, else 130.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        code(self.0.last.load(Ordering::SeqCst))
    }
}

/// Ignores SIGINT and SIGTERM: for a child process that its parent ends.
///
/// It starts no thread and opens no descriptor, so it also works in a confined process.
pub fn ignore_signals() -> std::io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// 128 + the number of the signal, as in shells.
fn code(signal: i32) -> u8 {
    if signal == SIGTERM { 143 } else { 130 }
}

fn announce(second: SecondSignal) {
    if second == SecondSignal::Ends {
        progress::suspend(|| {
            eprintln!("stopping: saving finished work (repeat to stop immediately)");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: work never sees the request, or exits with the code of another signal.
    #[test]
    fn a_request_is_seen_by_all_clones() {
        let stop = Stop::manual();
        let seen = stop.clone();
        assert_eq!(seen.check(), Ok(()));
        stop.request();
        assert!(seen.requested());
        assert_eq!(seen.check(), Err(Stopped(130)));
        stop.receive(SIGTERM);
        assert_eq!((seen.exit_code(), seen.signal_name()), (143, "TERM"));
        assert!(!Stop::manual().requested());
    }

    /// Catches: a SIGTERM ends the process before it saves, or a copy of the signal counts as a
    /// second signal. Either would end this test's process.
    #[test]
    fn a_signal_sets_the_flag_and_its_echo_is_harmless() {
        let stop = Stop::install();
        for _ in 0..2 {
            signal_hook::low_level::raise(SIGTERM).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while !stop.requested() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(Stop::install().requested());
        assert_eq!(stop.exit_code(), 143);
    }
}
