//! Stopping on request: Ctrl-C and SIGTERM ask, the work saves itself and ends.
//!
//! The first signal sets a flag that the work looks at between steps; a second one, from somebody who will not wait,
//! ends the process at once with the code the shell expects. Signals that arrive within a second of the first are the
//! same request by another road: a Ctrl-C reaches every process of the terminal and `genie` passes it on as well;
//! systemd and `timeout` send SIGTERM to all processes of a group. Taking those for impatience would lose the
//! checkpoint.
//!
//! A thread receives the signals, so that the work may compute for seconds without looking.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::progress;

/// Within this time after the first signal, others are echoes of it.
const ECHO: Duration = Duration::from_secs(1);

/// What an interrupted computation returns: no failure, and nothing to print. Exit code 130 or 143.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request")]
pub struct Stopped(pub u8);

/// Whether somebody asked this process to stop. Cheap to clone; all clones of one origin see the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Received>);

#[derive(Debug, Default)]
struct Received {
    /// The last signal's number; 0 while there was none.
    last: AtomicI32,
    count: AtomicUsize,
}

/// What a second signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// It ends the process at once.
    Finite,
    /// It is only counted: this process waits for its children, who decide.
    Endless,
}

impl Stop {
    /// Listens for SIGINT and SIGTERM from now on; a second signal ends the process at once. A further call returns
    /// the same `Stop`.
    #[must_use]
    pub fn install() -> Self {
        Self::listen(Patience::Finite)
    }

    /// As [`Stop::install`], but for a process that passes signals on to its children and outlives them: it is never
    /// ended from here.
    #[must_use]
    pub fn install_for_parent() -> Self {
        Self::listen(Patience::Endless)
    }

    /// A `Stop` of its own that no signal sets: for tests, and to end work from within by [`Stop::request`].
    #[must_use]
    pub fn manual() -> Self {
        Self::default()
    }

    fn listen(patience: Patience) -> Self {
        static INSTALLED: OnceLock<Stop> = OnceLock::new();
        INSTALLED
            .get_or_init(|| {
                let stop = Self::default();
                if let Err(error) = stop.spawn_listener(patience) {
                    tracing::warn!(
                        "cannot listen for Ctrl-C and SIGTERM ({error}): they will end this run without saving"
                    );
                }
                stop
            })
            .clone()
    }

    fn spawn_listener(&self, patience: Patience) -> std::io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let stop = self.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut first = None;
                for signal in signals.forever() {
                    stop.receive(signal);
                    let first: &mut Instant = first.get_or_insert_with(|| {
                        announce(patience);
                        Instant::now()
                    });
                    if patience == Patience::Finite && first.elapsed() > ECHO {
                        if progress::on_terminal() {
                            eprintln!();
                        }
                        // Not `process::exit`: other threads are at work and their destructors may wait on them.
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

    /// Asks to stop, as Ctrl-C does.
    pub fn request(&self) {
        self.receive(SIGINT);
    }

    /// Whether to save and end now.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.count() > 0
    }

    /// `Err` when asked to stop: `stop.check()?` in a loop that has nothing to save.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.requested() { Err(Stopped(self.exit_code())) } else { Ok(()) }
    }

    /// How many signals have come.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    /// The last signal that came: "INT" or "TERM".
    #[must_use]
    pub fn signal_name(&self) -> &'static str {
        if self.0.last.load(Ordering::SeqCst) == SIGTERM { "TERM" } else { "INT" }
    }

    /// The code to leave with after stopping: 143 after SIGTERM, else 130.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        code(self.0.last.load(Ordering::SeqCst))
    }

    /// [`crate::Exit::Stopped`] with that code.
    #[must_use]
    pub fn exit(&self) -> crate::Exit {
        crate::Exit::Stopped(self.exit_code())
    }
}

/// 128 + the signal's number, as shells have it.
fn code(signal: i32) -> u8 {
    if signal == SIGTERM { 143 } else { 130 }
}

fn announce(patience: Patience) {
    if patience == Patience::Finite {
        progress::suspend(|| eprintln!("stopping: saving what is done (again to stop at once)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch: work that never sees the request, or leaves with the code of another signal.
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

    /// Would catch: a real SIGTERM ending the process without saving, and the echo that `genie` forwards right after
    /// being taken for impatience (either would end this test's process).
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
